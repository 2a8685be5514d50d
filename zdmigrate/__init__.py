"""zdmigrate: judge an Alembic history for the version now in production, and carry it out."""

__version__ = "0.1.0"

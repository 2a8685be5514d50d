"""A module of the app that does without an optional library."""

try:
    import absent_accelerator

    BACKEND = absent_accelerator.NAME
except ImportError:
    BACKEND = "plain"

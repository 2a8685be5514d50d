"""`superset db upgrade` runs inside Superset's Flask app; some revisions read its configuration."""

from superset.app import create_app

create_app().app_context().push()

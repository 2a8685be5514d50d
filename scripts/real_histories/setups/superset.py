"""`superset db upgrade` runs inside Superset's Flask app; revisions read its configuration, or import its views."""

from superset.app import create_app

create_app(superset_config_module="setups.superset_configured").app_context().push()

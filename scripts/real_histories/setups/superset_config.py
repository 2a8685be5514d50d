"""The least a Superset needs to be set up: no caches, and nothing is asked of a database."""

import os

SECRET_KEY = "only-for-reading-migrations-0123456789"
SQLALCHEMY_DATABASE_URI = os.environ.get("SUPERSET_DATABASE", "mysql+pymysql://superset@localhost/superset")
FAB_CREATE_DB = False
FAB_UPDATE_PERMS = False
FAB_ADD_SECURITY_VIEWS = False
FAB_ADD_SECURITY_PERMISSION_VIEW = False
CACHE_CONFIG = DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}
FILTER_STATE_CACHE_CONFIG = EXPLORE_FORM_DATA_CACHE_CONFIG = {"CACHE_TYPE": "NullCache"}

"""The real histories, and where each app keeps what we need of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """One app.

    Attributes:
        scripts: folder of its Alembic scripts below site-packages.
        metadata: `module:object` of every MetaData its `create_all` makes before the history begins.
        extra: more to install with it.
        naming: `module:object` of the MetaData its env.py hands to Alembic (its naming convention matters).
        setup: module of `setups` imported first, where revisions read what the app sets up before it migrates.
        url_variable: names the database to the app's own settings, for the run on a server.
        environment: variables its own set-up wants.
        branches: the revisions are in sub-folders of `versions`.
    """

    name: str
    version: str
    scripts: str
    metadata: tuple[str, ...] = ()
    naming: str = ""
    setup: str = ""
    branches: bool = False
    extra: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    url_variable: str = ""

    @property
    def requirement(self) -> str:
        """What pip is asked for."""
        return f"{self.name}=={self.version}"

    def locations(self, root: Path) -> tuple[Path, tuple[Path, ...]]:
        """The script location below `root`, and the version locations where there are several."""
        folder = root / self.scripts
        if not self.branches:
            return folder, ()
        return folder, tuple(sorted({file.parent for file in (folder / "versions").rglob("*.py")}))


PROJECTS = (
    Project(
        "mlflow",
        "3.17.2",
        "mlflow/store/db_migrations",
        naming="mlflow.store.tracking.dbmodels.models:Base.metadata",
        metadata=("mlflow.store.tracking.dbmodels.initial_models:Base.metadata",),
    ),
    Project(
        "apache-airflow-core",
        "3.3.2",
        "airflow/migrations",
        naming="airflow.models.dagrun:Base.metadata",
        # What Airflow itself chooses when it is told to use MySQL.
        environment=(("AIRFLOW__DATABASE__SQL_ENGINE_COLLATION_FOR_IDS", "utf8mb3_bin"),),
    ),
    Project(
        "apache-superset",
        "6.1.0",
        "superset/migrations",
        naming="flask_appbuilder.security.sqla.models:Model.metadata",
        metadata=("flask_appbuilder.security.sqla.models:Model.metadata",),
        setup="superset",
        extra=("flask-caching==2.3.1",),  # as Superset locks it; newer ones do not fit
        url_variable="SUPERSET_DATABASE",
    ),
    Project(
        "keystone",
        "30.0.0",
        "keystone/common/sql/migrations",
        naming="keystone.identity.backends.sql_model:sql.ModelBase.metadata",
        branches=True,
        setup="keystone",
    ),
    Project(
        "neutron",
        "29.0.0",
        "neutron/db/migration/alembic_migrations",
        naming="neutron.db.models_v2:model_base.BASEV2.metadata",
        branches=True,
    ),
    Project(
        "dagster",
        "1.13.28",
        "dagster/_core/storage/alembic",
        metadata=(
            "dagster._core.storage.runs.schema:RunStorageSqlMetadata",
            "dagster._core.storage.event_log.schema:SqlEventLogStorageMetadata",
            "dagster._core.storage.schedules.schema:ScheduleStorageSqlMetadata",
        ),
    ),
)

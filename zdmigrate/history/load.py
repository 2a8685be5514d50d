"""Where a catalog comes from when no history builds it: a dump, the app's MetaData, or a live server."""

from __future__ import annotations

from zdmigrate.history.loading.dump import from_dump as from_dump
from zdmigrate.history.loading.live import from_live as from_live
from zdmigrate.history.loading.live import server_flavour as server_flavour
from zdmigrate.history.loading.metadata import from_metadata as from_metadata
from zdmigrate.history.loading.metadata import import_metadata as import_metadata

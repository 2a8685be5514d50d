"""The errors of zdmigrate: one root, leaves that carry what a person needs to act."""

from __future__ import annotations


class ZdmigrateError(Exception):
    """Root of every error zdmigrate raises on purpose; `str()` is one clear sentence."""

    #: Exit code of the command line when this error ends it (DESIGN, "Contracts").
    exit_code = 2


class UsageError(ZdmigrateError):
    """A command line, configuration file or input file that cannot be used as it is."""

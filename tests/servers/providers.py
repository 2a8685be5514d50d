"""Which provider serves: processes of this machine, or containers on a Docker engine. Standard library at import."""

import functools
import os
from typing import Literal, get_args

from tests.servers.base import Kind, ServerError, ServerUnavailableError

PROVIDER_VARIABLE = "ZDRELEASE_SERVERS"
Provider = Literal["processes", "containers"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)


def provider_for(kind: Kind, version: str | None = None) -> Provider:
    """The provider that `ZDRELEASE_SERVERS` names; for `auto` (the default) what `automatic` finds.

    Raises:
        ServerUnavailableError: The variable names something else.
    """
    chosen = os.environ.get(PROVIDER_VARIABLE) or "auto"
    if chosen == "auto":
        return automatic(kind, version)
    if chosen not in PROVIDERS:
        raise ServerUnavailableError(kind, f"{PROVIDER_VARIABLE}={chosen!r}; it may be auto, processes or containers")
    return chosen


@functools.cache
def automatic(kind: Kind, version: str | None = None) -> Provider:
    """Containers where a Docker engine answers anyway and has the image or can get it, else processes.

    A private engine is never started for this: where no engine runs, processes start faster than containers would.
    """
    try:
        from tests.servers.engine import answering_engine
        from tests.servers.images.build import get_image, recipe_of
    except ModuleNotFoundError:  # the packages for containers are not installed
        return "processes"
    engine = answering_engine()
    if engine is None:
        return "processes"
    try:
        get_image(engine, recipe_of(kind, version))
    except ServerError:
        return "processes"
    return "containers"


def why_no_containers() -> tuple[str, bool] | None:
    """Why this run cannot use containers, or None when it can; starts the private engine to know.

    Returns:
        The reason in one line, and whether this machine ought to have been able to: then a test that needs
        containers fails, otherwise it is skipped with this line in pytest's summary. A machine ought to be able
        when `ZDRELEASE_SERVERS=containers` says so, when an engine answers, or when it runs as a root that may mount
        and make networks and has `dockerd` or could install it with apt.
    """
    chosen = os.environ.get(PROVIDER_VARIABLE)
    if chosen == "processes":
        return f"{PROVIDER_VARIABLE}=processes", False
    try:
        from tests.servers.containers import current_run
        from tests.servers.engine import EngineError
    except ModuleNotFoundError as error:
        return f"the Python package {error.name} is not installed", True
    try:
        current_run()
    except EngineError as error:
        return str(error), error.expected or chosen == "containers"
    return None

"""Options with which a command asks the live fleet, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.config import Settings
    from zdmigrate.fleet import Fleet

Command = TypeVar("Command", bound=Callable[..., Any])

#: Parameters that :func:`fleet_options` adds; settings have the same names.
NAMES = ("fleet", "expect_nodes", "least_age")


def fleet_options(command: Command) -> Command:
    """`--fleet`, and what makes its answer count."""
    options = [
        click.option(
            "--fleet",
            metavar="STORE_URL",
            help="Session store with the fleet: what runs now is old code. May hold ${VAR} for secrets; "
            "or set ZDMIGRATE_FLEET.",
        ),
        click.option(
            "--expect-nodes", type=click.IntRange(min=1), metavar="N", help="A fleet of fewer nodes proves nothing."
        ),
        click.option(
            "--least-age",
            type=click.FloatRange(min=0),
            metavar="SECONDS",
            help="A registry kept for less than this proves nothing (120).",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def with_fleet(settings: Settings, options: dict[str, Any]) -> Settings:
    """The settings with what these options say of the fleet; takes them out of `options`.

    Raises:
        UsageError: a limit without a fleet to apply it to, or an empty URL.
    """
    given = {name: options.pop(name) for name in NAMES}
    if given["fleet"] == "":
        raise UsageError("--fleet is empty; leave it out, or see why the variable it comes from is not set")
    found = settings.override(**given)
    if found.fleet is None:
        for name in NAMES[1:]:
            if given[name] is not None:
                raise UsageError(f"--{name.replace('_', '-')} is for --fleet STORE_URL; give that too")
    return found


@contextmanager
def opened_fleet(settings: Settings) -> Iterator[Fleet | None]:
    """The fleet that the settings name; None when they name none."""
    if settings.fleet is None:
        yield None
        return
    from zdmigrate.fleet import open_fleet

    with open_fleet(settings.fleet, expect_nodes=settings.expect_nodes, least_age=settings.least_age) as fleet:
        yield fleet

"""`zdmigrate plan`: show every pending change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zdmigrate.cli_fleet import NAMES as FLEET_OPTIONS
from zdmigrate.cli_fleet import fleet_options
from zdmigrate.cli_history import asking_fleet, assembled, history_options, requested
from zdmigrate.cli_output import print_to, write_to

if TYPE_CHECKING:
    from zdmigrate.assemble import Request
    from zdmigrate.plan import Plan


@click.command()
@history_options
@fleet_options
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "markdown"]), default="text", help="Report format."
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.option("--remedies", is_flag=True, help="Print the recipe under every change that needs one.")
@click.option("--throwaway", is_flag=True, help="Ask a server what each change costs: one started and removed again.")
@click.option("--server", metavar="URL", help="Ask this server instead, in a scratch database that is dropped again.")
@click.option("--server-binary", type=click.Path(path_type=Path), help="Start this mysqld or mariadbd for --throwaway.")
def plan(
    format_: str,
    output: Path | None,
    remedies: bool,
    throwaway: bool,
    server: str | None,
    server_binary: Path | None,
    **options: Any,
) -> None:
    """Show every pending change: verdict, phase, cost, strategy. Always exits 0 when it could be made."""
    fleet = {name: options.pop(name) for name in FLEET_OPTIONS}
    request = asking_fleet(requested({**options, "server": server}), fleet)
    ask = throwaway or server is not None or server_binary is not None
    made = _asked(request, server, server_binary) if ask else assembled(request)
    if format_ == "text":
        from zdmigrate.report.text import print_plan

        print_to(output, lambda console: print_plan(console, made, remedies=remedies))
        return
    from zdmigrate.report import json, markdown

    write_to(output, json.render(made) if format_ == "json" else markdown.render(made))


def _asked(request: Request, server: str | None, binary: Path | None) -> Plan:
    """The plan with the costs of that server, or of one started for it; without a target it is judged for that one."""
    from contextlib import ExitStack
    from dataclasses import replace

    from zdmigrate.config import expand_variables
    from zdmigrate.flavour import DEFAULT_TARGET
    from zdmigrate.proof.oracle import ask_plan, server_flavour
    from zdmigrate.proof.servers import throwaway
    from zdmigrate.report.progress import progress_bar

    settings = request.settings
    made = assembled(request) if settings.target is not None or settings.url is not None else None
    with ExitStack() as stack:
        if server is not None:
            url = expand_variables(server)
        else:
            wanted = made.target if made is not None else DEFAULT_TARGET
            url = stack.enter_context(throwaway(wanted, binary=binary, say=lambda text: click.echo(text, err=True))).url
        if made is None:
            made = assembled(replace(request, settings=settings.override(target=str(server_flavour(url)))))
        with progress_bar("asking the server", worth=20) as step:
            return ask_plan(made, url, progress=step)

"""`zdmigrate check`: the gate for CI."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zdmigrate.cli_fleet import NAMES as FLEET_OPTIONS
from zdmigrate.cli_fleet import fleet_options
from zdmigrate.cli_history import asking_fleet, assembled, history_options, requested, server_options
from zdmigrate.cli_output import print_to, say, write_to
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@history_options
@fleet_options
@click.option("--since", metavar="REV|git:REF", help="Judge only revisions after REV, or not in git commit REF.")
@click.option("--fail-on", type=click.Choice(["unsafe", "conditional"]), help="What fails the gate (default: unsafe).")
@click.option("--strict/--no-strict", default=True, help="Whether what cannot be judged fails the gate (exit 3).")
@click.option("--baseline", type=click.Path(path_type=Path), help="Accept the findings in this file.")
@click.option(
    "--write-baseline", type=click.Path(path_type=Path), help="Write what is found now as accepted, and exit 0."
)
@click.option("--prove", "proved", is_flag=True, help="Also run old code on a server (see prove): what breaks fails.")
@server_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "github", "markdown"]),
    default="text",
    help="Report format.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write the report to a file.")
@click.pass_context
def check(
    ctx: click.Context,
    /,
    since: str | None,
    fail_on: str | None,
    strict: bool,
    baseline: Path | None,
    write_baseline: Path | None,
    proved: bool,
    server: str | None,
    server_binary: Path | None,
    workload: tuple[Path, ...],
    format_: str,
    output: Path | None,
    **options: Any,
) -> None:
    """The gate for CI: exits 1 on an unsafe change outside a declared contract, 3 on what cannot be judged."""
    from datetime import UTC, datetime

    from zdmigrate.gate import run_gate
    from zdmigrate.verdict.model import Verdict
    from zdmigrate.waivers import apply_waivers

    fleet = {name: options.pop(name) for name in FLEET_OPTIONS}
    request = asking_fleet(requested({**options, "server": server}, since=since), fleet)
    if not proved and (server is not None or server_binary is not None or workload):
        raise UsageError("--server, --server-binary and --workload are for --prove; add it")
    made = assembled(request)
    made, problems = apply_waivers(made, datetime.now(UTC).date())
    if write_baseline is not None:
        from zdmigrate import baseline as baseline_file

        count = baseline_file.write_baseline(write_baseline, made)
        click.echo(f"{write_baseline}: {count} findings accepted")
        return
    accepted = baseline or request.settings.baseline
    if accepted is not None:
        from zdmigrate import baseline as baseline_file

        made = baseline_file.apply_baseline(made, baseline_file.read_baseline(accepted))
    threshold = Verdict(fail_on or request.settings.fail_on)
    gate = run_gate(made, fail_on=threshold, strict=strict, waiver_problems=problems)
    proof = None
    if proved:
        from zdmigrate.proof import command
        from zdmigrate.proof import report as proof_report
        from zdmigrate.proof.gate import with_proof

        asked = command.Asked(server, server_binary, workload)
        # Judged above: for that target the proof says on which server it ran.
        proof = command.run(lambda _: made, asked, request.settings, say=say)
        gate = with_proof(gate, proof, strict=strict)
    if format_ == "text":
        from zdmigrate.report.text import print_gate

        def show(console: Console) -> None:
            if proof is not None:
                console.file.write(proof_report.text(proof) + "\n")
            print_gate(console, made, gate, tuple(problems))

        print_to(output, show)
    elif format_ == "json" and proof is not None:
        from zdmigrate.report import json

        document = json.document(made, gate, tuple(problems))
        write_to(output, proof_report.pretty({**document, "proof": proof_report.document(proof)}))
    else:
        from zdmigrate.report import github, json, markdown, sarif

        render: dict[str, Callable[..., str]] = {
            "json": json.render,
            "sarif": sarif.render,
            "github": github.render,
            "markdown": markdown.render,
        }
        write_to(output, render[format_](made, gate, tuple(problems)))
    ctx.exit(gate.exit_code)

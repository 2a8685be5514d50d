"""`zdmigrate release`: parse, call `zdmigrate.run.release`, print."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zdmigrate.cli_report import given, hearing, report_option, reported
from zdmigrate.errors import UsageError

if TYPE_CHECKING:
    from zdmigrate.run.release.journal import Entry
    from zdmigrate.run.release.prepare import Prepared
    from zdmigrate.run.release.spec import ReleaseSpec
    from zdmigrate.run.release.status import Status
    from zdmigrate.run.release.telling import Told


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("release.toml"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Make every check and print every step; change nothing.")
@click.option("--undo", is_flag=True, help="Bring the old version back to the nodes that were changed.")
@click.option("--status", "show", is_flag=True, help="Show how far the release is, and what every node does.")
@click.option("--forget", is_flag=True, help="Give an unfinished release up; nodes and database stay as they are.")
@click.option("--repeat", is_flag=True, help="Carry out once more what is done: hooks, backfill, what is pending.")
@report_option
@click.pass_context
def release(
    ctx: click.Context,
    /,
    file: Path,
    yes: bool,
    dry_run: bool,
    undo: bool,
    show: bool,
    forget: bool,
    repeat: bool,
    report_folder: Path | None,
) -> None:
    """Carry a whole release out, as FILE (release.toml) describes it; or go on where it stopped.

    Expand, then each node: drain, stop, start, smoke test, back into rotation; then data, then contract.
    """
    if sum((undo, show, forget)) > 1:
        raise UsageError("--undo, --status and --forget are three things; give one of them")
    if dry_run and (show or forget):
        raise UsageError("--dry-run is for a release or --undo")
    if repeat and (undo or show or forget):
        raise UsageError("--repeat is for a release")
    from zdmigrate.run.release import release as releases
    from zdmigrate.run.release import status as statuses
    from zdmigrate.run.release.read import read_release
    from zdmigrate.run.release.recorder import ReleaseRecorder

    spec = read_release(file)
    if show:
        _show_status(spec, statuses.status(spec))
        return
    if forget:
        entry = statuses.forget(spec)
        click.echo(f"the release {entry.old} -> {entry.new} is given up; nodes and database stay as they are")
        return

    def confirm(prepared: Prepared) -> bool:
        _show(spec, prepared, commands=dry_run)
        if dry_run:
            _rehearse(spec, prepared)
            return False
        what = f"Bring {prepared.entry.old} back" if undo else f"Release {prepared.entry.new}"
        return yes or click.confirm(f"{what} on {len(spec.nodes)} nodes?")

    recorder = ReleaseRecorder(spec, shlex.join(["zdmigrate", "release", *given(ctx), *(["--yes"] if yes else [])]))

    def command_line(arguments: Sequence[str]) -> int:
        with hearing() as heard:
            code = _command_line(arguments)
        recorder.said = "\n".join(heard)
        return code

    def listen(told: Told) -> None:
        recorder.step(told)
        _told(told)

    with reported(recorder, report_folder):
        ending = releases.release(
            spec,
            confirm,
            run=command_line,
            undo=undo,
            rehearse=dry_run,
            repeat=repeat,
            again=releases.shown_command(file, yes=yes),
            listener=listen,
            began=recorder.begin,
        )
    if ending.kind == "already":
        _show_already(spec, ending.entry)
    elif ending.kind == "done":
        click.echo(f"{'back to the old version' if undo else spec.new + ' is released'}")
    elif not dry_run:
        click.echo("nothing was changed")


def _command_line(arguments: Sequence[str]) -> int:
    from zdmigrate.cli import run

    return run(arguments)


def _show(spec: ReleaseSpec, prepared: Prepared, *, commands: bool) -> None:
    entry = prepared.entry
    if prepared.going_on:
        click.echo(
            f"going on with release {entry.id} of {entry.owner}"
            + (f", which paused: {entry.reason}" if entry.reason else "")
        )
    way = f"{entry.new} -> {entry.old}" if prepared.undoing else f"{entry.old or '?'} -> {entry.new}"
    click.echo(f"release {way}, {spec.strategy}, {len(spec.nodes)} nodes")
    if prepared.others:
        click.echo(f"also in the fleet, and left alone: {', '.join(prepared.others)}")
    before = [item for item in prepared.phases if item[0] == "expand"]
    for name, revisions in before:
        click.echo(f"  {name:<9} {', '.join(revisions) or 'nothing is pending'}")
    for action in prepared.actions:
        click.echo(f"  {action.step.name.lower():<9} {', '.join(action.nodes)}")
        if commands:
            for line in _commands_of(spec, prepared, action.step.name, action.nodes):
                click.echo(f"            {line}")
    if not prepared.actions:
        click.echo("  every node is as it should be")
    if not prepared.undoing:
        for command in spec.phases.backfill:
            click.echo(f"  backfill  {command}")
        for name, _ in prepared.phases:
            if name != "expand":
                click.echo(f"  {name:<9} what is pending then")


def _show_already(spec: ReleaseSpec, entry: Entry) -> None:
    pending = "" if spec.alembic is None else ", and no revision is pending"
    click.echo(
        f"nothing to do: {entry.new} was released at {_when(entry.updated)} by {entry.owner} (release {entry.id}) and "
        f"runs on every node{pending}; --repeat carries it out once more"
    )


def _commands_of(spec: ReleaseSpec, prepared: Prepared, step: str, nodes: Sequence[str]) -> list[str]:
    """The commands of a step, filled in."""
    from zdmigrate.run.release.commands import fill, values_of

    version = prepared.entry.old if prepared.undoing else prepared.entry.new
    found = []
    for name in nodes:
        node = spec.node(name)
        if step == "STOP":
            found.append(fill(node.stop, values_of(node, version)) if node.stop else "SIGTERM")
        elif step == "START":
            found.append(fill(node.start_old if prepared.undoing else node.start, values_of(node, version)))
        elif step == "SMOKE":
            found += [f"{test} at {node.address}" for test in spec.smoke if test.undo or not prepared.undoing]
    return found


def _rehearse(spec: ReleaseSpec, prepared: Prepared) -> None:
    """What `apply` would send in the expand phase."""
    from zdmigrate.run.release.phases import Migrations

    if any(name == "expand" and revisions for name, revisions in prepared.phases):
        click.echo("what the expand step would run:")
        Migrations(spec, _command_line).apply("expand", dry_run=True)


def _show_status(spec: ReleaseSpec, status: Status) -> None:
    entry = status.entry
    if entry is None:
        click.echo("no release was made from here")
    else:
        way = " (being taken back)" if entry.direction == "undo" and entry.unfinished else ""
        click.echo(
            f"release {entry.id}: {entry.old or '?'} -> {entry.new}, {entry.state}{way} since {_when(entry.updated)}, "
            f"by {entry.owner}"
        )
        if entry.reason and entry.state == "paused":
            click.echo(f"  because: {entry.reason}")
        if entry.finished:
            click.echo(f"  done: {', '.join(entry.finished)}")
    click.echo(f"at work: {status.holder}" if status.holder else "at work: nobody")
    for view in status.views:
        versions = ", ".join(sorted(view.versions)) or "-"
        click.echo(f"  {view.name:<12} {versions:<12} {view.state:<10} {view.rotation}")
    if status.problem:
        click.echo(f"the nodes cannot be looked at: {status.problem}")
    if status.next is not None:
        click.echo(f"next: {status.next}")


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(" ", "seconds")


def _told(told: Told) -> None:
    if told.outcome == "begun":
        if sys.stdout.isatty():  # the next line takes its place
            click.echo(f"  ..  {told.step:<12} {told.node:<12}\r", nl=False)
        return
    mark = {"done": " ok ", "waits": " .. "}.get(told.outcome, "FAIL")
    click.echo(f"  {mark}  {told.step:<12} {told.node:<12} {told.seconds:8.1f} s  {told.detail}".rstrip())

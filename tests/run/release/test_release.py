"""What is said of an expand step that did not go well, by what had run before it. `apply` is an exit code here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.run.release.test_recorder import VIEWS, spec_in
from zdmigrate.errors import UsageError, ZdmigrateError
from zdmigrate.run.errors import AbortedError, NeedsPersonError, RefusedError
from zdmigrate.run.release.journal import Entry
from zdmigrate.run.release.phases import Migrations, PhaseName
from zdmigrate.run.release.prepare import Prepared, Tools, fresh, opened
from zdmigrate.run.release.release import Run
from zdmigrate.run.release.spec import HooksSpec, PhasesSpec, ReleaseSpec
from zdmigrate.run.release.stopping import Stopping

AGAIN = "zdmigrate release release.toml"


class Played(Migrations):
    """One revision is pending for the expand phase; what `apply` does with it is given."""

    def __init__(self, spec: ReleaseSpec, ends: int | ZdmigrateError) -> None:
        super().__init__(spec, lambda arguments: 0)
        self._ends = ends

    def pending(self, phase: PhaseName) -> list[str]:
        if isinstance(self._ends, ZdmigrateError):
            raise self._ends
        return ["r2"]

    def apply(self, phase: PhaseName, *, reports: Path | None = None, dry_run: bool = False) -> int:
        assert phase == "expand"
        assert isinstance(self._ends, int)
        return self._ends


@contextmanager
def tools_in(folder: Path, before: Sequence[str] = ()) -> Iterator[Tools]:
    spec = replace(spec_in(folder), hooks=HooksSpec(before=tuple(before)), phases=PhasesSpec())
    with opened(spec, lambda arguments: 0, Stopping()) as tools:
        yield tools


def run(tools: Tools, ends: int | ZdmigrateError, *, kept: Entry | None = None) -> Run:
    tools.migrations = Played(tools.spec, ends)
    return Run(
        tools, Prepared(kept or fresh(tools.spec), kept is not None, VIEWS, (), (), ()), AGAIN, lambda told: None
    )


@pytest.mark.parametrize("ends", [2, 6, UsageError("no history")])
def test_refused_before_anything_it_is_given_up(tmp_path: Path, ends: int | ZdmigrateError) -> None:
    with tools_in(tmp_path) as tools:
        begun = run(tools, ends)
        with pytest.raises((RefusedError, UsageError)) as caught:
            begun.run()
    assert caught.value.exit_code in (2, 6)
    assert (begun.entry.state, begun.entry.begun) == ("forgotten", [])


@pytest.mark.parametrize("ends", [2, 6, UsageError("no history")])
def test_refused_after_hooks_it_says_which(tmp_path: Path, ends: int | ZdmigrateError) -> None:
    with tools_in(tmp_path, ["echo one", "echo two"]) as tools:
        begun = run(tools, ends)
        with pytest.raises(NeedsPersonError) as caught:
            begun.run()
    assert caught.value.problem.endswith("; done before that: `echo one` (before), `echo two` (before)")
    assert caught.value.command == AGAIN
    assert begun.entry.state == "paused"


def test_refused_after_a_hook_that_did_not_end(tmp_path: Path) -> None:
    """It failed, and was taken out of the file; what it did before it failed nobody knows."""
    with tools_in(tmp_path, ["false"]) as tools:
        begun = run(tools, 6)
        with pytest.raises(NeedsPersonError, match="`false` ended with 1"):
            begun.run()
    with tools_in(tmp_path) as tools:
        again = run(tools, 6, kept=begun.entry)
        with pytest.raises(NeedsPersonError, match=r"done before that: command 1 \(before\) not to its end"):
            again.run()


@pytest.mark.parametrize("first", [4, 5, 130])
def test_refused_after_an_expand_that_had_begun(tmp_path: Path, first: int) -> None:
    """Revisions that it carried out stay; the next run must not say that nothing was changed."""
    with tools_in(tmp_path) as tools:
        begun = run(tools, first)
        with pytest.raises((AbortedError, NeedsPersonError)):
            begun.run()
        assert begun.entry.state == "paused"
        again = run(tools, 6, kept=begun.entry)
        with pytest.raises(NeedsPersonError, match="done before that: the expand step not to its end"):
            again.run()
    assert again.entry.state == "paused"

"""Runs as they might have been, for tests of their report."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from zdmigrate.run.record import (
    AppNodeRecord,
    ChangeRecord,
    EarlierStepRecord,
    LagRecord,
    NodeRecord,
    RevisionRecord,
    RunRecord,
    StatementRecord,
    StepRecord,
)


def run_record(**changed: Any) -> RunRecord:
    """A replica-first run of `apply` that went well."""
    return replace(
        RunRecord(
            run="00ff00ff00ff00ff",
            kind="apply",
            continued=False,
            command="zdmigrate apply --topology topology.toml --yes",
            began=datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC),
            ended=datetime(2026, 3, 1, 12, 4, 20, tzinfo=UTC),
            seconds=260.0,
            outcome="done",
            exit_code=0,
            message="",
            next="",
            old="a",
            new="b",
            before=(
                NodeRecord("a", "db1:3306", "mysql:9.7.4", "writable"),
                NodeRecord("b", "db2:3306", "mysql:9.7.4", "frozen", "db1:3306", 0),
            ),
            after=(
                NodeRecord("a", "db1:3306", "mysql:9.7.4", "frozen", "db2:3306", 0),
                NodeRecord("b", "db2:3306", "mysql:9.7.4", "writable"),
            ),
            steps=(
                StepRecord("alter b", "b", "done", 1.0, 60.0, "1 ALTER(s) of orders"),
                StepRecord("compare b", "b", "done", 62.0, 50.0, "equal: 5000000 rows of orders in 90 chunks"),
                StepRecord("identity", "", "done", 113.0, 0.01, "as before"),
                StepRecord("freeze", "a", "done", 115.0, 0.02, "nobody writes to a"),
                StepRecord("promote", "b", "done", 115.1, 0.01, "b is writable"),
                StepRecord("alter a", "a", "done", 118.0, 70.0, "1 ALTER(s) of orders"),
                StepRecord("compare a", "a", "done", 190.0, 60.0, "equal: 5000000 rows of orders in 90 chunks"),
            ),
            statements=(
                StatementRecord("b", "SET GLOBAL replica_type_conversions = %s", "0" * 64, 1.0, 0.01, ("ALL_SIGNED",)),
                StatementRecord("b", "SET GLOBAL replica_type_conversions = %s", "0" * 64, 117.0, 0.01, ("",)),
                StatementRecord("b", "SET GLOBAL gone = 1", "2" * 64, 117.0, 0.01, error="refused"),
                StatementRecord("a", "CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = %s", "1" * 64, 116.0, 0.01),
            ),
            lag=(LagRecord("b", 0.0, 0), LagRecord("b", 1.0, None), LagRecord("b", 61.0, 42), LagRecord("b", 63.0, 0)),
            revisions=(
                RevisionRecord(
                    "ab12",
                    "expand",
                    "conditional",
                    (
                        ChangeRecord(
                            "ab12:0",
                            "ALTER TABLE orders MODIFY n BIGINT",
                            "3" * 64,
                            "replica-first",
                            "conditional",
                            ("n fits (met: no row speaks against it)",),
                            "reviewed",
                        ),
                    ),
                ),
                RevisionRecord("cd34", "neutral", "safe"),
            ),
            figures={"sessions ended": 3, "position at the freeze": "25355514-e59d-11f1:1-5699"},
            notes=("take a backup",),
            variables={"b": {"replica_type_conversions": ("", ""), "gone": ("0", "0"), "read_only": ("ON", "OFF")}},
            accepted={"no-standby": "night"},
            todo=("write read_only = 0 somewhere",),
        ),
        **changed,
    )


def release_record(**changed: Any) -> RunRecord:
    """A release of two nodes that was killed, went on, and put a node back whose drain did not end."""
    release = replace(
        run_record(
            run="ab12", kind="release", continued=True, command="zdmigrate release release.toml --yes",
            began=datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC), outcome="needs a person", exit_code=5,
            message="web2 has not drained within 60 s: one request is in flight",
            next="zdmigrate release release.toml --yes", old="", new="", seconds=100.0, lag=(), statements=(),
            revisions=(), variables={}, accepted={}, todo=(),
            figures={"strategy": "rolling", "nodes run 2.0": "1 of 2"},
            notes=("also in the fleet, and left alone: worker",),
            steps=(
                StepRecord("start", "web1", "done", 1.0, 20.0),
                StepRecord("smoke", "web1", "done", 21.0, 1.0, "2 passed"),
                StepRecord("admit", "web1", "done", 22.0, 1.0),
                StepRecord("put-back", "web2", "undone", 99.0, 0.5),
                StepRecord("drain", "web2", "failed", 39.0, 60.0, "one request is in flight"),
            ),
        ),
        old_version="1.0",
        new_version="2.0",
        app_before=(
            AppNodeRecord("web1", "http://10.0.0.1:80", (), "lost", "out"),
            AppNodeRecord("web2", "http://10.0.0.2:80", ("1.0",), "ready", "in rotation"),
        ),
        app_after=(
            AppNodeRecord("web1", "http://10.0.0.1:80", ("2.0",), "ready", "in rotation"),
            AppNodeRecord("web2", "http://10.0.0.2:80", problem="the store does not answer"),
        ),
        earlier=(
            EarlierStepRecord("2026-03-01T11:58:20.000+00:00", "expand", "", "done", 4.0, "ab12"),
            EarlierStepRecord("2026-03-01T11:58:30.000+00:00", "stop", "web1", "cut off", 0.0),
        ),
    )  # fmt: skip
    return replace(release, **changed)

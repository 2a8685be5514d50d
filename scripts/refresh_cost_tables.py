"""Ask a live server what each probe ALTER costs, and compare with the committed table.

    python scripts/refresh_cost_tables.py 'mysql+pymysql://root:${PASSWORD}@127.0.0.1/' \\
        tests/verdict/data/mysql_9_7_alter_probe.csv

The binary log must be on, as it was: with it MySQL refuses some defaults (1674).
Every probe runs on an empty copy of the table it names (`tables.sql` beside the CSV) in a database of its own, with
ALGORITHM= from the cheapest up, then with LOCK=NONE and LOCK=SHARED. The measured table goes to stdout as CSV, the
differences to stderr; `--write` replaces the committed file. Exit status 1 when there are differences.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymysql
from sqlalchemy.engine import make_url

from zdmigrate.config import expand_variables

DATABASE = "zdrelease_cost_probe"
MYSQL = ("INSTANT", "INPLACE", "COPY")
MARIADB = ("INSTANT", "NOCOPY", "INPLACE", "COPY")
#: Columns of a table of probes that name the question; the others are the server's answers.
QUESTION = ("section", "operation", "table", "session", "alter_clause")


def load_tables(path: Path) -> dict[str, str]:
    """The named table definitions of `tables.sql`."""
    parts = re.split(r"(?m)^-- table: (\S+).*$", path.read_text())
    return dict(zip(parts[1::2], (text.strip() for text in parts[2::2]), strict=True))


class Oracle:
    """One connection to a throwaway database, and what the server said."""

    def __init__(self, url: str) -> None:
        parsed = make_url(expand_variables(url))
        self._connection: Any = pymysql.connect(
            host=parsed.host or "127.0.0.1",
            port=parsed.port or 3306,
            user=parsed.username,
            password=parsed.password or "",
            unix_socket=parsed.query.get("unix_socket"),
            autocommit=True,
        )
        version = str(self.value("SELECT VERSION()"))
        self.mariadb = "mariadb" in version.lower()
        self.version = version
        self.algorithms = MARIADB if self.mariadb else MYSQL

    def run(self, sql: str) -> str | None:
        """Run one statement; the server's refusal as text, or None."""
        with self._connection.cursor() as cursor:
            try:
                cursor.execute(sql)
            except pymysql.MySQLError as error:
                return str(error.args[1]) if len(error.args) > 1 else str(error)
        return None

    def value(self, sql: str) -> object:
        """The first column of the first row."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone()
        return row[0] if row else None

    def fresh(self, setup: str, session: str) -> None:
        """An empty database with the table of this probe, and the session it wants."""
        self.run(f"DROP DATABASE IF EXISTS {DATABASE}")
        self.run("SET SESSION foreign_key_checks = 1")
        self.run("SET SESSION sql_mode = DEFAULT")
        if self.mariadb:
            self.run("SET SESSION system_versioning_alter_history = DEFAULT")
        if refusal := self.run(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4"):
            raise SystemExit(f"cannot make the database {DATABASE}: {refusal}")
        self._connection.select_db(DATABASE)
        for sql in (*setup.split(";"), *session.split(";")):
            if sql.strip() and (refusal := self.run(sql)):
                raise SystemExit(f"cannot prepare a probe: {refusal}: {sql.strip()}")

    def drop(self) -> None:
        """Leave nothing behind."""
        self.run(f"DROP DATABASE IF EXISTS {DATABASE}")
        self._connection.close()

    def identity(self) -> object:
        """InnoDB's number of table t, which a rebuild changes; None when it is gone or partitioned."""
        view = "innodb_sys_tables" if self.mariadb else "innodb_tables"
        return self.value(f"SELECT table_id FROM information_schema.{view} WHERE name = '{DATABASE}/t'")

    def ask(self, setup: str, session: str, clause: str) -> dict[str, str]:
        """Which algorithms and locks the server accepts for `ALTER TABLE t clause`."""
        answer: dict[str, str] = {}
        best, refusal = "-", ""
        self.fresh(setup, session)
        before, rebuild = self.identity(), ""
        for algorithm in self.algorithms:
            error = self.run(_alter(clause, f"ALGORITHM={algorithm}"))
            answer[algorithm] = "No" if error else "Yes"
            refusal = refusal or (error or "")
            if error is None:
                if best == "-":
                    best, after = algorithm, self.identity()
                    if before and after:
                        rebuild = "No" if before == after else "Yes"
                self.fresh(setup, session)
        locks = []
        for lock in ("NONE", "SHARED"):
            if best == "INSTANT" and not self.mariadb:
                locks.append("not combinable with INSTANT")
                continue
            error = "-" if best == "-" else self.run(_alter(clause, f"ALGORITHM={best}, LOCK={lock}"))
            locks.append("No" if error else "Yes")
            if error is None:
                self.fresh(setup, session)
        return {**answer, "best": best, "none": locks[0], "shared": locks[1], "rebuild": rebuild, "refusal": refusal}


def _alter(clause: str, how: str) -> str:
    # Both take ALGORITHM only before a partitioning clause: with no comma before PARTITION BY and REMOVE PARTITIONING.
    if clause.startswith(("partition by", "remove partitioning")):
        return f"ALTER TABLE t {how} {clause}"
    if re.match(r"(add|drop|coalesce|reorganize|truncate|rebuild) partition|order by", clause):
        return f"ALTER TABLE t {how}, {clause}"
    return f"ALTER TABLE t {clause}, {how}"


def measure(oracle: Oracle, rows: Sequence[dict[str, str]], tables: dict[str, str]) -> Iterator[dict[str, str]]:
    """Every probe with the answers of this server in the columns the file has."""
    for row in rows:
        answer = oracle.ask(tables[row["table"]], row["session"], row["alter_clause"])
        fields = dict(row)
        for name in row:
            if name in answer:
                fields[name] = answer[name]
            elif name == "best_algorithm":
                fields[name] = answer["best"]
            elif name in ("lock_none_ok", "lock_none_accepted"):
                fields[name] = answer["none"]
            elif name in ("lock_shared_ok", "lock_shared_accepted"):
                fields[name] = answer["shared"]
            elif name in ("instant_error", "refusal_of_instant"):
                fields[name] = answer["refusal"]
        yield fields


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "url",
        help="a throwaway server, may hold ${VAR}; a database named zdrelease_cost_probe is created and dropped",
    )
    parser.add_argument("table", type=Path, help="the committed table of probes")
    parser.add_argument("--write", action="store_true", help="replace the committed table")
    options = parser.parse_args(arguments)
    with options.table.open(newline="") as file:
        committed = list(csv.DictReader(file))
    tables = load_tables(options.table.with_name("tables.sql"))
    oracle = Oracle(options.url)
    try:
        measured = list(measure(oracle, committed, tables))
    finally:
        oracle.drop()
    destination = options.table.open("w", newline="") if options.write else sys.stdout
    writer = csv.DictWriter(destination, fieldnames=list(committed[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(measured)
    if options.write:
        destination.close()
    differences = 0
    for old, new in zip(committed, measured, strict=True):
        changed = {name: (old[name], new[name]) for name in old if name not in QUESTION and old[name] != new[name]}
        if changed:
            differences += 1
            shown = "; ".join(f"{name} {was!r} -> {now!r}" for name, (was, now) in changed.items())
            print(f"{old['operation']} ({old['alter_clause']}): {shown}", file=sys.stderr)
    print(f"{oracle.version}: {len(measured)} probes, {differences} differ from {options.table}", file=sys.stderr)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

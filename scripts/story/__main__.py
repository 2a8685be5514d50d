"""`python -m scripts.story`: one release under load, and a page that shows it. `make story`, `make story-usual`.

The exit code is 0 when the run is green: the release came to its end, no request failed, no session was lost, and the
orders in the database are those that were acknowledged. With ``--usual`` it is 0 whatever visitors met.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import sqlalchemy as sa

from scripts.story.outcome import Outcome
from scripts.story.page import page
from scripts.story.place import Place, Plan, open_place
from scripts.story.trouble import MOMENTS, Chance, Trouble
from scripts.story.visit import Visitors, Watch
from scripts.story.ways import Release, Usual, kill_node

TROUBLES = ("none", "redis", "node", "tool")
_OUT_SECONDS = 10.0
_LOADED = 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module. Whatever ends it, servers and nodes are ended too, but for `kill -9`."""
    asked = _arguments(arguments)
    with tempfile.TemporaryDirectory(prefix="zdrelease-story-") as name:
        outcome = tell(asked, Path(name))
        asked.output.mkdir(parents=True, exist_ok=True)
        stem = asked.output / asked.name
        stem.with_suffix(".log").write_text(logs(Path(name)))
        for report in Path(name).glob("state/zdmigrate/reports/*-release-*.html"):  # one: a kill leaves none
            shutil.copy(report, asked.output / f"{asked.name}-report.html")
    stem.with_suffix(".html").write_text(page(outcome))
    stem.with_suffix(".json").write_text(json.dumps(outcome.figures(), indent=2) + "\n")
    for name, value in outcome.figures().items():
        print(f"{name:22} {value}")
    for problem in outcome.problems[:10]:
        print(f"  {problem['kind']}: {problem['what'][:300]}")
    print(f"{'GREEN' if outcome.green else 'NOT GREEN'}: {stem.with_suffix('.html')}")
    return 0 if outcome.green or asked.usual else 1


def logs(folder: Path) -> str:
    """Everything that nodes, visitors and the release tool said."""
    return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')}" for path in sorted(folder.glob("*.log")))


def tell(asked: argparse.Namespace, folder: Path) -> Outcome:
    """Run it."""
    began = time.time()
    plan = Plan(asked.flavour, asked.sessions, asked.nodes, asked.orders, asked.customers)
    with open_place(plan, folder) as place:
        print(f"servers and {plan.orders:,} orders are there after {time.time() - began:.0f} s", flush=True)
        place.start_nodes("1.0")
        chance = _chance(asked, place)
        way = Usual(place) if asked.usual else Release(place, chance.rest)
        with ExitStack() as during:
            watch = during.enter_context(Watch(place))
            trouble = _trouble(asked.trouble, place, way, chance)
            if trouble is not None:
                print(f"{asked.trouble} is going to be killed: {chance}", flush=True)
                during.enter_context(trouble)
            visitors = during.enter_context(Visitors(place, shoppers=asked.shoppers))
            time.sleep(asked.before)
            print("visitors are there, the release begins", flush=True)
            reasons = way.run()
            time.sleep(asked.after)
        ledger = visitors.ledger()
        reasons += [*_wrong_totals(place, ledger["orders"]), *_ends_right(place)]
        marks = [*way.marks(), *watch.marks]
        if trouble is not None:
            marks += trouble.marks
            reasons += trouble.reasons()
        return Outcome(
            title=_title(asked),
            samples=visitors.samples(),
            problems=ledger["problems"],
            acknowledged=ledger["orders"],
            stored=_stored(place),
            asked=frozenset(ledger["asked"]),
            sessions=ledger["sessions"],
            marks=marks,
            reasons=reasons,
            facts=_facts(asked, place, began) | ({"killed": f"{asked.trouble}: {chance}"} if trouble else {}),
        )


def _chance(asked: argparse.Namespace, place: Place) -> Chance:
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    *others, _ = place.nodes  # the last one is what `--trouble node` kills
    return Chance.of(seed, asked.at, others)


def _trouble(name: str, place: Place, way: Release | Usual, chance: Chance) -> Trouble | None:
    """What is to happen in the middle, and when."""
    if name == "none":
        return None
    if not isinstance(way, Release):
        raise SystemExit("--trouble is for our way of releasing")

    def redis_dies() -> str:
        place.redis.kill()
        time.sleep(_OUT_SECONDS)
        place.redis.start()
        return f"Redis killed, back after {_OUT_SECONDS:.0f} s"

    def node_dies() -> str:
        last = list(place.nodes)[-1]
        kill_node(place.folder / f"{last}.pid")
        return f"{last} killed"

    def tool_dies() -> str:
        way.kill()
        return f"release tool killed ({chance.at}), again after {chance.rest:.0f} s"

    what = {"redis": redis_dies, "node": node_dies, "tool": tool_dies}[name]
    return Trouble(way.events, way.log, chance, what)


def _stored(place: Place) -> dict[str, int]:
    """Orders that visitors placed, and how often each is there."""
    query = "SELECT order_key, COUNT(*) FROM orders WHERE order_key NOT LIKE 'old-%' GROUP BY order_key"
    return {key: int(count) for key, count in place.primary().execute(query, database="shop")}


def _wrong_totals(place: Place, acknowledged: Mapping[str, str]) -> list[str]:
    """Orders whose total in the database is not what the visitor was shown."""
    rows = place.primary().execute(
        "SELECT order_key, total FROM orders WHERE order_key NOT LIKE 'old-%'", database="shop"
    )
    wrong = [key for key, total in rows if key in acknowledged and acknowledged[key] != f"{total} €"]
    return [f"{len(wrong)} orders have another total than was shown, {wrong[0]} for one"] if wrong else []


def _ends_right(place: Place) -> list[str]:
    """Whether the end is what the release was for: the schema, the version everywhere, and both databases alike."""
    primary = place.primary()
    reasons = []
    revision = primary.value("SELECT version_num FROM alembic_version", database="shop")
    if revision != "0005":
        return [f"the database is at revision {revision}, not 0005"]
    columns = {row[0] for row in primary.execute("SHOW COLUMNS FROM customer", database="shop")}
    if "name" in columns:
        reasons.append("the old column customer.name is still there")
    unnamed = "SELECT COUNT(*) FROM customer WHERE first_name IS NULL OR first_name = '' OR last_name IS NULL"
    if count := primary.value(unnamed, database="shop"):
        reasons.append(f"{count} customers have no name")
    counts = {}
    for node in place.pair.nodes:
        if node is not primary and node.replica_status() is None:
            reasons.append(f"{node.name} follows nobody")
        end = time.monotonic() + _LOADED
        while node is not primary and not node.has_applied(primary.position()) and time.monotonic() < end:
            time.sleep(0.1)
        counts[node.name] = node.execute("CHECKSUM TABLE orders, order_line, customer", database="shop")
    if len({str(rows) for rows in counts.values()}) != 1:
        reasons.append(f"the databases differ: {counts}")
    return reasons


def _facts(asked: argparse.Namespace, place: Place, began: float) -> dict[str, str]:
    server = place.pair.primary.server
    with sa.create_engine(place.primary().url("shop")).connect() as connection:
        rows = connection.scalar(sa.text("SELECT COUNT(*) FROM orders"))
    return {
        "server": f"{server.kind} {server.version}",
        "sessions in": {"mirrored": "Redis and SQL", "redis": "Redis", "sql": "SQL"}[asked.sessions],
        "nodes": str(asked.nodes),
        "shoppers": str(asked.shoppers),
        "orders at the end": f"{rows:,}",
        "whole run": f"{time.time() - began:.0f} s",
    }


def _title(asked: argparse.Namespace) -> str:
    way = "A release the usual way" if asked.usual else "A release with zdmigrate"
    return way + ("" if asked.trouble == "none" else f", {asked.trouble} killed in the middle")


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.story", description=__doc__)
    parser.add_argument("--flavour", choices=("mysql", "mariadb"), default="mysql")
    parser.add_argument("--sessions", choices=("mirrored", "redis", "sql"), default="mirrored")
    parser.add_argument("--trouble", choices=TROUBLES, default="none", help="what is killed in the middle")
    parser.add_argument("--at", choices=("random", *MOMENTS), default="drain", help="when (default: a node drains)")
    parser.add_argument("--seed", type=int, help="of which node, and how long after that; printed")
    parser.add_argument("--usual", action="store_true", help="restart everything, and plain `alembic upgrade head`")
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--shoppers", type=int, default=8)
    parser.add_argument("--orders", type=int, default=120_000, help="in the shop already")
    parser.add_argument("--customers", type=int, default=5_000, help="in the shop already")
    parser.add_argument("--before", type=float, default=15.0, help="seconds of visitors before the release")
    parser.add_argument("--after", type=float, default=10.0, help="and after it")
    parser.add_argument("--output", type=Path, default=Path("build/story"))
    parser.add_argument("--name", default="story", help="of the page")
    return parser.parse_args(given)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())

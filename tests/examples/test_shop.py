"""The example shop: both versions, beside each other, on real servers."""

from __future__ import annotations

import filecmp
import io
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from scripts.story.users import Browser, Crowd, Ledger, Samples, Visitor
from tests.examples.shops import SHOP, VERSIONS, environment, run
from tests.servers import ports

PASSWORD = "only for tests"


class Shop:
    """A database, a session store, and nodes of either version."""

    def __init__(self, folder: Path, database: str, sessions: str) -> None:
        self._folder = folder
        self.environ = {
            "SHOP_DATABASES": database.replace("mariadb+", "mysql+"),
            "ZDSESSION_STORE": sessions,
            "SHOP_ADMIN_PASSWORD": PASSWORD,
            "SHOP_RUN": str(folder),
        }

    def migrate(self, version: str, to: str) -> None:
        """Run the history of a version with plain Alembic: these tests are not about that."""
        run(version, "alembic", "upgrade", to, env=self.environ)

    @contextmanager
    def node(self, name: str, version: str) -> Iterator[str]:
        """A running node's address, ready or not."""
        port = ports.lease()
        own = {**self.environ, "ZDSESSION_NODE": name, "PYTHON": sys.executable}
        command = [str(SHOP / "node")]
        try:
            subprocess.run(
                [*command, "start", f"{version[1:]}.0", f"127.0.0.1:{port}"],
                env=environment(version, **own),
                check=True,
                timeout=60,
            )
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run([*command, "stop"], env=environment(version, **own), check=True, timeout=60)
            ports.release(port)

    def log(self) -> str:
        """What the nodes logged."""
        return "\n".join(path.read_text() for path in sorted(self._folder.glob("*.log")))


def status(url: str) -> int:
    """Of a page; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            code: int = answer.status
            return code
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def until_ready(*nodes: str, seconds: float = 120) -> None:
    """Wait until each may be sent traffic."""
    end = time.monotonic() + seconds
    for node in nodes:
        while status(f"{node}/-/ready") != 200:
            assert time.monotonic() < end, f"{node} is not ready"
            time.sleep(0.05)


@pytest.fixture(params=["mysql_url", pytest.param("mariadb_url", marks=pytest.mark.soak)])
def shop(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> Shop:
    made = Shop(tmp_path, request.getfixturevalue(request.param), redis_url)
    made.migrate("v1", "head")
    run("v1", "flask", "--app", "shop", "seed", env=made.environ)
    return made


def test_two_versions_serve_the_same_visitors_until_the_old_one_is_gone(shop: Shop) -> None:
    """Each page of a visitor comes from another version; then only version 2 is left, and its contract has run."""
    samples = io.StringIO()
    with ExitStack() as nodes:
        old = nodes.enter_context(shop.node("web1", "v1"))
        new = nodes.enter_context(shop.node("web2", "v2"))
        until_ready(old)
        ledger = Ledger()
        browser = nodes.enter_context(closing(Browser([old], None, ledger, Samples(samples))))
        Visitor(0, browser, ledger, "loyal").register()
        assert status(f"{new}/-/ready") == 503, "version 2 needs columns that are not there yet"
        shop.migrate("v2", "0003")
        until_ready(new)
        crowd = Crowd(
            [old, new], None, Samples(samples), shoppers=2, newcomers=1, admin=("admin@shop.example", PASSWORD)
        )
        with crowd:
            end = time.monotonic() + 120
            while len(crowd.ledger.orders) < 5 and not crowd.ledger.problems:
                assert time.monotonic() < end, crowd.ledger
                time.sleep(0.1)
        assert crowd.ledger.problems == [], shop.log()
        assert crowd.ledger.asked == set(crowd.ledger.orders)
        assert crowd.ledger.sessions == {"begun": 2, "kept": 2}
        served = samples.getvalue()
        assert '"web1 1.0"' in served
        assert '"web2 2.0"' in served
        later = nodes.enter_context(closing(Browser([new], None, ledger, Samples(samples))))
        later.cookie = browser.cookie
        Visitor(0, later, ledger, "loyal").expect_account()  # whose name the backfill has not come to yet
    with shop.node("web1", "v2") as new:
        until_ready(new)
        shop.migrate("v2", "head")
        crowd = Crowd([new], None, Samples(samples), shoppers=1, newcomers=1, admin=("admin@shop.example", PASSWORD))
        with crowd:
            end = time.monotonic() + 120
            while len(crowd.ledger.orders) < 2 and not crowd.ledger.problems:
                assert time.monotonic() < end, crowd.ledger
                time.sleep(0.1)
        assert crowd.ledger.problems == [], shop.log()


@pytest.mark.parametrize(("version", "app_version"), [("v1", "1.0"), ("v2", "2.0")])
def test_manifests_are_those_of_the_code(version: str, app_version: str, tmp_path: Path) -> None:
    made = tmp_path / "manifest.json"
    command = ["zdmigrate", "manifest", "-c", "alembic.ini", "--app-version", app_version, "--output", str(made)]
    run(version, *command, env={})
    assert made.read_text() == (SHOP / version / "manifest.json").read_text(), f"write {version}/manifest.json anew"


def test_the_gate_passes_and_a_plan_of_old_code_says_why(tmp_path: Path) -> None:
    assert "PASSED" in run("v2", "zdmigrate", "check", "-c", "alembic.ini", "--from", "0001", env={})


def test_versions_differ_only_in_what_the_release_is_about() -> None:
    """Whoever reads `diff -r v1 v2` sees the release and nothing else."""
    old, new = (SHOP / version for version in VERSIONS)
    names = {path.relative_to(old) for path in old.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    differing = {str(name) for name in names if not filecmp.cmp(old / name, new / name, shallow=False)}
    assert differing == {
        "manifest.json",
        "shop/accounts.py",
        "shop/admin.py",
        "shop/commands.py",
        "shop/models.py",
        "shop/templates/account.html",
        "shop/templates/admin.html",
        "shop/templates/register.html",
        "shop/version.py",
    }

"""Workspaces, ports, templates and finding binaries: what must hold when several runs share a machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Kind, ServerUnavailableError, binaries, guard, ports, templates
from tests.servers.__main__ import main
from tests.servers.workspace import Workspace


@pytest.fixture
def servers_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty servers folder, and a PATH with nothing on it."""
    monkeypatch.setenv("ZDRELEASE_SERVERS_DIR", str(tmp_path / "servers"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(binaries, "_MORE_PATH", ())
    (tmp_path / "bin").mkdir()
    return tmp_path / "servers"


def program(folder: Path, name: str, says: str) -> None:
    """A stand-in that prints one line."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_a_workspace_goes_when_it_is_closed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    first, second = workspace.new_home("redis"), workspace.new_home("redis")
    assert first != second
    workspace.close()
    workspace.close()
    assert not workspace.path.exists()


def test_a_workspace_left_by_a_dead_owner_goes_at_the_next_start_and_a_live_one_stays(tmp_path: Path) -> None:
    living = Workspace(tmp_path)
    left = tmp_path / f"zdrelease-{os.getuid()}-left"
    (left / "redis-1").mkdir(parents=True)
    (left / "owner.lock").touch()
    sleeper = subprocess.Popen(["sleep", "60"], cwd=left / "redis-1")
    (left / "redis-1" / "pid").write_text(str(sleeper.pid))
    other = tmp_path / "zdrelease-notours"
    other.mkdir()

    Workspace(tmp_path).close()

    assert not left.exists()
    assert sleeper.wait(5) == -9
    assert other.exists()
    assert living.path.exists()
    living.close()


def test_a_pid_that_now_belongs_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run" / "redis-1").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as stranger:
        (tmp_path / "run" / "redis-1" / "pid").write_text(str(stranger.pid))
        guard.clear(tmp_path / "run")
        assert not (tmp_path / "run").exists()
        assert stranger.poll() is None
        stranger.kill()


def test_no_two_runs_lease_the_same_port() -> None:
    lease = "from tests.servers import ports; print(*[ports.lease() for _ in range(200)], flush=True); input()"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", lease],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    mine = [ports.lease() for _ in range(200)]
    leased = list(mine)
    for run in runs:
        assert run.stdout is not None
        leased += map(int, run.stdout.readline().split())
    for run in runs:
        run.communicate("\n")
    for port in mine:
        ports.release(port)
    assert len(leased) == 600
    assert len(set(leased)) == 600


def test_a_template_is_built_once_and_again_for_another_recipe(servers_dir: Path) -> None:
    built = []

    def build(data: Path) -> None:
        data.mkdir()
        (data / "file").write_text("content")
        built.append(data)

    first = templates.template("mysql-9", ("a",), build)
    assert templates.template("mysql-9", ("a",), build) == first
    assert len(built) == 1
    assert templates.template("mysql-9", ("b",), build) != first
    assert (first / "file").read_text() == "content"
    assert not list((servers_dir / "templates").glob("building-*"))


def test_a_failed_build_leaves_no_template(servers_dir: Path) -> None:
    def fail(data: Path) -> None:
        data.mkdir()
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        templates.template("mysql-9", (), fail)
    assert [path.name for path in (servers_dir / "templates").iterdir()] == [".lock"]


def test_nothing_on_this_machine_is_said_in_one_line(servers_dir: Path) -> None:
    with pytest.raises(ServerUnavailableError) as caught:
        binaries.find("mysql")
    text = str(caught.value)
    assert text.startswith("no mysql server: ")
    assert "is not prepared; no mysqld on PATH" in text
    assert "scripts/prepare_servers" in text
    assert "\n" not in text


def test_a_mysqld_that_is_mariadb_is_not_mysql(servers_dir: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin", "mysqld", "mysqld  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu")
    with pytest.raises(ServerUnavailableError, match=r"mysqld is mysqld  Ver 10\.11\.14-MariaDB"):
        binaries.find("mysql")
    assert binaries.find("mariadb").version == "10.11.14"


@pytest.mark.parametrize(
    ("kind", "name", "says", "version"),
    [
        ("mysql", "mysqld", "mysqld  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)", "8.0.36"),
        ("mariadb", "mariadbd", "mariadbd  Ver 11.8.3-MariaDB for debian-linux-gnu", "11.8.3"),
        ("redis", "redis-server", "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "7.0.15"),
        ("redis", "valkey-server", "Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", "8.1.1"),
    ],
)
def test_versions_are_read_from_what_programs_say(
    servers_dir: Path, tmp_path: Path, kind: Kind, name: str, says: str, version: str
) -> None:
    program(tmp_path / "bin", name, says)
    assert binaries.find(kind).version == version


def test_mysql_5_is_too_old(servers_dir: Path, tmp_path: Path) -> None:
    program(tmp_path / "bin", "mysqld", "mysqld  Ver 5.7.44 for Linux on x86_64 (MySQL Community Server (GPL))")
    with pytest.raises(ServerUnavailableError, match=r"Ver 5\.7\.44"):
        binaries.find("mysql")


def test_the_questions_of_prepare_servers(
    servers_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--dir"]) == 0
    assert capsys.readouterr().out.strip() == str(servers_dir)
    assert main(["redis"]) == 1
    assert capsys.readouterr().out.startswith("no redis server: ")
    program(tmp_path / "bin", "redis-server", "Redis server v=7.0.15 sha=0")
    assert main(["redis"]) == 0
    assert capsys.readouterr().out.startswith("redis 7.0.15: ")
    assert main(["redis", "7.2"]) == 1
    assert capsys.readouterr().out.startswith("no redis server: of version 7.2: ")
    assert main(["haproxy"]) == 1
    assert main(["postgres"]) == 2


def test_prepare_servers_names_what_it_cannot_get(servers_dir: Path, tmp_path: Path) -> None:
    """Neither apt nor servers on PATH: one line for each, a non-zero end, nothing installed."""
    for tool in ("bash", "dirname", "mkdir", "rm", "touch", "id", "grep", "tail", "cat"):
        found = shutil.which(tool, path=os.defpath)
        assert found
        (tmp_path / "bin" / tool).symlink_to(found)
    (tmp_path / "bin" / "python3").symlink_to(sys.executable)
    script = Path(__file__).parents[2] / "scripts" / "prepare_servers"
    environment = {**os.environ, "PYTHON": str(tmp_path / "stub"), "ZDRELEASE_SERVERS": "processes"}
    stub = tmp_path / "stub"  # the real finder, blind to the machine's own folders
    stub.write_text(
        f"#!{sys.executable}\nimport sys\nfrom tests.servers import binaries\nfrom tests.servers.__main__ import main\n"
        "binaries._MORE_PATH = ()\nsys.exit(main(sys.argv[3:]))\n"
    )
    stub.chmod(0o755)
    environment["PYTHONPATH"] = str(script.parents[1])
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = sorted(line.split(":")[1].strip() for line in done.stderr.splitlines())
    assert said == ["no apache2", "no haproxy", "no mariadb", "no mariadb-11.8", "no mysql", "no nginx", "no redis"]
    assert "servers: no containers: ZDRELEASE_SERVERS=processes" in done.stdout
    assert done.stdout.count("MISSING") == 8, "the table, with a line for redis-cli"

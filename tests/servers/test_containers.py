"""The container provider beyond the common contract: nothing left behind, nothing shown, and our tools on it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy
from testcontainers.community.mysql import MySqlContainer

from tests.apps import ADD_AGE, ADD_REQUIRED, App
from tests.conftest import require_containers
from tests.servers import Kind, Server, binaries, open_server
from tests.servers.containers import _remove_what_others_left, current_run
from tests.servers.engine import LABEL_HOST, host_id
from tests.servers.images.build import get_image, recipe_of
from tests.servers.keeper import answers, engine_pid, socket_of
from tests.servers.test_conformance import end_group, eventually, listens, port_of
from tests.zdsession.conformance import A, a_change, a_record
from tests.zdsession.helpers import Clock
from zdsession.clock import now_ms
from zdsession.stores import open_store

CHECKOUT = Path(__file__).parents[2]
OWNER = """
import sys
from tests.servers import open_server
from tests.servers.containers import current_run
server = open_server("redis", provider="containers")
print(current_run().labels["zdrelease.run"], server.url(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module", autouse=True)
def engine() -> None:
    """Nothing here without an engine."""
    require_containers()


@pytest.fixture(scope="module")
def mysql() -> Iterator[Server]:
    """A MySQL in a container, for all tests of this file."""
    server = open_server("mysql", provider="containers")
    yield server
    server.close()


@pytest.fixture(scope="module")
def redis_container() -> Iterator[Server]:
    """A Redis in a container, for all tests of this file."""
    server = open_server("redis", provider="containers")
    yield server
    server.close()


def owner(**environment: str) -> "subprocess.Popen[str]":
    """A process that opens a Redis in a container, says its run and its URL, and waits for its end."""
    return subprocess.Popen(
        [sys.executable, "-c", OWNER],
        cwd=CHECKOUT,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def things_of(run: str) -> list[str]:
    """The containers and networks that carry a run's label."""
    api = current_run().engine.client.api
    filters = {"label": f"zdrelease.run={run}"}
    return [thing["Id"] for thing in api.containers(all=True, filters=filters) + api.networks(filters=filters)]


def test_ports_are_published_on_loopback_only(mysql: Server, redis_container: Server) -> None:
    api = current_run().engine.client.api
    for server in (mysql, redis_container):
        (container,) = [
            found
            for found in api.containers()
            if any(port.get("PublicPort") == port_of(server) for port in found["Ports"])
        ]
        assert {port["IP"] for port in container["Ports"] if "PublicPort" in port} == {"127.0.0.1"}


def test_the_root_password_is_on_no_command_line(mysql: Server) -> None:
    password = sqlalchemy.make_url(mysql.url()).password
    listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
    assert f"--server-id={port_of(mysql)}" in listing, "the engine's processes cannot be seen from here"
    assert str(password) not in listing


def test_other_versions_are_other_images() -> None:
    server = open_server("mariadb", version="11.8", provider="containers")
    assert server.version.startswith("11.8.")
    server.close()


@pytest.mark.soak
def test_the_image_is_what_testcontainers_expects_of_mysql() -> None:
    """Its own class starts it, waits for log lines of the official image, and logs in as an account it asked for."""
    run = current_run()
    image = get_image(run.engine, recipe_of("mysql"))
    mysql = MySqlContainer(
        image, dialect="pymysql", username="o'neil", password="it's", docker_client_kw={"environment": docker_host()}
    )
    mysql.with_command(["--mysqlx=OFF"]).with_kwargs(labels=run.labels, network=run.network)
    mysql.ports = {"3306/tcp": ("127.0.0.1", None)}  # type: ignore[dict-item]
    with mysql:
        url = sqlalchemy.URL.create(
            "mysql+pymysql", "o'neil", "it's", "127.0.0.1", int(mysql.get_exposed_port(3306)), "test"
        )
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE t (id INT)"))


def docker_host() -> dict[str, str]:
    """The environment that leads a Docker client to our engine."""
    return {"DOCKER_HOST": current_run().engine.address}


@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGINT])
def test_containers_end_with_their_owner_however_it_ends(fate: signal.Signals) -> None:
    with owner() as run:
        assert run.stdout is not None
        label, url = run.stdout.readline().split()
        port = int(url.rsplit(":", 1)[1].split("/")[0])
        assert listens(port)
        assert len(things_of(label)) == 2
        end_group(run, fate)
    assert eventually(lambda: not things_of(label)), "a container outlived its owner"
    assert not listens(port)
    assert eventually(lambda: not Path(label).exists()), "its workspace was left behind"


def test_a_private_engine_ends_after_its_last_user_killed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Engine, containers, networks and sockets: nothing runs any more; the images stay for the next run."""
    if not current_run().engine.private:
        pytest.skip("the machine's own engine is used, and stays")
    place = tmp_path_factory.mktemp("s")
    (place / "bookworm").symlink_to(binaries.servers_dir() / "bookworm")
    folder = place / "docker"
    with owner(ZDRELEASE_SERVERS_DIR=str(place)) as first, owner(ZDRELEASE_SERVERS_DIR=str(place)) as second:
        ports = []
        for run in (first, second):
            assert run.stdout is not None
            _, url = run.stdout.readline().split()
            ports.append(int(url.rsplit(":", 1)[1].split("/")[0]))
        pid = engine_pid(folder)
        first.kill()
        first.wait(30)
        assert eventually(lambda: not listens(ports[0]))
        assert answers(socket_of(folder)), "it was ended under its other user"
        assert engine_pid(folder) == pid
        assert listens(ports[1])
        second.kill()
        second.wait(30)
    assert eventually(lambda: not folder.joinpath("exec").exists(), seconds=60)
    assert engine_pid(folder) is None
    assert not any(map(listens, ports))
    assert not list((folder / "data/containers").iterdir())
    mounted = Path("/proc/mounts").read_text()
    assert str(folder) not in mounted


def test_what_a_lost_run_left_is_removed_and_another_machine_is_left_alone() -> None:
    engine = current_run().engine
    left = {"zdrelease.run": "/nonexistent/left", LABEL_HOST: host_id()}
    elsewhere = {"zdrelease.run": "/nonexistent/elsewhere", LABEL_HOST: "elsewhere"}
    networks = [
        engine.client.networks.create(f"{current_run().network}-{number}", labels={**labels})
        for number, labels in enumerate((left, elsewhere))
    ]
    try:
        _remove_what_others_left(engine)
        assert things_of("/nonexistent/left") == []
        assert things_of("/nonexistent/elsewhere") == [networks[1].id]
        assert things_of(current_run().labels["zdrelease.run"]), "our own are gone"
    finally:
        networks[1].remove()


def test_a_proof_runs_on_a_server_in_a_container(
    mysql: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(tmp_path, monkeypatch)
    app.users(ADD_AGE, ADD_REQUIRED)
    result = app.run("prove", "--server", mysql.url(), "--target", "mysql:9.7", "--from", "aaaa1")
    assert result.code == 1, result.out + result.err
    assert "1364: Field 'qty' doesn't have a default value" in result.out


@pytest.mark.parametrize("kind", ["mysql", "redis"])
def test_a_session_store_works_on_a_server_in_a_container(mysql: Server, redis_container: Server, kind: Kind) -> None:
    url = redis_container.url()
    if kind == "mysql":
        url = mysql.url("sessions")
        bare = sqlalchemy.create_engine(mysql.url(), poolclass=sqlalchemy.NullPool)
        with bare.begin() as connection:
            connection.execute(sqlalchemy.text("CREATE DATABASE sessions"))
    else:
        with redis.Redis.from_url(url) as client:
            client.flushall()
    clock = Clock(now_ms())
    store = open_store(url)
    try:
        record = a_record(clock, user="ann", cart=b"3")
        assert store.create(A, record)
        loaded = store.load(A)
        assert loaded is not None
        assert loaded.values == {"cart": b"3"}
        store.save(A, loaded, a_change(clock, put={"cart": b"4"}))
        changed = store.load(A)
        assert changed is not None
        assert changed.values == {"cart": b"4"}
    finally:
        store.close()

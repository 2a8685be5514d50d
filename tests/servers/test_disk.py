"""Full disks: an honest ENOSPC for a real server, and service again when there is room."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pymysql
import pytest

from tests.servers import Kind, Server, ServerError, ServerUnavailableError
from tests.servers.disk import SmallDisk
from tests.servers.guard import clear, unmount
from tests.servers.processes import open_process
from tests.servers.replication import open_replicas
from tests.servers.sql import SQLProcess
from tests.servers.test_processes import connect

MIB = 1024 * 1024
DISK = 300 * MIB
TABLE_FULL = 1114

OpenWithDisk = Callable[[Kind], SQLProcess]


@pytest.fixture
def may_mount(tmp_path: Path) -> None:
    """Skips, saying why, where nobody may mount: a laptop without root, a container without privileges."""
    try:
        SmallDisk(tmp_path / "probe", MIB, "mysql").close()
    except ServerUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def open_with_disk(may_mount: None) -> Iterator[OpenWithDisk]:
    with ExitStack() as opened:

        def open_(kind: Kind) -> SQLProcess:
            server = open_process(kind, disk=DISK)
            opened.callback(server.close)
            assert isinstance(server, SQLProcess)
            return server

        yield open_


def rows(server: Server) -> int:
    """Rows of the table that fills."""
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM shop.item")
        return int((cursor.fetchone() or (0,))[0])


def insert(server: Server, wanted: int) -> int:
    """Insert rows one by one, in the row format's own page; how many were acknowledged before the first error.

    Longer values, stored in pages of their own, end MariaDB 10.11 with 'Out of disk space in rollback'.
    """
    done = 0
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        for _ in range(wanted):
            try:
                cursor.execute("INSERT INTO shop.item (filler) VALUES (%s)", ("x" * 3000,))
            except pymysql.OperationalError as error:
                if error.args[0] != TABLE_FULL:
                    raise
                break
            done += 1
    return done


@pytest.mark.parametrize("kind", ["mysql", "mariadb"])
def test_inserts_fail_on_a_full_disk_and_go_on_when_there_is_room(open_with_disk: OpenWithDisk, kind: Kind) -> None:
    server = open_with_disk(kind)
    with closing(connect(server)) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE shop")
        cursor.execute("CREATE TABLE shop.item (id INT PRIMARY KEY AUTO_INCREMENT, filler VARBINARY(3000))")
    server.fill_disk()
    acknowledged = insert(server, 1000)
    assert acknowledged < 1000, "its disk was not full"
    assert rows(server) == acknowledged, "it still answers"
    server.free_disk()
    assert insert(server, 1000) == 1000
    server.kill()
    server.start()
    assert rows(server) == acknowledged + 1000


def test_a_server_that_cannot_start_on_a_full_disk_starts_when_there_is_room(open_with_disk: OpenWithDisk) -> None:
    server = open_with_disk("mariadb")
    server.stop()
    server.fill_disk()
    with pytest.raises(ServerError, match="before it was ready"):
        server.start()
    server.free_disk()
    server.start()
    assert server.running


def test_a_disk_is_of_its_size_and_leaves_what_is_asked(may_mount: None, tmp_path: Path) -> None:
    with closing(SmallDisk(tmp_path / "disk", 10 * MIB, "mysql")) as disk:
        assert disk.free == 10 * MIB
        disk.fill(leave=3 * MIB)
        assert disk.free == 3 * MIB
        disk.fill()
        assert disk.free == 0
        with pytest.raises(OSError, match="No space left"), (disk.folder / "file").open("wb", buffering=0) as file:
            file.write(b"x")
        disk.release()
        disk.release()
        assert disk.free == 10 * MIB
    disk.close()
    assert not list((tmp_path / "disk").iterdir())


def test_nothing_stays_mounted(open_with_disk: OpenWithDisk) -> None:
    server = open_with_disk("mariadb")
    assert str(server.home) in Path("/proc/self/mountinfo").read_text()
    server.close()
    assert str(server.home) not in Path("/proc/self/mountinfo").read_text()
    assert not server.home.exists()


def test_the_guard_unmounts_what_is_in_a_workspace_and_nothing_beside_it(may_mount: None, tmp_path: Path) -> None:
    workspace = tmp_path / "run"
    for name in ("run", "running"):
        (tmp_path / name / "odd name").mkdir(parents=True)
    SmallDisk(workspace / "odd name" / "disk", MIB, "mysql")
    with closing(SmallDisk(tmp_path / "running" / "disk", MIB, "mysql")) as other:
        (other.folder / "file").touch()
        clear(workspace)
        assert not workspace.exists()
        assert (other.folder / "file").exists()
    unmount(workspace)  # nothing there is fine


@pytest.mark.soak
def test_nodes_of_a_replication_have_disks_of_their_own(may_mount: None) -> None:
    with open_replicas("mariadb", disk=DISK) as pair:
        assert not pair.primary.execute("SHOW DATABASES LIKE 'shop'")
        pair.replica.server.fill_disk()
        pair.reset()
        pair.primary.execute("CREATE DATABASE shop")
        pair.wait_caught_up()


def test_without_root_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ServerUnavailableError, match=r"no mariadb server: a small disk .* takes root"):
        open_process("mariadb", disk=DISK)


def test_a_mount_that_is_refused_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    mount = tmp_path / "mount"
    mount.write_text("#!/bin/sh\necho 'mount: permission denied' >&2; exit 32\n")
    mount.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerUnavailableError, match=r"no mysql server: .*\(code 32\): mount: permission denied"):
        SmallDisk(tmp_path / "disk", MIB, "mysql")
    mount.unlink()
    with pytest.raises(ServerUnavailableError, match=r"cannot be mounted: .*mount"):
        SmallDisk(tmp_path / "other", MIB, "mysql")


def test_a_server_without_a_disk_of_its_own_and_redis_say_so() -> None:
    with closing(open_process("mariadb")) as server:
        assert isinstance(server, SQLProcess)
        assert not server.has_disk
        with pytest.raises(ServerError, match=r"mariadb .* has no disk of its own to fill: open it with disk=BYTES"):
            server.fill_disk()
    with pytest.raises(ServerUnavailableError, match="only MySQL and MariaDB"):
        open_process("redis", disk=DISK)

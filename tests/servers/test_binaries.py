"""Finding a server of a certain version, on PATH and in prepared trees (stand-ins that print a version)."""

from pathlib import Path

import pytest

from tests.servers import ServerUnavailableError, binaries


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MariaDB 10.11 on PATH, and a folder of prepared servers without any."""
    monkeypatch.setenv("ZDRELEASE_SERVERS_DIR", str(tmp_path / "servers"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(binaries, "_MORE_PATH", ())
    program(tmp_path / "bin" / "mariadbd", "mariadbd  Ver 10.11.14-MariaDB")
    return tmp_path


def program(path: Path, says: str) -> None:
    """A stand-in that prints one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def tree(folder: Path, server: str, says: str) -> Path:
    """A stand-in for a system tree: its loader runs whatever it is given."""
    loader = folder / "usr/lib64/ld-linux-x86-64.so.2"
    program(loader, "")
    loader.write_text('#!/bin/sh\n[ "$1" = --library-path ] && shift 2 && exec "$@"\n')
    (folder / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    program(folder / "usr/sbin" / server, says)
    return folder


def test_a_kind_is_what_the_machine_has_and_another_version_comes_from_its_tree(machine: Path) -> None:
    prepared = tree(machine / "servers/mariadb-11.8", "mariadbd", "mariadbd  Ver 11.8.6-MariaDB")
    assert binaries.find("mariadb").version == "10.11.14"
    assert binaries.find("mariadb", "10.11").version == "10.11.14"
    other = binaries.find("mariadb", "11.8")
    assert (other.version, other.base) == ("11.8.6", prepared / "usr")
    assert other.command[0] == str(prepared / "usr/lib64/ld-linux-x86-64.so.2")
    assert f"--basedir={prepared / 'usr'}" in other.options


def test_a_version_is_compared_by_its_numbers(machine: Path) -> None:
    for version in ("10.1", "10.11.1", "11"):
        with pytest.raises(
            ServerUnavailableError, match=rf"of version {version}: .*mariadbd is 10\.11\.14; .*not prep"
        ):
            binaries.find("mariadb", version)


def test_mysql_comes_from_its_tree_first(machine: Path) -> None:
    program(machine / "bin/mysqld", "mysqld  Ver 8.0.36 for Linux")
    assert binaries.find("mysql").version == "8.0.36"
    tree(machine / "servers/mysql", "mysqld", "mysqld  Ver 9.7.4-2 for Linux")
    assert binaries.find("mysql").version == "9.7.4"
    assert binaries.find("mysql", "8.0").version == "8.0.36"


def test_a_tree_that_is_not_whole_says_what_to_do(machine: Path) -> None:
    folder = tree(machine / "servers/mysql", "mysqld", "mysqld  Ver 9.7.4-2 for Linux")
    program(folder / "usr/sbin/mysqld", "Segmentation fault")
    with pytest.raises(ServerUnavailableError, match=r"does not run; remove .*servers/mysql and run scripts/prepare"):
        binaries.find("mysql")
    (folder / "usr/lib64/ld-linux-x86-64.so.2").unlink()
    with pytest.raises(ServerUnavailableError, match="has no dynamic loader"):
        binaries.find("mysql")


def test_the_installer_of_a_tree_starts_its_server_by_the_loader(machine: Path) -> None:
    folder = tree(machine / "servers/mariadb-11.8", "mariadbd", "mariadbd  Ver 11.8.6-MariaDB")
    (folder / "usr/share").mkdir()
    binary = binaries.find("mariadb", "11.8")
    stand_in = machine / "installer"
    command = binaries.mariadb_installer(binary, stand_in)
    assert command == [str(folder / "usr/bin/mariadb-install-db"), f"--basedir={stand_in}", "--force"]
    assert str(folder / "usr/lib64/ld-linux-x86-64.so.2") in (stand_in / "sbin/mariadbd").read_text()
    assert (stand_in / "share").resolve() == folder / "usr/share"

    with pytest.raises(ServerUnavailableError, match="no mariadb-install-db beside it"):
        binaries.mariadb_installer(binaries.find("mariadb"), stand_in)

"""Options of MySQL and MariaDB that every provider gives its servers."""

from tests.servers.base import Kind

# Small and quick, yet nothing that a kill -9 could corrupt: the log is written (not synced) at each commit, and
# the doublewrite buffer stays on, because the kernel may cut a page's write short when the process is killed.
COMMON = (
    "--skip-name-resolve",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=32M",
    "--innodb-use-native-aio=OFF",
    "--sync-binlog=0",
    "--max-connections=200",
    "--table-open-cache=400",
    "--performance-schema=OFF",
)


def data_options(kind: Kind) -> tuple[str, ...]:
    """Options that shape the files of a fresh data folder: given when it is made and whenever it is used."""
    if kind == "mariadb":
        return ("--innodb-log-file-size=32M",)
    quiet = ("--secure-file-priv=NULL", "--mysqlx=OFF")  # else it looks for a folder and listens on 33060
    return ("--innodb-redo-log-capacity=32M", *quiet)


def binlog_options(kind: Kind, binlog: bool) -> tuple[str, ...]:
    """A row-based binary log with GTIDs, or none."""
    if not binlog:
        return ("--skip-log-bin",)
    if kind == "mariadb":
        return ("--log-bin=binlog", "--binlog-format=ROW", "--gtid-strict-mode=ON", "--log-slave-updates=ON")
    return ("--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON")


def flavour_options(kind: Kind) -> tuple[str, ...]:
    """Options that only this flavour knows."""
    if kind == "mariadb":
        return ("--innodb-buffer-pool-dump-at-shutdown=OFF", "--character-set-server=utf8mb4")
    return ()

"""Which GRANT is missing; and that an account with these alone can switch."""

from dataclasses import replace

import pytest
from sqlalchemy.engine import URL

from tests.run.conftest import topology_of
from tests.run.server_values import MARIADB, MYSQL
from tests.servers.replication import Replication
from zdmigrate.run import runs
from zdmigrate.run.errors import RefusedError
from zdmigrate.run.grants import granted, grants_to_run
from zdmigrate.run.policy import Policy
from zdmigrate.run.topology import Topology


def test_all_privileges_are_enough() -> None:
    everything = granted(["GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"])
    assert grants_to_run(everything, MARIADB, "root", "localhost") == ()


def test_exactly_what_is_missing() -> None:
    given = granted(
        [
            "GRANT PROCESS, RELOAD, SUPER, REPLICATION SLAVE, REPLICATION CLIENT, EVENT ON *.* TO `dba`@`%`",
            "GRANT PERSIST_RO_VARIABLES_ADMIN ON *.* TO `dba`@`%`",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON `zdmigrate`.* TO `dba`@`%`",
            "GRANT SELECT (`User`) ON `mysql`.`user` TO `dba`@`%`",
            "GRANT `role`@`%` TO `dba`@`%`",
        ]
    )
    assert grants_to_run(given, MYSQL, "dba", "%") == (
        "GRANT XA_RECOVER_ADMIN ON *.* TO 'dba'@'%'",
        "GRANT CREATE ON `zdmigrate`.* TO 'dba'@'%'",
    )


def _as_dba(pair: Replication, password: str = "s3cret") -> Topology:
    """The pair's topology, reached by an account that may do nothing yet."""
    pair.primary.execute("CREATE USER dba@'127.0.0.1' IDENTIFIED BY %s", password)
    pair.wait_caught_up()
    topology = topology_of(pair)

    def url(old: URL) -> URL:
        return old.set(username="dba", password=password, host="127.0.0.1", query={})

    return replace(topology, nodes=tuple(replace(node, url=url(node.url)) for node in topology.nodes))


def test_what_is_missing_is_all_that_is_needed(any_replication: Replication) -> None:
    pair = any_replication
    topology = _as_dba(pair)
    before = pair.primary.position()
    with pytest.raises(RefusedError) as refused:
        runs.switch(topology, "b", Policy())
    assert pair.primary.position() == before, "nothing was changed"
    reasons = [reason for reason in refused.value.reasons if reason.startswith("a: ")]
    assert len(reasons) == 3
    assert len(refused.value.reasons) == 6, "on each node"
    for reason in reasons:
        pair.primary.execute(reason.partition("run on the primary: ")[2])
    pair.wait_caught_up()
    assert runs.switch(topology, "b", Policy()).new == "b"
    assert runs.switch(topology, "a", Policy()).new == "a"

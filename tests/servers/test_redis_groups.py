"""Redis with Sentinels, as a cluster, with TLS and logins: formed when they say so, faults and all."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import ServerError
from tests.servers.binaries import find
from tests.servers.certificates import make_certificates
from tests.servers.cluster import open_cluster, slot_of
from tests.servers.redis import Group, RedisProcess, Requests, open_redis
from tests.servers.sentinel import open_sentinel


def test_what_fails_takes_the_logs_along() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _fail_in_a_group()
    assert "Ready to accept connections" in caught.value.__notes__[0]
    with pytest.raises(ServerError, match="before it was ready") as failed:
        open_cluster(args=("--no-such", "option"))
    assert "no-such" in failed.value.__notes__[0]


def _fail_in_a_group() -> None:
    with Group() as group:
        group.add(RedisProcess(find("redis")))
        raise ZeroDivisionError


@pytest.mark.soak
def test_an_old_primary_comes_back_as_a_replica_and_can_be_promoted_again() -> None:
    with open_sentinel(replicas=1) as group:
        old = group.primary
        with old.client() as client:
            client.set("key", "value")
            assert client.wait(1, 5000) == 1
        old.pause()
        new = group.wait_promoted(old)
        assert new.ask("GET", "key") == b"value"
        assert group.replicas == [old]
        old.resume()
        group.wait_ready()
        assert old.ask("ROLE")[0] == b"slave"
        assert group.failover() is old
        group.wait_ready()
        assert new.ask("ROLE")[0] == b"slave"


def test_a_cluster_serves_moves_a_slot_and_promotes_a_replica() -> None:
    with open_cluster(replicas=1) as cluster:
        assert len(cluster.primaries) == 3
        owner = cluster.owner("key")
        owner.ask("SET", "key", "value")
        other = next(node for node in cluster.primaries if node is not owner)
        seen: list[object] = []

        def look() -> None:
            assert owner.ask("GET", "key") == b"value", "what was there is still served"
            with pytest.raises(redis.ResponseError, match=f"{slot_of('key')} "):
                owner.ask("GET", "{key}not there")
            seen.append(True)

        cluster.move_slot("key", other, look)
        assert seen
        assert cluster.owner("key") is other
        assert other.ask("GET", "key") == b"value"

        replica = cluster.replica_of(other)
        cluster.promote(replica)
        assert cluster.owner("key") is replica
        replica.kill()
        assert cluster.wait_promoted("key", replica) is other
        assert other.ask("GET", "key") == b"value"


def test_tls_and_logins(tmp_path: Path) -> None:
    server = open_redis(tls=make_certificates(tmp_path), login=("shop", "s3cret"))
    with contextlib.closing(server):
        assert server.url().startswith("rediss://shop:s3cret@127.0.0.1:")
        assert server.ask("PING") == b"PONG"
        once = Retry(NoBackoff(), 0)
        stranger = redis.Redis(port=server.port, ssl=True, ssl_ca_certs=str(tmp_path / "authority.pem"), retry=once)
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("key")
        listing = subprocess.run(["ps", "-wweo", "args"], capture_output=True, text=True, check=True).stdout
        assert "s3cret" not in listing


@pytest.mark.soak
def test_a_cluster_with_tls_and_a_login(tmp_path: Path) -> None:
    with open_cluster(tls=make_certificates(tmp_path), login=("shop", "s3cret")) as cluster:
        owner = cluster.owner("key")
        owner.ask("SET", "key", "value")
        other = next(node for node in cluster.primaries if node is not owner)
        cluster.move_slot("key", other)
        assert other.ask("GET", "key") == b"value"


def test_requests_are_counted_as_clients_send_them() -> None:
    server = open_redis()
    with contextlib.closing(server), Requests([server]) as requests, server.client() as client:
        assert requests.taken() == []
        client.eval("for i = 1, 9 do redis.call('SET', KEYS[1], i) end", 1, "key")
        client.get("key")
        assert requests.taken() == ["EVAL", "GET"]
        assert requests.taken() == []

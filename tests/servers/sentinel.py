"""A Redis with replicas, watched by Sentinels that promote one when it is gone."""

from __future__ import annotations

from tests.servers.base import ServerError
from tests.servers.binaries import Binary, find
from tests.servers.certificates import Certificates
from tests.servers.link import Link
from tests.servers.redis import Group, Login, RedisProcess, wait_until

SERVICE = "shop"

# A replica is in step as soon as it can be, and notices a dead primary within seconds.
_QUICK = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1", "--repl-timeout", "5")


class SentinelProcess(RedisProcess):
    """One Sentinel. It keeps what it finds out in its configuration file, so a restart forgets nothing."""

    def url(self, database: str | None = None) -> str:
        """See `Server.url`; a Sentinel has no databases."""
        return f"{self.scheme}://{self.userinfo}{self.address}{self.query}"

    def _options(self) -> list[str]:
        port = ("--port", "0", "--tls-port") if self._tls else ("--port",)
        return [str(self._file), "--sentinel", "--bind", "127.0.0.1", *port, str(self._port)]


class SentinelGroup(Group):
    """One primary, its replicas and their Sentinels.

    Attributes:
        redises: The primary of the beginning, then its replicas.
        sentinels: Who watches them.
    """

    def __init__(self, binary: Binary, *, args: tuple[str, ...], tls: Certificates | None, login: Login | None) -> None:
        super().__init__()
        self._binary = binary
        self._args = args
        self._tls = tls
        self._login = login
        self._link: Link | None = None
        self.redises: list[RedisProcess] = []
        self.sentinels: list[SentinelProcess] = []

    def start(self, *, replicas: int, sentinels: int, down_after: float, lag: float) -> None:
        """Start everything and return when every Sentinel knows everybody."""
        first = self._add_redis()
        if lag:
            self._link = Link(first.port)
            self._held.callback(self._link.close)
            self._link.slow(latency=lag)
        for _ in range(replicas):
            self._add_redis(f"replicaof 127.0.0.1 {first.port if self._link is None else self._link.port}")
        wait_until(lambda: _replicas_online(first) == replicas, f"{replicas} replicas of {first}")
        watch = [
            f"sentinel monitor {SERVICE} 127.0.0.1 {first.port} {sentinels // 2 + 1}",
            f"sentinel down-after-milliseconds {SERVICE} {round(down_after * 1000)}",
            # Also how long a Sentinel lets a replica have another primary than it thinks: behind a link, it has.
            f"sentinel failover-timeout {SERVICE} {60_000 if lag else 6000}",
        ]
        if self._login is not None:
            user, password = self._login
            watch += [f"sentinel auth-user {SERVICE} {user}", f"sentinel auth-pass {SERVICE} {password}"]
            watch += [f"sentinel sentinel-user {user}", f"sentinel sentinel-pass {password}"]
        for _ in range(sentinels):
            one = SentinelProcess(self._binary, settings=tuple(watch), tls=self._tls, login=self._login)
            self.sentinels.append(one)
            self.add(one)
        self.wait_ready()

    @property
    def primary(self) -> RedisProcess:
        """The Redis that most answering Sentinels call the primary; without any Sentinels, the first."""
        if not self.sentinels:
            return self.redises[0]
        said: list[int] = []
        for sentinel in self.sentinels:
            if sentinel.answers:
                said.append(int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1]))
        if not said:
            raise ServerError("no Sentinel answers")
        port = max(said, key=said.count)
        return next(server for server in self.redises if server.port == port)

    @property
    def replicas(self) -> list[RedisProcess]:
        """All others, also those that are down."""
        primary = self.primary
        return [server for server in self.redises if server is not primary]

    def url(self, database: int = 0, **options: str) -> str:
        """The store URL."""
        first = self.redises[0]
        hosts = ",".join(sentinel.address for sentinel in self.sentinels)
        query = [first.query.removeprefix("?")] if first.query else []
        if self._login is not None:
            options = {"sentinel_username": self._login[0], "sentinel_password": self._login[1], **options}
        query += [f"{name}={value}" for name, value in options.items()]
        end = f"?{'&'.join(query)}" if query else ""
        return f"{first.scheme}+sentinel://{first.userinfo}{hosts}/{SERVICE}/{database}{end}"

    def wait_ready(self, seconds: float = 60) -> None:
        """Wait until every answering Sentinel knows the others and the replicas, and these have all data."""

        def ready() -> bool:
            primary = self.primary
            expected = sum(server.answers for server in self.redises) - 1
            watching = [sentinel for sentinel in self.sentinels if sentinel.answers]
            return _replicas_online(primary) == expected and all(map(self._knows_all, watching))

        wait_until(ready, "Sentinels that see each other and every replica", seconds)

    def wait_promoted(self, old: RedisProcess, seconds: float = 60) -> RedisProcess:
        """Wait for another primary than `old` that takes writes, and return it."""
        wait_until(
            lambda: self.primary is not old and self.primary.ask("ROLE")[0] == b"master",
            f"another primary than {old}",
            seconds,
        )
        return self.primary

    def lose_machine(self) -> None:
        """Take the first primary away with what was on its way to the replicas, as when its machine loses power.

        Raises:
            ServerError: The replicas are not behind a link that could lose anything: open the group with a `lag`.
        """
        if self._link is None:
            raise ServerError("nothing is on its way between processes of one machine; open the group with a lag")
        self._link.cut(reset=True)
        self.redises[0].kill()

    def failover(self) -> RedisProcess:
        """Have a replica promoted although the primary lives; the new primary."""
        old = self.primary
        sentinel = next(sentinel for sentinel in self.sentinels if sentinel.answers)
        wait_until(lambda: sentinel.ask("SENTINEL", "FAILOVER", SERVICE), "a Sentinel that begins a failover")
        return self.wait_promoted(old)

    def _add_redis(self, *settings: str) -> RedisProcess:
        one = RedisProcess(
            self._binary, args=(*_QUICK, *self._args), settings=settings, tls=self._tls, login=self._login
        )
        self.redises.append(one)
        self.add(one)
        return one

    def _knows_all(self, sentinel: SentinelProcess) -> bool:
        answer = sentinel.ask("SENTINEL", "REPLICAS", SERVICE)
        others = sentinel.ask("SENTINEL", "SENTINELS", SERVICE)
        master = _as_dict(sentinel.ask("SENTINEL", "MASTER", SERVICE))
        flags = [_as_dict(one)["flags"] for one in (*answer, *others)]
        return (
            len(answer) == len(self.redises) - 1
            and len(others) == len(self.sentinels) - 1
            and master["flags"] == "master"
            and len([flag for flag in flags if flag in ("slave", "sentinel")])
            == sum(server.answers for server in (*self.redises, *self.sentinels)) - 2
        )


def open_sentinel(
    *,
    replicas: int = 2,
    sentinels: int = 3,
    args: tuple[str, ...] = (),
    down_after: float = 0.5,
    lag: float = 0.0,
    tls: Certificates | None = None,
    login: Login | None = None,
    binary: Binary | None = None,
) -> SentinelGroup:
    """One primary, its replicas and their Sentinels, ready: every Sentinel knows everybody.

    Args:
        replicas: How many.
        sentinels: How many; with none, nobody is ever promoted.
        args: Further options for each Redis.
        down_after: Seconds of silence after which a Sentinel takes a server for dead.
        lag: Seconds it takes from the first primary to its replicas and back; see `SentinelGroup.lose_machine`.
        tls: Everybody speaks TLS with these certificates.
        login: Everybody, Sentinels too, wants this user and password.
        binary: The Redis or Valkey to run; the machine's Redis when not given.
    """
    group = SentinelGroup(binary or find("redis"), args=args, tls=tls, login=login)
    try:
        group.start(replicas=replicas, sentinels=sentinels, down_after=down_after, lag=lag)
    except BaseException as error:
        error.add_note(group.log(15))
        group.close()
        raise
    return group


def _replicas_online(primary: RedisProcess) -> int:
    with primary.client() as client:
        state = client.info("replication")
    return sum(1 for name, one in state.items() if _is_replica(name) and one["state"] == "online")


def _is_replica(name: str) -> bool:
    return name.removeprefix("slave").isdigit()


def _as_dict(answer: object) -> dict[str, str]:
    """A Sentinel's description: name, value, name, value …"""
    assert isinstance(answer, (list, dict))
    flat = [part for pair in answer.items() for part in pair] if isinstance(answer, dict) else answer
    texts = [part.decode() if isinstance(part, bytes) else str(part) for part in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))

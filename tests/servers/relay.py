"""Carries TCP connections from a loopback port to an address, and lets itself be cut and slowed. Standard library only.

Run as a program (`relay.py LISTEN_PORT TARGET_HOST TARGET_PORT`) by `tests.servers.link`, which sends commands as lines
of JSON on standard input and reads one line of JSON for each. It says one when it listens, and ends with its standard
input, so no relay outlives its owner. One thread and one selector: when a command is answered, it has taken effect.
"""

import collections
import contextlib
import errno
import json
import os
import selectors
import socket
import struct
import sys
import time
from typing import Any

CHUNK = 64 * 1024
QUEUE = 1024 * 1024  # bytes held back for one direction of one connection before its sender has to wait
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
DIRECTIONS = ("to_target", "to_client")


class Wire:
    """One direction of the whole link: whether and how fast bytes pass. The connections share its bandwidth."""

    def __init__(self) -> None:
        self.cut = False
        self.latency = 0.0
        self.bytes_per_second: float | None = None
        self.carried = 0
        self._free_at = 0.0

    @property
    def slow(self) -> bool:
        """Whether bytes have to wait for their time."""
        return self.latency > 0 or self.bytes_per_second is not None

    def chunk(self) -> int:
        """How much to read at once: small enough that a thin wire delivers evenly instead of in lumps."""
        return CHUNK if self.bytes_per_second is None else max(1, min(CHUNK, int(self.bytes_per_second / 50)))

    def arrival(self, size: int, now: float) -> float:
        """When `size` bytes handed over now have arrived at the other end."""
        if self.bytes_per_second is None:
            return now + self.latency
        self._free_at = max(now, self._free_at) + size / self.bytes_per_second
        return self._free_at + self.latency


class Flow:
    """One direction of one connection."""

    def __init__(self, wire: Wire, source: socket.socket, sink: socket.socket) -> None:
        self.wire = wire
        self.source = source
        self.sink = sink
        self.queue: collections.deque[tuple[float, bytes]] = collections.deque()
        self.queued = 0
        self.ended = False  # the source sent its end
        self.closed = False  # and the sink was told
        self.blocked = False  # the sink takes no more at the moment

    def wants_read(self) -> bool:
        """Whether more may be read from the source."""
        return not (self.ended or self.wire.cut or self.queued >= QUEUE)

    def due(self) -> float | None:
        """When the next bytes may go out; None when none wait or nothing passes."""
        if self.wire.cut or not self.queue:
            return None
        return self.queue[0][0] if self.wire.slow else 0.0

    def push(self, data: bytes, now: float) -> None:
        """Hold bytes until their time."""
        self.queue.append((self.wire.arrival(len(data), now) if self.wire.slow else now, data))
        self.queued += len(data)

    def receive(self) -> None:
        """Read what the source sent, and hand it on at once where nothing holds it back."""
        data = self.source.recv(self.wire.chunk())
        if not data:
            self.ended = True
            self.flush(time.monotonic())
            return
        sent = 0
        if not self.queue and not self.wire.slow:
            with contextlib.suppress(BlockingIOError):
                sent = self.sink.send(data)
                self.wire.carried += sent
        if sent < len(data):
            self.push(data[sent:], time.monotonic())

    def flush(self, now: float) -> None:
        """Send what is due; when all is sent and the source has ended, tell the sink."""
        self.blocked = False
        while (due := self.due()) is not None and due <= now:
            when, data = self.queue.popleft()
            try:
                sent = self.sink.send(data)
            except BlockingIOError:
                sent = 0
            self.wire.carried += sent
            self.queued -= sent
            if sent < len(data):
                self.queue.appendleft((when, data[sent:]))
                self.blocked = True
                return
        if self.ended and not self.queue and not self.closed and not self.wire.cut:
            self.closed = True
            self.sink.shutdown(socket.SHUT_WR)


class Pair:
    """One connection: the client's socket, the target's, and a flow each way."""

    def __init__(self, client: socket.socket, target: socket.socket, wires: dict[str, Wire]) -> None:
        self.client = client
        self.target = target
        self.connected = False
        self.broken = False  # reset by one side; the other is told when nothing is cut
        self.flows = (Flow(wires["to_target"], client, target), Flow(wires["to_client"], target, client))

    def reset(self) -> None:
        """Close both sides so that they see a reset, not an end."""
        for side in (self.client, self.target):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            side.close()

    def close(self) -> None:
        """Close both sides."""
        self.client.close()
        self.target.close()


class Relay:
    """The listener, its connections and the command channel."""

    def __init__(self, port: int, target: tuple[str, int]) -> None:
        self._address = ("127.0.0.1", port)
        self._target = target
        self._wires = {name: Wire() for name in DIRECTIONS}
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, int] = {}
        self._pairs: dict[socket.socket, Pair] = {}  # each pair under both its sockets
        self._accepted = 0
        self._listener: socket.socket | None = None
        self._commands = b""

    def run(self) -> None:
        """Listen, say so, and serve until standard input ends."""
        self._listen()
        os.set_blocking(0, False)
        self._selector.register(0, READ)
        answer({"number": 0})
        while True:
            for key, mask in self._selector.select(self._timeout()):
                if key.fd == 0:
                    if not self._obey():
                        return
                elif key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket) and (pair := self._pairs.get(key.fileobj)):
                    self._serve(pair, key.fileobj, mask)
            self._send_due()

    # --- commands ------------------------------------------------------------------------------------------------

    def _obey(self) -> bool:
        """Carry out the commands that have arrived; False when there will be no more."""
        data = os.read(0, CHUNK)
        if not data:
            return False
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            command = json.loads(line)
            try:
                done = self._do(command)
            except OSError as error:
                done = {"error": str(error)}
            answer({"number": command["number"], **done})
        return True

    def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        match command:
            case {"do": "cut", "reset": reset, "directions": directions}:
                for name in directions:
                    self._wires[name].cut = True
                if reset:
                    self._refuse()
                else:
                    self._refresh()
            case {"do": "heal"}:
                for wire in self._wires.values():
                    wire.cut, wire.latency, wire.bytes_per_second = False, 0.0, None
                self._listen()
                self._refresh()
            case {"do": "slow", "latency": latency, "bytes_per_second": rate, "directions": directions}:
                for name in directions:
                    self._wires[name].latency, self._wires[name].bytes_per_second = latency, rate
                self._refresh()
            case {"do": "look"}:
                carried = {name: wire.carried for name, wire in self._wires.items()}
                return {"connections": len(self._pairs) // 2, "accepted": self._accepted, **carried}
        return {}

    def _refuse(self) -> None:
        """Reset every connection, and stop listening so that new ones are refused."""
        for pair in set(self._pairs.values()):
            self._drop(pair, reset=True)
        if self._listener is not None:
            with contextlib.suppress(BlockingIOError):  # those the kernel accepted for us
                while True:
                    waiting, _ = self._listener.accept()
                    waiting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    waiting.close()
            self._watch(self._listener, 0)
            self._listener.close()
            self._listener = None

    def _refresh(self) -> None:
        """Look at everything again after the wires changed."""
        if self._listener is not None:
            self._watch(self._listener, 0 if self._cut() else READ)
        for pair in set(self._pairs.values()):
            self._settle(pair)

    def _cut(self) -> bool:
        return any(wire.cut for wire in self._wires.values())

    # --- connections ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        if self._listener is None:
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setblocking(False)
            listener.bind(self._address)
            listener.listen(1024)
            self._listener = listener
        self._watch(self._listener, READ)

    def _accept(self) -> None:
        assert self._listener is not None
        if self._cut():
            return  # by a command that came with this very event
        try:
            client, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):
            return
        target = socket.socket()
        for side in (client, target):
            side.setblocking(False)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._accepted += 1
        pair = Pair(client, target, self._wires)
        self._pairs[client] = self._pairs[target] = pair
        if target.connect_ex(self._target) in (0, errno.EINPROGRESS):
            self._watch(target, WRITE)  # then its outcome can be read
        else:
            pair.broken = True
            self._settle(pair)

    def _serve(self, pair: Pair, side: socket.socket, mask: int) -> None:
        """One side of a connection is ready."""
        try:
            if not pair.connected:
                pair.broken = bool(pair.target.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
                pair.connected = True
            elif mask & READ:
                flow = pair.flows[0] if side is pair.client else pair.flows[1]
                if flow.wants_read():
                    flow.receive()
        except BlockingIOError:
            pass
        except OSError:
            pair.broken = True
        if mask & WRITE or pair.broken or self._restless(pair):
            self._settle(pair)

    def _restless(self, pair: Pair) -> bool:
        """Whether anything but 'both sides are read and nothing waits' holds: most turns need no settling."""
        return any(flow.queue or flow.ended for flow in pair.flows)

    def _settle(self, pair: Pair) -> None:
        """Send what may be sent, then watch each side for what matters; or end the connection."""
        now = time.monotonic()
        try:
            if pair.connected and not pair.broken:
                for flow in pair.flows:
                    flow.flush(now)
        except OSError:
            pair.broken = True
        if pair.broken:
            if self._cut():  # the news does not pass either
                self._watch(pair.client, 0)
                self._watch(pair.target, 0)
            else:
                self._drop(pair, reset=True)
            return
        if not pair.connected:
            return  # its target is watched, and says when it is
        if all(flow.closed for flow in pair.flows):
            self._drop(pair)
            return
        out, back = pair.flows
        self._watch(pair.client, interest(out, back, now))
        self._watch(pair.target, interest(back, out, now))

    def _drop(self, pair: Pair, *, reset: bool = False) -> None:
        for side in (pair.client, pair.target):
            self._watch(side, 0)
            del self._pairs[side]
        pair.reset() if reset else pair.close()

    def _watch(self, side: socket.socket, mask: int) -> None:
        """Ask for these events; for none, not even hang-ups are reported."""
        before = self._watched.get(side, 0)
        if mask == before:
            return
        if not mask:
            self._selector.unregister(side)
            del self._watched[side]
            return
        (self._selector.modify if before else self._selector.register)(side, mask)
        self._watched[side] = mask

    # --- time ----------------------------------------------------------------------------------------------------

    def _waiting(self) -> list[tuple[float, Pair]]:
        """Connections with bytes that wait for their time and not for a sink, and when that is."""
        if not any(wire.slow for wire in self._wires.values()):
            return []
        pairs = set(self._pairs.values())
        return [(due, pair) for pair in pairs for flow in pair.flows if (due := flow.due()) and not flow.blocked]

    def _timeout(self) -> float | None:
        dues = [due for due, _ in self._waiting()]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _send_due(self) -> None:
        now = time.monotonic()
        for pair in {pair for due, pair in self._waiting() if due <= now}:
            self._settle(pair)


def interest(reads: Flow, writes: Flow, now: float) -> int:
    """What to watch a socket for that is the source of one flow and the sink of the other."""
    due = writes.due()
    return (READ if reads.wants_read() else 0) | (WRITE if due is not None and due <= now else 0)


def answer(what: dict[str, Any]) -> None:
    """Say one line to the owner."""
    os.write(1, json.dumps(what).encode() + b"\n")


def main() -> None:
    """Relay until the owner closes our standard input."""
    port, host, target = sys.argv[1:]
    Relay(int(port), (host, int(target))).run()


if __name__ == "__main__":
    main()

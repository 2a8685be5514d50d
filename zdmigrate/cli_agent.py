"""`zdmigrate health-agent`: tells load balancers which node is the primary."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType

import click

from zdmigrate.errors import UsageError


@click.command("health-agent")
@click.option(
    "--topology",
    "topology_path",
    type=click.Path(path_type=Path),
    default=Path("topology.toml"),
    show_default=True,
    help="The topology file that names the node.",
)
@click.option("--node", "name", required=True, metavar="NAME", help="The node to ask.")
@click.option("--listen", default="127.0.0.1:9200", show_default=True, metavar="HOST:PORT", help="Where to answer.")
@click.option("--max-lag", type=float, default=10.0, show_default=True, metavar="S", help="For /replica.")
def health_agent(topology_path: Path, name: str, listen: str, max_lag: float) -> None:
    """Answer HTTP checks: 200 on / when the node is the writable primary, on /replica when it follows; else 503."""
    from zdmigrate.health_agent import HealthServer, Probe
    from zdmigrate.run.topology import read_topology

    node = read_topology(topology_path).node(name)
    host, _, port = listen.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"--listen {listen!r}: write HOST:PORT, for example 127.0.0.1:9200")
    server = HealthServer((host.strip("[]") or "127.0.0.1", int(port)), Probe(node, max_lag=max_lag))

    def stop(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()  # it waits for the loop that we interrupt

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    address = server.server_address
    click.echo(f"health of {node.name} on http://{address[0]!s}:{address[1]}/ and /replica")
    try:
        server.serve_forever(poll_interval=0.2)
    finally:
        server.server_close()

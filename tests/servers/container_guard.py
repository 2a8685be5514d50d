"""Removes the containers of a run whose owner is gone, and their network and volumes.

Every container and network of a run carries its label. Run as a program (`container_guard.py ADDRESS RUN`), this waits
until standard input ends, which happens however the owner dies, and then removes what carries the label of that run.
"""

import os
import signal
import sys
import time
from contextlib import closing, suppress

import docker
import requests
from docker.errors import APIError, DockerException, NotFound

LABEL_RUN = "zdrelease.run"
TRY_SECONDS = 60.0
QUIET_SECONDS = 0.5  # a request of the dying owner may still be under way


def remove_all(client: docker.DockerClient, run: str, *, quiet_seconds: float = 0.0) -> None:
    """Remove every container and network that carries a run's label, until none has turned up for `quiet_seconds`.

    Raises:
        DockerException, requests.RequestException: The engine did not do it within a minute.
    """
    deadline = time.monotonic() + TRY_SECONDS
    quiet_since: float | None = None
    while quiet_since is None or time.monotonic() < quiet_since + quiet_seconds:
        try:
            if _remove_once(client, run):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
        except (DockerException, requests.RequestException):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def _remove_once(client: docker.DockerClient, run: str) -> bool:
    """Remove what there is now; whether there was anything."""
    filters = {"label": f"{LABEL_RUN}={run}"}
    containers = client.api.containers(all=True, quiet=True, filters=filters)
    for container in containers:
        with suppress(NotFound):
            _remove_container(client, container["Id"])
    networks = client.api.networks(filters=filters)
    for network in networks:
        with suppress(NotFound):
            client.api.remove_network(network["Id"])
    return bool(containers or networks)


def _remove_container(client: docker.DockerClient, identity: str) -> None:
    try:
        client.api.remove_container(identity, v=True, force=True)
    except APIError as error:
        if error.status_code != 409:  # somebody is removing it just now
            raise


def main(address: str, run: str) -> None:
    """Wait for the owner to go, then remove what it left."""
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    while os.read(0, 4096):
        pass
    with closing(docker.DockerClient(base_url=address, timeout=60)) as client:
        remove_all(client, run, quiet_seconds=QUIET_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:3])

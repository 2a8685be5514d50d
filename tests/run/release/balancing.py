"""Balancers in front of a shop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from tests.run.release.shop import Shop
from tests.servers.apache import Apache, open_apache
from tests.servers.haproxy import HAProxy, open_haproxy
from tests.servers.nginx import Nginx, open_nginx

_HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
frontend web
  bind 127.0.0.1:{port}
  default_backend nodes
backend nodes
  option httpchk GET /-/ready
  timeout check 5s
  default-server check inter 200ms fall 5 rise 1
"""


@contextmanager
def haproxy_in_front_of(shop: Shop) -> Iterator[HAProxy]:
    """An HAProxy that checks each node, and the shop's [balancer] for it."""
    servers = "".join(f"  server {node['name']} {node['address']}\n" for node in shop.nodes)
    proxy = open_haproxy(_HAPROXY + servers)
    try:
        shop.write(balancer={"kind": "haproxy", "sockets": [str(proxy.stats_socket)], "backend": "nodes"})
        yield proxy
    finally:
        proxy.close()


@contextmanager
def nginx_in_front_of(shop: Shop) -> Iterator[Nginx]:
    """An nginx that includes a list of the nodes, and the shop's [balancer] for it."""
    with _listing(shop, "nginx", open_nginx([node["address"] for node in shop.nodes])) as server:
        yield server


@contextmanager
def apache_in_front_of(shop: Shop) -> Iterator[Apache]:
    """An Apache httpd that includes a list of the nodes, and the shop's [balancer] for it."""
    with _listing(shop, "apache", open_apache([node["address"] for node in shop.nodes])) as server:
        yield server


Listing = TypeVar("Listing", Nginx, Apache)


@contextmanager
def _listing(shop: Shop, kind: str, server: Listing) -> Iterator[Listing]:
    try:
        shop.write(
            balancer={
                "kind": kind, "file": str(server.list_file), "reload": server.reload_command,
                "check": server.check_command,
            }
        )  # fmt: skip
        yield server
    finally:
        server.close()

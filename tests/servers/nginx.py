"""nginx as a process, in front of the servers that a file in its home lists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.servers import ports
from tests.servers.base import Kind, ServerUnavailableError
from tests.servers.binaries import Binary, find_tool
from tests.servers.certificates import Certificates
from tests.servers.processes import ProcessServer

_CONFIG = """
daemon off;
pid nginx.pid;
error_log stderr notice;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp; scgi_temp_path temp;
  upstream nodes {{
    include nodes.conf;
  }}
  server {{
    listen 127.0.0.1:{port};
    {tls}
    location = /-/balancer {{ return 200 "{name}"; }}
    location / {{ proxy_pass http://nodes; {told} }}
  }}
}}
"""


class Nginx(ProcessServer):
    """An nginx whose upstream servers stand in `list_file`.

    Args:
        binary: The program.
        servers: `host:port` of each.
        tls: It also listens with this certificate, on `tls_port`.
        told: Directives on what the servers are told, such as `proxy_set_header`.
    """

    # It is no kind of `open_server`: this names its home and its messages.
    kind: Kind = "nginx"  # type: ignore[assignment]

    def __init__(self, binary: Binary, servers: Sequence[str], tls: Certificates | None = None, told: str = "") -> None:
        super().__init__(binary)
        self._servers = servers
        self._tls = tls
        self._told = told
        self.tls_port = ports.lease() if tls else None

    @property
    def list_file(self) -> Path:
        """The file with one `server HOST:PORT;` for each."""
        return self._home / "nodes.conf"

    @property
    def reload_command(self) -> str:
        """Has it read its configuration anew."""
        return shlex.join([*self._binary.command, *self._place(), "-s", "reload"])

    @property
    def check_command(self) -> str:
        """Tries its configuration."""
        return shlex.join([*self._binary.command, *self._place(), "-t"])

    def url(self, database: str | None = None) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}/{database or ''}"

    def _place(self) -> list[str]:
        return ["-p", f"{self._home}/", "-c", "nginx.conf"]

    def _lay_out(self) -> None:
        self.list_file.write_text("".join(f"server {server};\n" for server in self._servers))

    def _options(self) -> list[str]:
        user = "user root;" if os.geteuid() == 0 else ""  # its home is not for others
        tls = ""
        if self._tls is not None:
            tls = (
                f"listen 127.0.0.1:{self.tls_port} ssl; ssl_certificate {self._tls.certificate}; "
                f"ssl_certificate_key {self._tls.key};"
            )
        config = _CONFIG.format(port=self._port, user=user, name=self._home.name, tls=tls, told=self._told)
        (self._home / "nginx.conf").write_text(config)
        return self._place()

    def close(self) -> None:
        """See `Server.close`."""
        if not self._closed and self.tls_port is not None:
            ports.release(self.tls_port)
        super().close()

    def _ping(self) -> bool:
        with urllib.request.urlopen(self.url("-/balancer"), timeout=2) as answer:
            found: bytes = answer.read()
        return found.decode() == self._home.name


def open_nginx(servers: Sequence[str], *, tls: Certificates | None = None, told: str = "") -> Nginx:
    """Start an nginx in front of these (`host:port`). See `Nginx` for the options.

    Raises:
        ServerUnavailableError: There is none on this machine.
        ServerError: It does not start.
    """
    path = find_tool("nginx")
    if path is None:
        raise ServerUnavailableError("nginx", "no nginx on PATH (run scripts/prepare_servers)")
    said = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=30, check=True).stderr
    version = re.search(r"/(\d+(?:\.\d+)*)", said)
    server = Nginx(Binary(path, version[1] if version else "unknown", (str(path),)), servers, tls, told)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server

"""Apache httpd with mod_proxy_balancer as a process, in front of the servers that a file in its home lists."""

from __future__ import annotations

import re
import shlex
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tests.servers.base import Kind, ServerUnavailableError
from tests.servers.binaries import Binary, find_tool
from tests.servers.processes import ProcessServer

_MODULE_FOLDERS = ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2")
_MODULES = (
    "mpm_event",
    "authz_core",
    "headers",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "lbmethod_byrequests",
    "slotmem_shm",
)
_CONFIG = """
ServerRoot {home}
ServerName localhost
DefaultRuntimeDir {home}
PidFile {home}/httpd.pid
ErrorLog {home}/log
Listen 127.0.0.1:{port}
User "#65534"
Group "#65534"
StartServers 1
ServerLimit 4
ThreadsPerChild 25
MinSpareThreads 10
MaxSpareThreads 60
MaxRequestWorkers 100
<Proxy balancer://nodes>
  Include {home}/nodes.conf
</Proxy>
ProxyPass /-/balancer !
ProxyPass / balancer://nodes/
Header always set X-Balancer {name}
"""


class Apache(ProcessServer):
    """An Apache httpd whose balancer members stand in `list_file`."""

    # It is no kind of `open_server`: this names its home and its messages.
    kind: Kind = "apache"  # type: ignore[assignment]

    def __init__(self, binary: Binary, modules: Path, servers: Sequence[str]) -> None:
        super().__init__(binary)
        self._modules = modules
        self._servers = servers

    @property
    def list_file(self) -> Path:
        """The file with one `BalancerMember http://HOST:PORT` for each."""
        return self._home / "nodes.conf"

    @property
    def reload_command(self) -> str:
        """Has it read its configuration anew; requests under way end first."""
        return shlex.join([*self._binary.command, *self._place(), "-k", "graceful"])

    @property
    def check_command(self) -> str:
        """Tries its configuration."""
        return shlex.join([*self._binary.command, *self._place(), "-t"])

    def url(self, database: str | None = None) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}/{database or ''}"

    def _place(self) -> list[str]:
        return ["-f", str(self._home / "httpd.conf")]

    def _lay_out(self) -> None:
        self.list_file.write_text("".join(f"BalancerMember http://{server}\n" for server in self._servers))

    def _options(self) -> list[str]:
        modules = "".join(f"LoadModule {name}_module {self._modules}/mod_{name}.so\n" for name in _MODULES)
        config = modules + _CONFIG.format(home=self._home, port=self._port, name=self._home.name)
        (self._home / "httpd.conf").write_text(config)
        return ["-D", "FOREGROUND", *self._place()]

    def _ping(self) -> bool:
        try:
            urllib.request.urlopen(self.url("-/balancer"), timeout=2).close()
        except urllib.error.HTTPError as error:  # there is no such page, and no node is asked for it
            with error:
                return bool(error.headers["X-Balancer"] == self._home.name)
        return False


def open_apache(servers: Sequence[str]) -> Apache:
    """Start an Apache httpd in front of these (`host:port`).

    Raises:
        ServerUnavailableError: There is none on this machine.
        ServerError: It does not start.
    """
    path = find_tool("apache2") or find_tool("httpd")
    modules = next((Path(folder) for folder in _MODULE_FOLDERS if Path(folder).is_dir()), None)
    if path is None or modules is None:
        raise ServerUnavailableError("apache", "no apache2 on PATH (run scripts/prepare_servers)")
    said = subprocess.run([path, "-v"], capture_output=True, text=True, timeout=30, check=True).stdout
    version = re.search(r"/(\d+(?:\.\d+)*)", said)
    server = Apache(Binary(path, version[1] if version else "unknown", (str(path),)), modules, servers)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server

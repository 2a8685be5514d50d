"""Visitors behind a load balancer, who notice every request that is dropped and every session that is lost."""

from __future__ import annotations

import http.client
import threading
import time


class Visitors:
    """Each keeps a session, counts its pages, and expects the next number from whatever node answers.

    Args:
        port: of the balancer, on loopback.
        count: of visitors.
        keep_alive: whether they keep their connection to the balancer. One that is reloaded closes connections that
            wait for the next request, as nginx and Apache do; then a client whose request crosses that on its way has
            to send it again, which browsers do and these visitors do not.
    """

    def __init__(self, port: int, count: int = 3, *, keep_alive: bool = True) -> None:
        self._port = port
        self._keep_alive = keep_alive
        self._done = threading.Event()
        self.problems: list[str] = []
        self.pages = [0] * count
        self._threads = [threading.Thread(target=self._visit, args=(number,)) for number in range(count)]

    def __enter__(self) -> Visitors:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _visit(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        cookie = ""
        while not self._done.is_set():
            try:
                connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.problems.append(repr(error))
                connection.close()
                continue
            if not self._keep_alive:
                connection.close()
            cookie = (answer.getheader("Set-Cookie") or cookie).partition(";")[0]
            if answer.status == 200 and body == b"%d" % (self.pages[number] + 1):
                self.pages[number] += 1
            else:
                self.problems.append(f"{answer.status} {body!r} after page {self.pages[number]}")
                self._done.set()
            time.sleep(0.005)
        connection.close()

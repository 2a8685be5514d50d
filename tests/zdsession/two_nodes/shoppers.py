"""Users who check out over several requests, as through a balancer that knows two nodes, and check every answer."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

_PAGE_SECONDS = 60.0
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class WrongAnswerError(AssertionError):
    """A page that no user should have seen."""


class Shopper:
    """One user with one browser. Each request goes to a node at random, and to the other if that one is gone."""

    def __init__(self, number: int, ports: Sequence[int], pages: Pages) -> None:
        self._random = random.Random(number)
        self._number = number
        self._ports = ports
        self._pages = pages
        self._cookie = ""
        self._orders: list[str] = []

    def shop(self) -> None:
        """One visit to the checkout, from the catalogue to the order."""
        self._get("/")
        cart: dict[str, int] = {}
        for sku in self._random.sample(["tea", "cup", "pot"], 3):
            cart[sku] = self._random.randint(1, 9)
            self._expect(self._put(f"/cart/{sku}", quantity=cart[sku]), cart, {})
        steps = {"address": f"{self._number} Main Street"}
        self._expect(self._put("/checkout/address", **steps), cart, steps)
        self._expect(self._get("/cart"), cart, steps)
        steps["payment"] = "card"
        answer = self._put("/checkout/payment", payment="card")
        steps["order"] = answer["checkout"].get("order")
        self._expect(answer, cart, steps)
        self._orders.append(steps["order"])
        self._expect(self._put(f"/checkout/confirm/{steps['order']}"), {}, {})

    def _expect(self, answer: Any, cart: dict[str, int], steps: dict[str, str]) -> None:
        orders = [placed["order"] for placed in answer["orders"]]
        if (answer["cart"], answer["checkout"], orders) != (cart, steps, self._orders):
            raise WrongAnswerError(f"user {self._number} did {cart}, {steps}, {self._orders}, and is shown {answer}")

    def _get(self, path: str) -> Any:
        return self._click("GET", path, "")

    def _put(self, path: str, **form: object) -> Any:
        return self._click("PUT", path, urlencode(form))

    def _click(self, method: str, path: str, form: str) -> Any:
        """One page, from whichever node answers: what a balancer does with a connection that was refused or cut."""
        deadline = time.monotonic() + _PAGE_SECONDS
        port = self._random.choice(self._ports)
        while True:
            try:
                status, body = self._ask(port, method, path, form)
                break
            except (ConnectionError, http.client.BadStatusLine, http.client.IncompleteRead) as error:
                if time.monotonic() > deadline:
                    raise WrongAnswerError(f"neither node answers {method} {path}: {error}") from error
                port = next(other for other in self._ports if other != port)
                self._pages.retried()
                time.sleep(0.01)
        if status != 200:
            raise WrongAnswerError(f"user {self._number}: {method} {path}: {status} {body[:200]!r}")
        self._pages.served(port)
        return json.loads(body)

    def _ask(self, port: int, method: str, path: str, form: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PAGE_SECONDS)
        try:
            connection.request(method, path, form, {**_FORM, "Cookie": self._cookie})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        for value in response.headers.get_all("Set-Cookie", []):
            pair = value.partition(";")[0]
            if pair.endswith("=") or "Max-Age=0" in value:
                raise WrongAnswerError(f"user {self._number}: {method} {path} took the cookie away: {value}")
            self._cookie = pair
        return response.status, body


class Pages:
    """Counts of all users together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.retries = 0
        self.by_port: dict[int, int] = {}

    def served(self, port: int) -> None:
        """A page was answered by the node on this port."""
        with self._lock:
            self.by_port[port] = self.by_port.get(port, 0) + 1

    def retried(self) -> None:
        """A node was found gone."""
        with self._lock:
            self.retries += 1

    @property
    def total(self) -> int:
        """Pages that were answered."""
        return sum(self.by_port.values())


class Shoppers:
    """Users, each in a thread, who check out again and again until the end of the `with`, and then finish."""

    def __init__(self, count: int, ports: Sequence[int]) -> None:
        self.pages = Pages()
        self.checkouts = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._failures: list[BaseException] = []
        users = [Shopper(number, ports, self.pages) for number in range(count)]
        self._threads = [threading.Thread(target=self._run, args=(user,)) for user in users]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(4 * _PAGE_SECONDS)
        if self._failures and error is None:
            raise self._failures[0]

    def wait_for(self, more: int, port: int | None = None, seconds: float = 120) -> None:
        """Wait until so many more pages were answered, by the node on ``port`` if one is given."""

        def answered() -> int:
            return self.pages.total if port is None else self.pages.by_port.get(port, 0)

        wanted, deadline = answered() + more, time.monotonic() + seconds
        while answered() < wanted:
            if self._failures:
                raise self._failures[0]
            assert time.monotonic() < deadline, f"{answered()} of {wanted} pages after {seconds} s"
            time.sleep(0.02)

    def _run(self, user: Shopper) -> None:
        try:
            while True:
                user.shop()
                with self._lock:
                    self.checkouts += 1
                if self._stop.is_set():
                    return
        except BaseException as error:
            self._failures.append(error)
            self._stop.set()

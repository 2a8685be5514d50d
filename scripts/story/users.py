"""People who shop: each has one browser, keeps one session for the whole run, and checks every page.

    python -m scripts.story.users ORIGIN AUTHORITY SAMPLES LEDGER --shoppers 8 --newcomers 1

Runs until its standard input ends, then lets everybody finish, looks once more whether all are still logged in, and
writes what became of them. What a page was asked for, when, and how long it took goes to SAMPLES, a line of JSON each.
"""

from __future__ import annotations

import argparse
import html
import http.client
import json
import random
import re
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

#: A page that takes longer has failed.
PAGE_SECONDS = 60.0
_REDIRECTS = (301, 302, 303, 307, 308)
_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}
_GOODS = ("can", "cup", "pot", "tea", "tray")
_LINE = re.compile(r'data-sku="(\w+)" data-quantity="(\d+)"')
_FIRST = ("Ada", "Bo", "Chen", "Dmitri", "Eve", "Farah", "Grace", "Hedy", "Ines", "Jomo")
_LAST = ("Ansah", "Berg", "Cruz", "van Dyk", "Endo", "de la Fuente", "Gupta", "Holm", "Ito", "Jansen")


class PageError(Exception):
    """A page that no visitor should have seen: a failed request, or something of theirs that is gone.

    Attributes:
        kind: ``failed``, ``session`` (logged out, or a cart that is not theirs) or ``order``.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


@dataclass
class Ledger:
    """What all visitors together know: safe to write to from each of their threads.

    Attributes:
        orders: keys of orders whose page was shown, with their totals: the shop said that they are placed.
        asked: keys of orders that somebody asked to be placed.
        problems: what went wrong, by kind.
        sessions: how many visitors logged in, and how many of them were at the end.
    """

    orders: dict[str, str] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    problems: list[dict[str, Any]] = field(default_factory=list)
    pages: int = 0
    sessions: dict[str, int] = field(default_factory=lambda: {"begun": 0, "kept": 0})
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def report(self) -> dict[str, Any]:
        """As JSON can hold it."""
        with self.lock:
            return {
                "pages": self.pages,
                "orders": self.orders,
                "asked": sorted(self.asked),
                "problems": self.problems,
                "sessions": self.sessions,
            }


class Browser:
    """One browser with one cookie jar and one connection that it keeps open.

    Args:
        origins: ``https://host:port``; with several, each page is asked of another one, as if they were balanced.
        trust: whom to believe that it is the shop; None for plain HTTP.
        samples: where each page is noted.
    """

    def __init__(self, origins: list[str], trust: ssl.SSLContext | None, ledger: Ledger, samples: Samples) -> None:
        self._origins = [urlsplit(origin) for origin in origins]
        self._trust = trust
        self._ledger = ledger
        self._samples = samples
        self._connections: dict[str, http.client.HTTPConnection] = {}
        self._asked = 0
        self.cookie = ""
        self.where = ""

    def get(self, path: str, page: str, /) -> str:
        """The page at this path, wherever it leads; ``where`` says where that was."""
        return self._page("GET", path, "", page)

    def post(self, path: str, page: str, /, **form: object) -> str:
        """The page that sending a form leads to."""
        return self._page("POST", path, urlencode(form), page)

    def close(self) -> None:
        """Close its connections."""
        for connection in self._connections.values():
            connection.close()

    def _page(self, method: str, path: str, form: str, name: str) -> str:
        for _ in range(5):
            status, headers, body = self._ask(method, path, form, name)
            if status not in _REDIRECTS:
                break
            method, path, form = "GET", self._target(headers["Location"] or ""), ""
        self.where = path
        if status != 200:
            raise PageError("failed", f"{method} {path}: {status} {' '.join(body.split())[-200:]}")
        return body

    def _target(self, location: str) -> str:
        """Where a redirect leads: to a page of the shop as visitors know it, never to a node behind the balancer."""
        parts = urlsplit(location)
        known = [(origin.scheme, origin.netloc) for origin in self._origins]
        if parts.netloc and (parts.scheme, parts.netloc) not in known:
            raise PageError("failed", f"sent to {location}, which is not the shop")
        return f"{parts.path}?{parts.query}" if parts.query else parts.path

    def _ask(self, method: str, path: str, form: str, name: str) -> tuple[int, Any, str]:
        self._asked += 1
        origin = self._origins[self._asked % len(self._origins)]
        began, clock = time.time(), time.perf_counter()
        status, version = 0, ""
        try:
            connection = self._connection(origin.netloc)
            connection.request(method, path, form, {**_FORM, "Cookie": self.cookie} if self.cookie else _FORM)
            answer = connection.getresponse()
            body = answer.read().decode()
            status, version = answer.status, answer.headers.get("X-Shop", "")
        except (OSError, http.client.HTTPException) as error:
            self._connections.pop(origin.netloc).close()
            raise PageError("failed", f"{method} {path}: {type(error).__name__} {error}") from error
        finally:
            took = time.perf_counter() - clock
            self._samples.add(began, took, name, status, version)
            with self._ledger.lock:
                self._ledger.pages += 1
        for value in answer.headers.get_all("Set-Cookie", []):
            self.cookie = value.partition(";")[0]
        return status, answer.headers, body

    def _connection(self, netloc: str) -> http.client.HTTPConnection:
        if netloc not in self._connections:
            if self._trust is None:
                self._connections[netloc] = http.client.HTTPConnection(netloc, timeout=PAGE_SECONDS)
            else:
                self._connections[netloc] = http.client.HTTPSConnection(
                    netloc, timeout=PAGE_SECONDS, context=self._trust
                )
        return self._connections[netloc]


class Samples:
    """A line for each page, for the chart."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def add(self, at: float, seconds: float, name: str, status: int, served: str) -> None:
        """Note one."""
        line = json.dumps({"at": round(at, 4), "ms": round(seconds * 1000, 2), "page": name, "status": status,
                           "by": served})  # fmt: skip
        with self._lock:
            self._file.write(line + "\n")


class Visitor:
    """Somebody with an account, made in the shop as people make them: by filling in what the form asks for."""

    def __init__(self, number: int, browser: Browser, ledger: Ledger, tag: str) -> None:
        self.browser = browser
        self.ledger = ledger
        self.random = random.Random(f"{tag}-{number}")
        self.name = f"{self.random.choice(_FIRST)} {self.random.choice(_LAST)}"
        self._email = f"visitor-{tag}-{number}@shop.example"
        self._password = f"tea-{self.random.random()}"
        self._is_unsure = False

    def register(self) -> None:
        """Make an account. Also when the last try ended in an error: the form may be sent twice."""
        page = self.browser.get("/register", "register")
        first, _, last = self.name.partition(" ")
        fields = {"name": self.name, "first_name": first, "last_name": last}
        form = {field: value for field, value in fields.items() if f'name="{field}"' in page}
        ticked = {"newsletter": "yes"} if self.random.random() < 0.3 else {}
        self.browser.post("/register", "register", email=self._email, password=self._password, **form, **ticked)
        self.expect_account()

    def expect_account(self) -> None:
        """The account page has to know who this is."""
        page = self.browser.get("/account", "account")
        if not self.browser.where.startswith("/account"):
            raise PageError("session", f"{self.name} is logged out: sent to {self.browser.where}")
        shown = _between(page, '<span id="name">', "</span>")
        if shown != self.name:
            raise PageError("session", f"{self.name} is greeted as {shown!r}")

    def shop(self) -> None:
        """From the catalogue to the order, with everything checked on the way."""
        self._start_over()
        self._is_unsure = True
        self.browser.get("/", "catalogue")
        wanted: dict[str, int] = {}
        for sku in self.random.sample(_GOODS, self.random.randint(1, 3)):
            wanted[sku] = self.random.randint(1, 9)
            self._expect_lines(self.browser.post("/cart", "cart", sku=sku, quantity=wanted[sku]), wanted)
            self.think()
        self.browser.get("/checkout/address", "checkout")
        street = f"{self.random.randint(1, 99)} Main Street"
        self.think()
        self.browser.post("/checkout/address", "checkout", address=street)
        self.think()
        page = self.browser.post("/checkout/payment", "checkout", payment=self.random.choice(["card", "invoice"]))
        self._expect_lines(page, wanted)
        if _between(page, '<span id="address">', "</span>") != street:
            raise PageError("session", f"{self.name} gave an address, which is gone")
        key, total = _between(page, 'name="key" value="', '"'), _between(page, 'id="total">', "<")
        self.think()
        with self.ledger.lock:
            self.ledger.asked.add(key)
        page = self.browser.post("/checkout/confirm", "order", key=key)
        if _between(page, 'id="key">', "<") != key or _between(page, 'id="total">', "<") != total:
            raise PageError("order", f"order {key} of {total} is not what the page shows")
        with self.ledger.lock:
            self.ledger.orders[key] = total
        self._expect_lines(page, wanted)
        self._is_unsure = False
        if self.random.random() < 0.3:
            self.expect_account()

    def _start_over(self) -> None:
        """After a page that failed the cart is what it is: empty it."""
        if self._is_unsure:
            for sku, _ in _LINE.findall(self.browser.get("/cart", "cart")):
                self.browser.post("/cart", "cart", sku=sku, quantity=0)
            self._is_unsure = False

    def think(self) -> None:
        """What people do between two pages."""
        time.sleep(self.random.uniform(0.02, 0.12))

    def _expect_lines(self, page: str, wanted: dict[str, int]) -> None:
        shown = {sku: int(quantity) for sku, quantity in _LINE.findall(page)}
        if shown != wanted:
            raise PageError("session", f"{self.name} wants {wanted} and is shown {shown} at {self.browser.where}")


class Admin:
    """Who runs the shop: looks at the latest orders, and sends or refunds one."""

    def __init__(self, browser: Browser, email: str, password: str) -> None:
        self.browser = browser
        self._form = {"email": email, "password": password}
        self._random = random.Random(7)

    def log_in(self) -> None:
        """With the password of the administrator."""
        self.browser.post("/login", "login", **self._form)

    def work(self) -> None:
        """Every order has to be shown with a name; what may be done with one is what its buttons say."""
        page = self.browser.get("/admin/orders", "admin")
        if not self.browser.where.startswith("/admin"):
            raise PageError("session", f"the administrator is sent to {self.browser.where}")
        if "<td></td>" in page or "None" in page:
            raise PageError("order", "an order is shown without a name")
        keys = re.findall(r'data-key="([^"]+)"', page)
        choices = sorted(set(re.findall(r'name="status" value="(\w+)"', page)))
        if keys and choices:
            key, status = self._random.choice(keys), self._random.choice(choices)
            page = self.browser.post(f"/admin/orders/{key}", "admin", status=status)


def _between(page: str, before: str, after: str) -> str:
    _, found, rest = page.partition(before)
    if not found:
        raise PageError("failed", f"a page without {before!r}: {' '.join(page.split())[:200]}")
    return html.unescape(rest.partition(after)[0])


class Crowd:
    """Everybody, each in a thread, until the end of the `with`.

    Args:
        origins, trust: of the shop; see :class:`Browser`.
        admin: address and password of the administrator; None for a shop that nobody runs.
    """

    def __init__(
        self,
        origins: list[str],
        trust: ssl.SSLContext | None,
        samples: Samples,
        *,
        shoppers: int,
        newcomers: int = 0,
        admin: tuple[str, str] | None = None,
        tag: str = "1",
    ) -> None:
        self.ledger = Ledger()
        self._end = threading.Event()
        self._browser: Callable[[], Browser] = lambda: Browser(origins, trust, self.ledger, samples)
        self._tag = tag
        lives: list[Callable[[], None]] = [partial(self._shopper, number) for number in range(shoppers)]
        lives += [partial(self._newcomer, number) for number in range(newcomers)]
        if admin is not None:
            lives.append(partial(self._admin, *admin))
        self._threads = [threading.Thread(target=life) for life in lives]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(6 * PAGE_SECONDS)

    def _shopper(self, number: int) -> None:
        """Registers once, and buys until the end with that one session."""
        with closing(self._browser()) as browser:
            visitor = Visitor(number, browser, self.ledger, self._tag)
            if not self._until_done(visitor.register):
                return
            with self.ledger.lock:
                self.ledger.sessions["begun"] += 1
            while not self._end.is_set():
                self._try(visitor.shop)
            if self._try(visitor.expect_account):
                with self.ledger.lock:
                    self.ledger.sessions["kept"] += 1

    def _newcomer(self, number: int) -> None:
        """Somebody new again and again, so that both versions write customers the whole time."""
        turn = 0
        while not self._end.is_set():
            turn += 1
            with closing(self._browser()) as browser:
                visitor = Visitor(turn, browser, self.ledger, f"{self._tag}-new{number}")
                if self._try(visitor.register):
                    self._try(visitor.expect_account)
                    self._try(partial(browser.post, "/logout", "logout"))
            self._end.wait(2.0)

    def _admin(self, email: str, password: str) -> None:
        with closing(self._browser()) as browser:
            admin = Admin(browser, email, password)
            self._until_done(admin.log_in)
            while not self._end.is_set():
                self._try(admin.work)
                self._end.wait(0.3)

    def _until_done(self, step: Callable[[], None]) -> bool:
        while not self._try(step):
            if self._end.wait(0.5):
                return False
        return True

    def _try(self, step: Callable[[], object]) -> bool:
        try:
            step()
        except Exception as error:  # a visitor meets what visitors meet, and goes on
            kind = error.kind if isinstance(error, PageError) else "failed"
            with self.ledger.lock:
                self.ledger.problems.append({"at": time.time(), "kind": kind, "what": f"{error}"[:500]})
            self._end.wait(0.2)
            return False
        return True


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("origin")
    parser.add_argument("authority", type=Path)
    parser.add_argument("samples", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--shoppers", type=int, default=8)
    parser.add_argument("--newcomers", type=int, default=1)
    parser.add_argument("--admin", default="admin@shop.example")
    asked = parser.parse_args()
    password = sys.stdin.readline().rstrip("\n")  # not on the command line, which others can read
    trust = ssl.create_default_context(cafile=str(asked.authority))
    with asked.samples.open("w") as file:
        crowd = Crowd(
            [asked.origin], trust, Samples(file),
            shoppers=asked.shoppers, newcomers=asked.newcomers, admin=(asked.admin, password),
        )  # fmt: skip
        with crowd:
            sys.stdin.read()
    asked.ledger.write_text(json.dumps(crowd.ledger.report()))


if __name__ == "__main__":
    main()

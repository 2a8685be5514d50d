"""What upgrade() may not do beside its session, and that we still may."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from zdmigrate.run.intercept.guard import ElsewhereError, Guard


def nothing() -> None:
    """Nothing to look at."""


def test_it_may_not_connect_or_start_programs() -> None:
    guard = Guard()
    with guard.watching(nothing):
        with pytest.raises(ElsewhereError, match=r"127\.0\.0\.1:9 by itself; use op\.get_bind"):
            socket.create_connection(("127.0.0.1", 9), timeout=1)
        with pytest.raises(ElsewhereError):
            subprocess.run(["true"], check=False)
        with pytest.raises(ElsewhereError):
            os.system("true")
        with pytest.raises((ElsewhereError, OperationalError)):
            create_engine("mysql+pymysql://root@127.0.0.1:9/x").connect()
        with pytest.raises((ElsewhereError, OperationalError)):
            create_engine("sqlite://").connect()
    assert len(guard.attempts) == 5


def test_we_may_and_so_may_other_threads_and_everybody_afterwards() -> None:
    guard = Guard()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with guard.watching(nothing):
            with guard.ours():
                socket.create_connection(address, timeout=5).close()
            thread = threading.Thread(target=lambda: socket.create_connection(address, timeout=5).close())
            thread.start()
            thread.join(10)
        socket.create_connection(address, timeout=5).close()
    assert guard.attempts == []
    create_engine("sqlite://").connect().close()


def test_an_upgrade_that_computes_for_ever_is_looked_at() -> None:
    guard, looks = Guard(), []

    def tick() -> None:
        looks.append(time.monotonic())
        if len(looks) == 2:
            raise KeyboardInterrupt

    def compute() -> None:
        with guard.watching(tick):
            end = time.monotonic() + 60
            while time.monotonic() < end:
                pass

    with pytest.raises(KeyboardInterrupt):
        compute()
    assert len(looks) == 2


def test_our_own_code_is_not_interrupted() -> None:
    guard, looks = Guard(), []
    with guard.watching(lambda: looks.append(1)), guard.ours():
        time.sleep(1.5)
    assert looks == []

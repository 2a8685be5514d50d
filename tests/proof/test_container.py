"""A server in a container, as `zdmigrate prove` starts it where a Docker engine answers: container.py.

On this machine's own engine, with the images of the container provider under the name of the official image. The
private engine of the tests will not do: it has no default network, which users' engines have.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.apps import ADD_AGE, App

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.soak


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an engine that has an image `mysql:9.7`."""
    from tests.servers.engine import answering_engine
    from tests.servers.images.build import get_image, recipe_of

    found = answering_engine()
    if found is None:
        pytest.skip("no Docker engine of this machine answers")
    recipe = recipe_of("mysql")
    image = get_image(found, recipe)
    renamed = image != recipe.official
    if renamed:
        found.client.images.get(image).tag(*recipe.official.split(":"))
    monkeypatch.setenv("DOCKER_HOST", found.address)
    monkeypatch.setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield recipe.official
    if renamed:
        found.client.images.remove(recipe.official, noprune=True)


def _containers(image: str) -> list[str]:
    command = [
        "docker",
        "ps",
        "--all",
        "--quiet",
        "--filter",
        f"ancestor={image}",
        "--filter",
        "label=org.testcontainers",
    ]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_container_for_one_proof(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(tmp_path, monkeypatch)
    app.users(ADD_AGE)
    before = _containers(engine)
    with app.process("prove", "--from", "aaaa1", "--target", engine) as running:
        out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert f"(container {engine}, started for it)" in out
    assert "1 change: 1 held." in out
    assert _containers(engine) == before


def test_a_container_goes_when_its_owner_is_killed(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = App(tmp_path, monkeypatch)
    app.users('op.execute("DO SLEEP(50)")')
    before = _containers(engine)
    with app.process("prove", "--from", "aaaa1", "--target", engine, env=dict(os.environ)) as running:
        deadline = time.monotonic() + 120
        while _containers(engine) == before and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(1)  # the guard is told of it as soon as it has started
        assert _containers(engine) != before
        running.kill()
    deadline = time.monotonic() + 60
    while _containers(engine) != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _containers(engine) == before

"""docs/quickstart.md, as a newcomer goes through it: files are written, commands run, and print what is shown.

Installing is left out (`scripts/check_wheel` does that), and ports and names of containers are this run's own.
"""

from __future__ import annotations

import http.cookiejar
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.conftest import require_containers
from tests.servers import ports

PAGE = (Path(__file__).parents[1] / "docs" / "quickstart.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)(, at its end)?\n")
_MARK = "<<<block {}>>>"
#: What says `docker` where the page does: names, labels and the image are those of this run.
_DOCKER = """
docker() {
  local given=() word
  for word in "$@"; do
    case $word in
      db1 | db2 | shop) word=$NAMES-$word ;;
      container:*) word=container:$NAMES-${word#container:} ;;
      mysql:9.7) word=$IMAGE ;;
    esac
    given+=("$word")
  done
  case $1 in
    run) given=(run $LABELS "${given[@]:1}") ;;
    network) [ "$2" != create ] || given=(network create $LABELS "${given[@]:2}") ;;
  esac
  command docker "${given[@]}"
}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of the page: a file to write, commands to run (`sh`), or what they print (no language)."""

    language: str
    text: str

    @property
    def file(self) -> tuple[str, bool] | None:
        """Its name, and whether it is added at the end of what is there."""
        found = _FILE.match(self.text)
        return (found[1], bool(found[2])) if found else None


def part(title: str) -> list[Block]:
    """The blocks below that heading."""
    text = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return [Block(*found) for found in _BLOCK.findall(text)]


def script(blocks: list[Block]) -> str:
    """The shell script that does what the blocks say, and marks where the output of each begins."""
    lines = []
    for block in blocks:
        if block.file:
            name, added = block.file
            text = f"\n\n{block.text}" if added else block.text
            lines.append(f"mkdir -p {shlex.quote(str(Path(name).parent))}")
            lines.append(f"cat {'>>' if added else '>'} {name} <<'END OF FILE'\n{text}END OF FILE")
        elif block.language == "sh":
            lines.append(f"{block.text}code=$?; echo; echo '{_MARK.format('ended')}' $code")
    return "\n".join(lines)


def run(text: str, folder: Path, **more: str) -> list[tuple[int, str]]:
    """Exit code and output of each `sh` block of a script."""
    process = subprocess.Popen(
        ["bash", "-c", text],
        cwd=folder,
        env=environment(folder, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        printed, _ = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        pytest.fail(f"the commands did not come to an end: {printed}")
    *ended, rest = re.split(r"^<<<block ended>>> (\d+)\n", printed, flags=re.MULTILINE)
    assert not rest.strip(), rest
    return [(int(code), output) for output, code in zip(ended[::2], ended[1::2], strict=True)]


def environment(folder: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "XDG_STATE_HOME": str(folder / "state"), "COLUMNS": "160", **more}


def check(blocks: list[Block], ended: list[tuple[int, str]], codes: dict[str, int]) -> None:
    """Every block of commands ended well (or with the code given for its first line) and printed what follows it."""
    results = iter(ended)
    printed = ""
    for block in blocks:
        if block.language == "sh" and not block.file:
            code, printed = next(results)
            assert code == codes.get(block.text.splitlines()[0], 0), printed
        elif not block.language:
            at, whole = 0, plain(printed)
            for line in block.text.splitlines():
                at = whole.find(plain(line), at)
                assert at >= 0, f"not printed, or not in this order: {line}\n{printed}"
    assert next(results, None) is None


def plain(text: str) -> str:
    """Without what differs from run to run: widths, seconds, patch versions, ports."""
    text = re.sub(r"\d+ s behind", "N s behind", text)
    text = re.sub(r"(127\.0\.0\.1):\d+", r"\1:PORT", text)
    return " ".join(re.sub(r"(mysql:9\.7)\.\d+", r"\1", text).split())


def test_every_block_is_run() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert len(titles) == 3
    assert len(_BLOCK.findall(PAGE)) == 1 + sum(len(part(title)) for title in titles)  # the one that installs
    assert len(re.findall(r"^```", PAGE, re.MULTILINE)) == 2 * len(_BLOCK.findall(PAGE))


def test_additions_are_short() -> None:
    """Under ten lines, as promised: sessions for an app, and the gate in CI."""
    sessions = part("Sessions that outlive a node")[1].text
    (gate,) = (block.text for block in part("A gate for migrations") if block.language == "yaml")
    assert sessions.count("\n") < 10
    assert gate.count("\n") - 1 < 10  # without its name


def test_sessions(tmp_path: Path) -> None:
    own = {"5001": str(ports.lease()), "5002": str(ports.lease())}
    blocks = part("Sessions that outlive a node")
    run(script([block for block in blocks if block.file]), tmp_path)
    commands = re.findall(r"^flask .* --port (\d+) &$", blocks[-1].text, re.MULTILINE)
    assert commands == ["5001", "5002"]
    visits = re.findall(r"`http://127\.0\.0\.1:(\d+)/(add/\w+)`", PAGE)
    assert [port for port, _ in visits] == ["5001", "5002", "5002"]

    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with node(own["5002"], tmp_path):
        with node(own["5001"], tmp_path):
            said = [visit(browser, own[port], path) for port, path in visits[:2]]
        said.append(visit(browser, own[visits[2][0]], visits[2][1]))
    assert said == ["1 in your cart", "2 in your cart", "3 in your cart"]
    assert all(f"`{text}`" in PAGE for text in said[1:])


@contextmanager
def node(port: str, folder: Path) -> Iterator[None]:
    command = ["flask", "--app", "shop", "run", "--port", port]
    with (folder / f"{port}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()  # as rudely as it gets
        process.wait()


def visit(browser: urllib.request.OpenerDirector, port: str, path: str) -> str:
    """What that page says, once the node answers."""
    deadline = monotonic() + 60
    while True:
        try:
            with browser.open(f"http://127.0.0.1:{port}/{path}", timeout=30) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or monotonic() > deadline:
                raise
            sleep(0.1)


def test_the_gate(tmp_path: Path) -> None:
    blocks = part("A gate for migrations")
    check(blocks, run(script(blocks), tmp_path), {"zdmigrate check --from 0001": 1})


def test_the_gate_on_github(tmp_path: Path) -> None:
    """Its command, in a clone whose branch adds the revision that breaks old code."""
    files = {block.file[0]: block for block in part("A gate for migrations") if block.file}
    (gate,) = (block.text for name, block in files.items() if name.endswith(".yml"))
    *_, command = re.findall(r"- run: (.*)", gate)
    first, second = (block for name, block in files.items() if name.startswith("migrations/versions/"))
    git = "git -c user.name=n -c user.email=n@example.org -c init.defaultBranch=main"
    steps = f"""
        set -e
        {git} init -q origin
        cd origin
        alembic init migrations > alembic.log
        {script([first])}
        {git} add migrations alembic.ini
        {git} commit -qm first
        {git} clone -q . ../branch
        cd ../branch
        {script([second])}
        {git} add migrations
        {git} commit -qm second
        set +e
    """
    steps = re.sub(r"^ {8}", "", steps, flags=re.MULTILINE)
    ((code, printed),) = run(f"{steps}\n{script([Block('sh', command + chr(10))])}", tmp_path)
    assert code == 1, printed
    assert re.search(r"^::error file=migrations/versions/0002_rename.py,line=12\b.*ZD207", printed, re.MULTILINE), (
        printed
    )


def test_replica_first_in_containers(tmp_path: Path) -> None:
    require_containers()
    from tests.servers.containers import current_run
    from tests.servers.images.build import get_image, recipe_of

    ours = current_run()
    names = ours.new_name("mysql")
    own = {"3311": str(ports.lease()), "3312": str(ports.lease())}
    revision = next(block for block in part("A gate for migrations") if block.language == "python")
    blocks = [Block("sh", "alembic init migrations\n"), revision, *part("The first replica-first ALTER, in containers")]
    text = script(blocks).replace("127.0.0.1:3311-3312:3311-3312", "127.0.0.1:3311:3311 -p 127.0.0.1:3312:3312")
    text = re.sub(r"\b331[12]\b", lambda port: own[port[0]], text)
    labels = " ".join(f"--label {name}={value}" for name, value in ours.labels.items())
    image = get_image(ours.engine, recipe_of("mysql"))
    more = {"DOCKER_HOST": ours.engine.address, "NAMES": names, "LABELS": labels, "IMAGE": image}
    check(blocks, run(_DOCKER + text, tmp_path, **more), {})
    left = ours.engine.client.containers.list(all=True, filters={"name": names})
    assert left == []

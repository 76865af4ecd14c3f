"""`python -m benchmarks.bridge`: what the bridge costs its caller, and shim and server."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from benchmarks import reference
from benchmarks.figures import Figure
from session_buddy_skills import local_server
from session_buddy_skills.bridge import (
    SkillsBridge,
    SkillsTracker,
    create_skills_tracker,
    tracked_agent,
)
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.mcp_http import McpHttp

NOBODY = "http://127.0.0.1:9"
MICRO = 1e6
BURST = 10_000
AGENT_SECONDS = 0.010
CLIENTS = 16
HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "benchmark", "version": "1"},
    },
}
LIST = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}
CALL = {
    "jsonrpc": "2.0",
    "id": 3,
    "method": "tools/call",
    "params": {"name": "health_check", "arguments": {}},
}
TOOLS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "health_check": lambda _: ("health_check", {}),
    "track_invocation": lambda n: (
        "track_invocation",
        {"session_id": f"s{n}", "skill_name": "k"},
    ),
}


@contextlib.contextmanager
def server(data_dir: Path) -> Iterator[str]:
    """A real one, of its own process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "session_buddy_skills", "serve", "--port", "0"],
        env={**os.environ, f"{PREFIX}DATA_DIR": str(data_dir), f"{PREFIX}EMBEDDER": "none"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        yield line.split("MCP on ")[1].split("/mcp")[0]
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def bare_server(what: str) -> Iterator[str]:
    """One of `bare_servers`, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        how = ["--fd", str(listener.fileno()), "--http", "h11", "--log-level", "error"]
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", *how, f"benchmarks.bare_servers:{what}"],
            pass_fds=[listener.fileno()],
        )
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """Accepts, and never answers."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=200)
    clients: list[socket.socket] = []

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                clients.append(listener.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()
    for one in clients:
        one.close()


def one_use(tracker: SkillsTracker) -> tuple[float, float]:
    """Seconds that the start took, and the end."""
    first = time.perf_counter()
    completer = tracker.track_invocation("RefactoringAgent", "line too long", ["x"], 1, "tests")
    second = time.perf_counter()
    if completer is not None:
        completer(completed=True)
    return second - first, time.perf_counter() - second


def uses(tracker: SkillsTracker, count: int, pause: float) -> tuple[float, float]:
    """Medians of starts and of ends, some time apart as in real work."""
    taken = []
    for _ in range(count):
        taken.append(one_use(tracker))
        time.sleep(pause)
    starts, ends = zip(*taken, strict=True)
    return median(starts), median(ends)


def burst(tracker: SkillsTracker) -> tuple[float, float]:
    """10,000 uses at once: seconds a use, and the longest that one call took."""
    since = time.perf_counter()
    longest = max(max(one_use(tracker)) for _ in range(BURST))
    return (time.perf_counter() - since) / BURST, longest


def agents(tracker: SkillsTracker, runs: int) -> float:
    """How much longer an agent's run of 10 ms takes when it is tracked, as a share of it."""

    def work() -> None:
        end = time.perf_counter() + AGENT_SECONDS
        while time.perf_counter() < end:
            pass

    def plain() -> None:
        work()

    def tracked() -> None:
        with tracked_agent(tracker, "RefactoringAgent", candidates=["RefactoringAgent", "x"]):
            work()

    def timed(call: Callable[[], None]) -> float:
        since = time.perf_counter()
        call()
        return time.perf_counter() - since

    pairs = [(timed(plain), timed(tracked)) for _ in range(runs)]
    return median(second / first for first, second in pairs) - 1


def off() -> Iterator[tuple[str, float]]:
    """Median seconds of a call while tracking is off, by what is called."""
    rounds, each = range(20), range(5_000)
    track = create_skills_tracker("s", enabled=False).track_invocation

    def starts() -> float:
        since = time.perf_counter()
        for _ in each:
            track("k", "fix the tests", workflow_phase="test")
        return time.perf_counter() - since

    def starts_with_alternatives() -> float:
        since = time.perf_counter()
        for _ in each:
            track("k", "fix the tests", ["x"], 1, "test")
        return time.perf_counter() - since

    yield "tracker", median(starts() for _ in rounds) / len(each)
    with_them = median(starts_with_alternatives() for _ in rounds) / len(each)
    yield "tracker, with alternatives", with_them
    bridge = SkillsBridge("s", backend="off")

    async def tracks() -> float:
        since = time.perf_counter()
        for _ in each:
            await bridge.track("k", user_query="fix the tests", workflow_phase="test")
        return time.perf_counter() - since

    async def completes() -> float:
        run = await bridge.track("k")
        since = time.perf_counter()
        for _ in each:
            await bridge.complete(run, completed=True)
        return time.perf_counter() - since

    yield "bridge, track", median(asyncio.run(tracks()) for _ in rounds) / len(each)
    yield "bridge, complete", median(asyncio.run(completes()) for _ in rounds) / len(each)


def importing() -> float:
    """Median seconds of importing the bridge, in processes of its own."""
    program = (
        "import time; t = time.perf_counter(); import session_buddy_skills.bridge; "
        "print(time.perf_counter() - t)"
    )
    return median(
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        )
        for _ in range(15)
    )


def calls(url: str, asked: Callable[[int], tuple[str, dict[str, Any]]]) -> tuple[float, float]:
    """Over MCP: the median of calls in a row, and calls a second from 16 at once."""

    def call(client: McpHttp, n: int) -> float:
        since = time.perf_counter()
        client.call_tool(*asked(n), 30)
        return time.perf_counter() - since

    client = McpHttp(url)
    in_a_row = median(call(client, n) for n in range(300))
    each = 100

    def many(number: int) -> None:
        own = McpHttp(url)
        for n in range(each):
            call(own, number * each + n)

    # Not `asyncio.to_thread`: its pool has six threads on two cores, however many are asked for.
    with ThreadPoolExecutor(CLIENTS) as clients:
        since = time.perf_counter()
        list(clients.map(many, range(CLIENTS)))
        taken = time.perf_counter() - since
    return in_a_row, CLIENTS * each / taken


def first_list(folder: Path) -> tuple[float, float]:
    """Seconds from starting a shim to its first `tools/list`, and MiB that it takes."""
    since = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "session_buddy_skills"],
        env={**os.environ, f"{PREFIX}DATA_DIR": str(folder), f"{PREFIX}PORT": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for message in (HELLO, LIST):
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            process.stdout.readline()
        taken = time.perf_counter() - since
        memory = psutil.Process(process.pid).memory_info().rss / 2**20
        process.stdin.close()
    return taken, memory


def through_shim(folder: Path, url: str) -> float:
    """Milliseconds that a shim adds to a call: medians of calls through it and to the server."""
    with subprocess.Popen(
        [sys.executable, "-m", "session_buddy_skills"],
        env={**os.environ, f"{PREFIX}DATA_DIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def line(message: dict[str, Any]) -> float:
            assert process.stdin is not None
            assert process.stdout is not None
            since = time.perf_counter()
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()
            process.stdout.readline()
            return time.perf_counter() - since

        line(HELLO)
        client = HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers["MCP-Protocol-Version"] = HELLO["params"]["protocolVersion"]

        def straight() -> float:
            since = time.perf_counter()
            client.request("POST", "/mcp", json.dumps(CALL).encode(), headers)
            client.getresponse().read()
            return time.perf_counter() - since

        pairs = [(line(CALL), straight()) for _ in range(300)]
        process.stdin.close()
    client.close()
    return (median(one for one, _ in pairs) - median(other for _, other in pairs)) * 1e3


def measure(count: int) -> Iterator[Figure]:
    """Every figure; the references say what the machine does just now."""
    yield Figure("reference: 1 M turns of a loop", median(reference.loops()) * 1e3, "ms")
    yield Figure("reference: a step in 8 MiB", median(reference.far_steps()) * 1e9, "ns")
    yield Figure("reference: bare insert of one row", median(reference.inserts()) * 1e3, "ms")
    seconds = importing()
    yield Figure("importing the bridge", seconds * 1e3, "ms", "<= 150")
    for what, taken in off():
        yield Figure(f"off, {what}", taken * MICRO, "us", "<= 0.2")
    with tempfile.TemporaryDirectory() as folder:
        cold, _ = first_list(Path(folder))
        yield Figure("shim, first tools/list, no server", cold, "s", "<= 3")
        local_server.stop(Locations(Path(folder)))
    with tempfile.TemporaryDirectory() as folder, server(Path(folder)) as up, hanging() as hangs:
        lists = [first_list(Path(folder)) for _ in range(9)]
        yield Figure("shim, first tools/list", median(one for one, _ in lists), "s", "<= 0.15")
        yield Figure("shim, memory", median(one for _, one in lists), "MiB", "<= 25")
        yield Figure("shim, added to a call", through_shim(Path(folder), up), "ms", "<= 2")
        for what in ("http", "fastmcp"):
            with bare_server(what) as nothing:
                in_a_row, many = calls(nothing, TOOLS["health_check"])
            yield Figure(f"reference: {what} alone, in a row", in_a_row * 1e3, "ms")
            yield Figure(f"reference: {what} alone, {CLIENTS} clients", many, "/s")
        for tool, asked in TOOLS.items():
            in_a_row, many = calls(up, asked)
            yield Figure(f"{tool}, one after another", in_a_row * 1e3, "ms", "<= 3")
            yield Figure(f"{tool}, from {CLIENTS} clients", many, "/s", ">= 400")
        for name, url in {"up": up, "down": NOBODY, "hanging": hangs}.items():
            # A spool of its own, or the server takes it in and keeps a core busy meanwhile.
            own = Path(folder) / name / "skills.duckdb"
            tracker = create_skills_tracker("s", backend="mcp", mcp_server_url=url, db_path=own)
            start, end = uses(tracker, count, 0.002)
            yield Figure(f"track, server {name}", start * MICRO, "us", "<= 50")
            yield Figure(f"complete, server {name}", end * MICRO, "us", "<= 50")
            each, longest = burst(tracker)
            yield Figure(f"both, in a burst of {BURST:,}, {name}", each * MICRO, "us")
            yield Figure(f"longest of these, {name}", longest * 1e3, "ms")
            share = agents(tracker, 200)
            yield Figure(f"agent of 10 ms, tracked, {name}", share * 100, "%", "<= 1")
            tracker.close()


def main() -> None:
    """Measure, print a table; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bridge", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="uses that are timed one by one")
    options = parser.parse_args()
    missed = False
    for one in measure(options.count):
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        print(f"{one.name:42}{one.value:10.2f} {one.unit:4}{one.target:10}{verdict}".rstrip())
        missed |= one.met is False
    raise SystemExit(missed)


if __name__ == "__main__":
    main()

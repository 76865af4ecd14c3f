"""How long a host waits for `tools/list` of a server that it has just started over stdio."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from benchmarks.engines import NewDatabase
from benchmarks.figures import Figure, p50
from benchmarks.processes import COMMAND, ROOT, environment
from session_buddy_skills.settings import Settings

STARTS = 9
HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "bench", "version": "1"},
}


async def measure(new_database: NewDatabase) -> list[Figure]:
    """Medians over starts, the first of which is left out."""
    with new_database() as settings:
        starts = [first_listing(settings) for _ in range(STARTS + 1)][1:]
    imports = [import_seconds("fastmcp.server.server") for _ in range(STARTS + 1)][1:]
    return [
        Figure("stdio start to tools/list", p50(starts), "s"),
        Figure("of it `import fastmcp.server`", 100 * p50(imports) / p50(starts), "%"),
    ]


def first_listing(settings: Settings) -> float:
    """Seconds from the start of the process to its answer."""
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}},
    ]
    since = time.perf_counter()
    with subprocess.Popen(
        [*COMMAND, "--isolated"],
        env=environment(settings),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.writelines(json.dumps(message) + "\n" for message in messages)
        process.stdin.flush()
        while json.loads(process.stdout.readline()).get("id") != 2:
            pass
        taken = time.perf_counter() - since
        process.stdin.close()
    return taken


def import_seconds(module: str) -> float:
    """Seconds that importing a module takes in a new interpreter, without its start."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)

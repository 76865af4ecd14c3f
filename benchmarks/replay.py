"""Sends real queries through a real MCP client as invocations, ends them, and checks the counts.

`python -m benchmarks.replay` replays all of ../shared/data/metatool/history.csv over stdio and over
HTTP; `--limit 500` the first 500; `--history FILE` another file with columns query and skill.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from benchmarks.engines import ENGINES, new_databases
from benchmarks.processes import COMMAND, ROOT, environment, http_server
from session_buddy_skills.settings import Settings

HISTORY = ROOT.parent / "shared" / "data" / "metatool" / "history.csv"
AT_ONCE = 16

Use = tuple[int, str, str]
"""Number, query, skill."""


async def main() -> None:
    """Replay over both transports; exits with 1 if a count is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.replay", description=__doc__)
    parser.add_argument("--history", type=Path, default=HISTORY)
    parser.add_argument("--limit", type=int, help="how many of its rows; all by default")
    parser.add_argument("--engine", choices=["duckdb", "postgres"], default="duckdb")
    options = parser.parse_args()
    uses = list(itertools.islice(read(options.history), options.limit))
    for name, connect in (("stdio", over_stdio), ("HTTP", over_http)):
        with new_databases(*ENGINES[options.engine]) as new_database, new_database() as settings:
            since = time.perf_counter()
            async with connect(settings) as client:
                stored = await replay(client, uses)
            taken = time.perf_counter() - since
        right = check(uses, stored)
        print(
            f"{name:6} {len(uses):,} queries, {len(right):,} skills: every count right "
            f"({taken:.0f} s, {2 * len(uses) / taken:.0f} calls/s)"
        )


def read(path: Path) -> Iterator[Use]:
    """The uses in the file, in order."""
    if not path.exists():
        raise SystemExit(f"there is no {path}; name a CSV file with --history")
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if not {"query", "skill"} <= set(rows.fieldnames or ()):
            raise SystemExit(f"{path} must have the columns query and skill, not {rows.fieldnames}")
        for number, row in enumerate(rows):
            yield number, row["query"], row["skill"]


@asynccontextmanager
async def over_stdio(settings: Settings) -> AsyncIterator[Client[Any]]:
    """A client of a server that it starts itself, and that ends with it."""
    program, *arguments = (*COMMAND, "--isolated")
    transport = StdioTransport(program, arguments, env=environment(settings), cwd=str(ROOT))
    async with Client(transport) as client:
        yield client


@asynccontextmanager
async def over_http(settings: Settings) -> AsyncIterator[Client[Any]]:
    """A client of a server of its own process."""
    with http_server(settings) as url:
        async with Client(f"{url}/mcp") as client:
            yield client


async def replay(client: Client[Any], uses: list[Use]) -> list[dict[str, Any]]:
    """Start and end every use, some at once; answers with the metrics of every skill."""
    queue = iter(uses)

    async def worker() -> None:
        for number, query, skill in queue:
            start = {
                "session_id": f"session-{number // 20}",
                "skill_name": skill,
                "user_query": query,
                "source": "replay",
            }
            started = (await client.call_tool("track_invocation", start)).structured_content
            assert started is not None
            end = {"invocation_id": started["invocation_id"], "completed": number % 5 != 0}
            await client.call_tool("complete_invocation", end)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    answer = (await client.call_tool("skill_metrics", {})).structured_content
    assert answer is not None
    skills: list[dict[str, Any]] = answer["skills"]
    return skills


def check(uses: list[Use], stored: list[dict[str, Any]]) -> Counter[str]:
    """The uses by skill, which must be what is stored; exits with 1 where it is not."""
    expected = Counter(skill for _, _, skill in uses)
    completed = Counter(skill for number, _, skill in uses if number % 5 != 0)
    found = {skill["skill_name"]: skill["total_invocations"] for skill in stored}
    ended = {skill["skill_name"]: skill["completed_invocations"] for skill in stored}
    if found != expected or {k: n for k, n in ended.items() if n} != completed:
        wrong = {k: (found.get(k), expected[k]) for k in expected if found.get(k) != expected[k]}
        raise SystemExit(f"stored counts differ from the file's: {wrong or 'outcomes'}")
    return expected


if __name__ == "__main__":
    asyncio.run(main())

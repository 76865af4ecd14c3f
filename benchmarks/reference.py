"""How fast this machine is just now; it is shared, and the other figures move with it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, p50


async def measure() -> list[Figure]:
    """A loop in Python, and the smallest durable insert that DuckDB can make."""
    return [
        Figure("reference: 1 M turns of a loop, p50", p50(loops()) * 1e3, "ms"),
        Figure("reference: bare insert of one row, p50", p50(inserts()) * 1e3, "ms"),
    ]


def loops() -> list[float]:
    """Seconds that adding up a million numbers takes, ten times."""
    taken = []
    for _ in range(10):
        since = time.perf_counter()
        total = 0
        for number in range(1_000_000):
            total += number
        taken.append(time.perf_counter() - since)
    return taken


def inserts() -> list[float]:
    """Seconds that each of 300 inserts into a table of one column takes."""
    taken = []
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(Path(folder) / "bare.duckdb")) as connection,
    ):
        connection.execute("CREATE TABLE bare (x INTEGER)")
        for number in range(300):
            since = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES ($x)", {"x": number})
            taken.append(time.perf_counter() - since)
    return taken

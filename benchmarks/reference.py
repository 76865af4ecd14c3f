"""What a loop, memory and a bare engine take here just now, to set the other figures beside."""

from __future__ import annotations

import tempfile
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import psycopg

from benchmarks.engines import NewDatabase
from benchmarks.figures import Figure, p50
from session_buddy_skills.settings import Settings


async def measure(new_database: NewDatabase) -> list[Figure]:
    """A loop in Python, and the smallest durable inserts that the engine can make."""
    with new_database() as settings:
        bare = inserts, batches
        if settings.engine == "postgresql":
            bare = partial(postgresql_inserts, settings), partial(postgresql_batches, settings)
        one, many = (p50(work()) for work in bare)
    return [
        Figure("reference: 1 M turns of a loop, p50", p50(loops()) * 1e3, "ms"),
        Figure("reference: bare insert of one row, p50", one * 1e3, "ms"),
        Figure("reference: bare insert of 1,000 rows", 1_000 / many, "/s"),
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


def far_steps() -> list[float]:
    """Seconds of a step to another place in 8 MiB, ten times; a turn of the loop is in it.

    Where neighbours leave none of the third-level cache, each step waits for memory, as all code
    does that is in no cache.
    """
    count = 2**20
    order = list(range(count))
    Random(0).shuffle(order)
    following = array("q", order)
    for here, there in pairwise([*order, order[0]]):
        following[here] = there
    taken = []
    place = 0
    for _ in range(10):
        since = time.perf_counter()
        for _ in range(100_000):
            place = following[place]
        taken.append((time.perf_counter() - since) / 100_000)
    return taken


@contextmanager
def bare_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """A new file, and nothing of ours."""
    with (
        tempfile.TemporaryDirectory() as folder,
        duckdb.connect(str(Path(folder) / "bare.duckdb")) as connection,
    ):
        yield connection


def batches() -> list[float]:
    """Seconds that each of 20 inserts of 1,000 rows of 19 columns, as lists, takes."""
    taken = []
    columns = [f"c{number}" for number in range(19)]
    types = ["TEXT"] * 13 + ["BIGINT"] * 6
    rows: dict[str, list[Any]] = {
        c: [f"value {n % 50}" for n in range(1_000)] for c in columns[:13]
    }
    rows |= {c: list(range(1_000)) for c in columns[13:]}
    with bare_database() as connection:
        named = [f"{column} {kind}" for column, kind in zip(columns, types, strict=True)]
        connection.execute(f"CREATE TABLE bare ({', '.join(named)})")
        listed = ", ".join(f"unnest(${column})" for column in columns)
        for _ in range(20):
            since = time.perf_counter()
            connection.execute(f"INSERT INTO bare SELECT {listed}", rows)
            taken.append(time.perf_counter() - since)
    return taken


def inserts() -> list[float]:
    """Seconds that each of 300 inserts into a table of one column takes."""
    taken = []
    with bare_database() as connection:
        connection.execute("CREATE TABLE bare (x INTEGER)")
        for number in range(300):
            since = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES ($x)", {"x": number})
            taken.append(time.perf_counter() - since)
    return taken


def postgresql_inserts(settings: Settings) -> list[float]:
    """The same on PostgreSQL."""
    taken = []
    with psycopg.connect(settings.database or "", autocommit=True) as connection:
        connection.execute("CREATE TABLE bare (x INTEGER)")
        for number in range(300):
            since = time.perf_counter()
            connection.execute("INSERT INTO bare VALUES (%s)", [number])
            taken.append(time.perf_counter() - since)
    return taken


def postgresql_batches(settings: Settings) -> list[float]:
    """The same on PostgreSQL, by COPY."""
    taken = []
    columns = [f"c{number}" for number in range(19)]
    row = ["value"] * 13 + list(range(6))
    with psycopg.connect(settings.database or "", autocommit=True) as connection:
        kinds = ["TEXT"] * 13 + ["BIGINT"] * 6
        named = ", ".join(f"{name} {kind}" for name, kind in zip(columns, kinds, strict=True))
        connection.execute(f"CREATE TABLE wide ({named})".encode())
        for _ in range(20):
            since = time.perf_counter()
            with connection.cursor() as cursor, cursor.copy("COPY wide FROM STDIN") as copy:
                for _ in range(1_000):
                    copy.write_row(row)
            taken.append(time.perf_counter() - since)
    return taken

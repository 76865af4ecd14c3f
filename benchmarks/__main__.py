"""`make bench`: measures, prints a table, and writes the figures as JSON beside it.

`python -m benchmarks recording --engine duckdb` runs one part alone, on one engine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import cold_start, http_clients, million, recording, reference
from benchmarks.engines import ENGINES, new_databases
from benchmarks.figures import Figure

PARTS = {
    "reference": reference.measure,
    "recording": recording.measure,
    "http": http_clients.measure,
    "cold-start": cold_start.measure,
    "million": million.measure,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the chosen parts; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], metavar="part", help="which; all by default"
    )
    parser.add_argument("--engine", choices=ENGINES, default="both", help="both by default")
    options = parser.parse_args()
    engines = ENGINES[options.engine]
    measured: dict[str, list[Figure]] = {engine: [] for engine in engines}
    since = time.perf_counter()
    print(" " * 44 + "".join(f"{engine:^38}" for engine in engines).rstrip())
    with ExitStack() as stack:
        databases = {one: stack.enter_context(new_databases(one)) for one in engines}
        for name in options.parts or PARTS:
            of_part = {one: asyncio.run(PARTS[name](databases[one])) for one in engines}
            for same in zip(*of_part.values(), strict=True):
                print(line(same), flush=True)
            for engine in engines:
                measured[engine] += of_part[engine]
    print(f"took {time.perf_counter() - since:.0f} s")
    write(measured)
    missed = [one for figures in measured.values() for one in figures if one.met is False]
    raise SystemExit(bool(missed))


def line(figures: tuple[Figure, ...]) -> str:
    """One figure of each engine, side by side, as a row of the table."""
    return f"{figures[0].name:44}{''.join(map(cell, figures))}".rstrip()


def cell(figure: Figure) -> str:
    """The value, and whether it is what it should be."""
    verdict = {None: "", True: f"{figure.target}  met", False: f"{figure.target}  MISSED"}
    return f"{figure.value:>11,.1f} {figure.unit:4} {verdict[figure.met]:22}"


def write(measured: dict[str, list[Figure]]) -> None:
    """Keep the figures of this run as JSON."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    report = {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "figures": {
            engine: [vars(figure) | {"met": figure.met} for figure in figures]
            for engine, figures in measured.items()
        },
    }
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()

"""`make bench`: measures, prints a table, and writes the figures as JSON beside it.

`python -m benchmarks recording` runs one part alone.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import cold_start, http_clients, million, recording, reference
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
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which; all by default")
    chosen = parser.parse_args().parts or list(PARTS)
    figures: list[Figure] = []
    since = time.perf_counter()
    for name in chosen:
        for figure in asyncio.run(PARTS[name]()):
            figures.append(figure)
            print(line(figure), flush=True)
    print(f"took {time.perf_counter() - since:.0f} s")
    write(figures)
    raise SystemExit(any(figure.met is False for figure in figures))


def line(figure: Figure) -> str:
    """The figure as a row of the table."""
    verdict = {None: "", True: f"{figure.target}  met", False: f"{figure.target}  MISSED"}
    return f"{figure.name:44} {figure.value:>10,.1f} {figure.unit:4} {verdict[figure.met]}".rstrip()


def write(figures: list[Figure]) -> None:
    """Keep the figures of this run as JSON."""
    RESULTS.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    report = {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": platform.platform(),
        "python": platform.python_version(),
        "figures": [vars(figure) | {"met": figure.met} for figure in figures],
    }
    path = RESULTS / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"written to {path}")


if __name__ == "__main__":
    main()

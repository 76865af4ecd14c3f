"""`python -m benchmarks.analytics`: what reports cost among millions of invocations, on DuckDB.

Rows are made in SQL, over 90 days up to now: sessions of 20 invocations, 200 skills, 13 phases.
With `--rows 10000000` it takes some minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import duckdb

from benchmarks.figures import Figure, durations, p50, p99
from session_buddy_skills.activity import HourlyRequest, RealTimeRequest
from session_buddy_skills.changes import AnomaliesRequest, TrendRequest
from session_buddy_skills.community import DependenciesRequest
from session_buddy_skills.models import TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.opening import open_migrated
from session_buddy_skills.workflow import (
    BottleneckRequest,
    EffectivenessRequest,
    HeatmapRequest,
    ReportRequest,
    TransitionsRequest,
)

MILLION = 1_000_000
FILL = """
INSERT INTO skill_invocation (
    session_id, invocation_id, skill_name, invoked_at, outcome, duration_seconds,
    alternatives_considered, follow_up_actions, workflow_path, workflow_phase, project, source
)
SELECT
    substr(md5(CAST(n // 20 AS TEXT)), 1, 8) || '-' || md5(CAST(n // 20 AS TEXT)),
    uuidv7(),
    'skill-' || CAST(floor(random() * 200) AS INTEGER),
    now() - to_microseconds(CAST(($rows - n) * (90 * 86400e6 / $rows) AS BIGINT)),
    list_extract(
        ['completed', 'completed', 'completed', 'completed', 'completed', 'completed', 'completed',
         'failed', 'abandoned', 'unknown'],
        1 + CAST(floor(random() * 10) AS INTEGER)
    ),
    exp(1 + sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())),
    [], [], 'quick',
    'phase-' || CAST(floor(random() * 13) AS INTEGER),
    'project-' || (n // 50000),
    'crackerjack'
FROM range($rows) AS rows(n)
"""
TARGETS = {
    MILLION: {
        "skill_effectiveness": 50,
        "workflow_bottlenecks": 30,
        "phase_transitions": 400,
        "hourly_metrics, 90 days": 150,
        "get_skill_dependencies": 500,
        "detect_anomalies": 200,
        "workflow_report": 800,
    },
    10 * MILLION: {"workflow_report": 6_000},
}
SLOWER = 3
"""How many times longer the slowest writes may take during a report."""


async def fill(settings: Settings, rows: int) -> None:
    """Make the rows, in a database of the schema as it is."""
    database, _ = await open_migrated(settings)
    await database.close()
    connection = duckdb.connect(str(settings.database_path))
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(FILL, {"rows": rows})
    connection.execute("CHECKPOINT")
    connection.close()


def calls(service: Service) -> dict[str, Callable[[int], Awaitable[object]]]:
    """Each report with its defaults."""
    workflow, changes = service.analyses.workflow, service.analyses.changes
    activity, community = service.analyses.activity, service.analyses.community
    hours = checked(HourlyRequest, hours=90 * 24)
    trend = checked(TrendRequest, skill_name="skill-7", days=90.0)
    of_one = checked(DependenciesRequest, skill_name="skill-7")
    return {
        "skill_effectiveness": lambda _: workflow.effectiveness(checked(EffectivenessRequest)),
        "workflow_bottlenecks": lambda _: workflow.bottlenecks(checked(BottleneckRequest)),
        "phase_transitions": lambda _: workflow.transitions(checked(TransitionsRequest)),
        "phase_heatmap": lambda _: workflow.heatmap(checked(HeatmapRequest)),
        "hourly_metrics, 90 days": lambda _: activity.hourly(hours),
        "get_real_time_metrics": lambda _: activity.real_time(checked(RealTimeRequest)),
        "get_skill_dependencies": lambda _: community.dependencies(checked(DependenciesRequest)),
        "get_skill_dependencies of one": lambda _: community.dependencies(of_one),
        "detect_anomalies": lambda _: changes.anomalies(checked(AnomaliesRequest)),
        "get_skill_trend": lambda _: changes.trend(trend),
        "workflow_report": lambda _: workflow.report(checked(ReportRequest)),
    }


async def writes_beside(service: Service) -> tuple[float, float]:
    """The 99th percentile of durable writes alone, and while reports follow one another."""

    async def track(turn: int) -> None:
        await service.track_invocation(
            checked(TrackRequest, session_id=f"new-{turn}", skill_name="skill-1")
        )

    alone = await durations(track, 500)
    done = asyncio.Event()

    async def reports() -> None:
        while not done.is_set():
            await service.analyses.workflow.report(checked(ReportRequest))

    reporting = asyncio.create_task(reports())
    beside = await durations(track, 500)
    done.set()
    await reporting
    return p99(alone), p99(beside)


async def measure(rows: int, turns: int) -> list[Figure]:
    """Medians of each report, and of writes beside them."""
    targets = TARGETS.get(rows, {})
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load(data_dir=Path(folder))
        await fill(settings, rows)
        async with open_service(settings, recommending=False) as service:
            for name, call in calls(service).items():
                await call(0)
                found = p50(await durations(call, turns)) * 1e3
                target = f"<= {targets[name]}" if name in targets else ""
                figures.append(Figure(name, found, "ms", target))
            if rows == MILLION:
                alone, beside = await writes_beside(service)
                figures += [
                    Figure("track alone, p99", alone * 1e3, "ms"),
                    Figure("track during reports, p99", beside * 1e3, "ms"),
                    Figure("the latter over the former", beside / alone, "x", f"<= {SLOWER}"),
                ]
    return figures


def main() -> None:
    """Measure, print a table; exits with 1 if a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.analytics", description=__doc__)
    parser.add_argument("--rows", type=int, default=MILLION)
    parser.add_argument("--turns", type=int, default=7, help="calls of each report")
    options = parser.parse_args()
    since = time.perf_counter()
    figures = asyncio.run(measure(options.rows, options.turns))
    for one in figures:
        verdict = {True: "met", False: "MISSED", None: ""}[one.met]
        print(f"{one.name:34}{one.value:10.1f} {one.unit:4}{one.target:10}{verdict}".rstrip())
    print(f"{options.rows:,} rows, {time.perf_counter() - since:.0f} s")
    raise SystemExit(any(one.met is False for one in figures))


if __name__ == "__main__":
    main()

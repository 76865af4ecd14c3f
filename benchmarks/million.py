"""A database of a million invocations: its size, and what a call costs on it."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from benchmarks.engines import NewDatabase
from benchmarks.figures import Figure, durations, p50
from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.storage.opening import open_database
from session_buddy_skills.workflow import BottleneckRequest, EffectivenessRequest

INVOCATIONS = 1_000_000
BATCH = 1_000
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
STARTED = (
    "invocation_id",
    "session_id",
    "skill_name",
    "invoked_at",
    "alternatives_considered",
    "selection_rank",
    "workflow_path",
    "workflow_phase",
    "project",
    "source",
)
OUTCOMES = ["completed"] * 7 + ["failed", "abandoned", "unknown"]


async def measure(new_database: NewDatabase) -> list[Figure]:
    """The invocations are recorded through the service, without query text."""
    with new_database() as settings:
        async with open_service(settings) as service:
            await fill(service)
        database = await open_database(settings)
        size = await database.size_bytes()
        await database.close()
        async with open_service(settings) as service:
            calls = await calls_on_it(service)
    target = "<= 60" if settings.engine == "duckdb" else ""
    return [
        Figure("bytes per invocation at 1 M", size / INVOCATIONS, "B", target),
        *calls,
    ]


async def fill(service: Service) -> None:
    """A million invocations over 50,000 sessions, 200 skills and 13 phases.

    Each is stored as it starts and changed when it ends, since rows that are changed take more
    room than rows that are only added.
    """
    source = random.Random(1)
    for first in range(0, INVOCATIONS, BATCH):
        ended = [invocation(source, number) for number in range(first, first + BATCH)]
        started = [{name: one[name] for name in STARTED} for one in ended]
        await service.record_invocations(checked(BatchRequest, invocations=started))
        await service.record_invocations(checked(BatchRequest, invocations=ended))


def invocation(source: random.Random, number: int) -> dict[str, Any]:
    """A whole invocation as a crackerjack run leaves it; its session's id is a UUID."""
    outcome = source.choice(OUTCOMES)
    skill = f"skill-{source.randrange(200)}"
    return {
        "invocation_id": uuid7(),
        "session_id": str(UUID(int=random.Random(number // 20).getrandbits(128))),
        "skill_name": skill,
        "invoked_at": EPOCH + timedelta(seconds=7 * number + source.random()),
        "outcome": outcome,
        "duration_seconds": round(source.lognormvariate(1, 1), 3),
        "error_type": "builtins.ValueError" if outcome == "failed" else None,
        "alternatives_considered": [skill, "other"] if number % 4 == 0 else None,
        "selection_rank": source.randrange(1, 6),
        "follow_up_actions": ["commit"] if number % 5 == 0 else None,
        "workflow_path": source.choice(["quick", "comprehensive"]),
        "workflow_phase": f"phase-{source.randrange(13)}",
        "project": f"project-{number // 50_000}",
        "source": "crackerjack",
    }


async def calls_on_it(service: Service) -> list[Figure]:
    """Medians of single calls."""
    ids: list[UUID] = []

    async def track(turn: int) -> None:
        request = checked(TrackRequest, session_id=f"new-{turn}", skill_name="skill-1")
        ids.append((await service.track_invocation(request)).invocation_id)

    async def complete_by_id(turn: int) -> None:
        await service.complete_invocation(
            checked(CompleteRequest, invocation_id=ids[turn], completed=True)
        )

    async def complete_by_use(turn: int) -> None:
        await service.complete_invocation(
            checked(
                CompleteRequest, session_id=f"new-{turn + 50}", skill_name="skill-1", completed=True
            )
        )

    skills, phases = checked(EffectivenessRequest), checked(BottleneckRequest)
    targets = service._store.database.engine == "duckdb"
    return [
        Figure("track at 1 M, p50", p50(await durations(track, 100)) * 1e3, "ms"),
        Figure("complete by id at 1 M, p50", p50(await durations(complete_by_id, 50)) * 1e3, "ms"),
        Figure(
            "complete by session and skill at 1 M, p50",
            p50(await durations(complete_by_use, 50)) * 1e3,
            "ms",
        ),
        Figure(
            "session_summary at 1 M, p50",
            p50(await durations(lambda _: service.session_summary("new-1"), 20)) * 1e3,
            "ms",
        ),
        Figure(
            "skill_metrics of one at 1 M, p50",
            p50(await durations(lambda _: service.skill_metrics("skill-1"), 10)) * 1e3,
            "ms",
        ),
        Figure(
            "skill_metrics of 200 at 1 M, p50",
            p50(await durations(lambda _: service.skill_metrics(), 5)) * 1e3,
            "ms",
        ),
        Figure(
            "skill_effectiveness at 1 M, p50",
            p50(await durations(lambda _: service.analyses.workflow.effectiveness(skills), 10))
            * 1e3,
            "ms",
            "<= 50" if targets else "",
        ),
        Figure(
            "workflow_bottlenecks at 1 M, p50",
            p50(await durations(lambda _: service.analyses.workflow.bottlenecks(phases), 10)) * 1e3,
            "ms",
            "<= 30" if targets else "",
        ),
    ]

"""Recording through the service, in one process: alone, by 64 callers, and in batches."""

from __future__ import annotations

import asyncio
import time

from benchmarks.engines import NewDatabase
from benchmarks.figures import Figure, durations, p50, p99
from session_buddy_skills.models import BatchRequest, CompleteRequest, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service

CALLERS = 64
ROUNDS = 5
TARGETS = {
    "duckdb": ("<= 5", ">= 5000", ">= 30000"),
    "postgresql": ("<= 8", ">= 4000", ">= 20000"),
}
"""Milliseconds of a call alone, calls a second of many, invocations a second in batches."""


async def measure(new_database: NewDatabase) -> list[Figure]:
    """Each figure is a median over calls, or over rounds for a rate."""
    with new_database() as settings:
        one, many, batch = TARGETS[settings.engine]
        async with open_service(settings) as service:
            return [
                *await alone(service, one),
                await together(service, many),
                await in_batches(service, batch),
            ]


async def alone(service: Service, target: str) -> list[Figure]:
    """One caller, each call waiting for the disk: a start with its query, then its end."""
    ids = []

    async def track(turn: int) -> None:
        request = checked(
            TrackRequest,
            session_id=f"session-{turn // 20}",
            skill_name=f"skill-{turn % 50}",
            user_query=f"please run the tests of module {turn}",
            workflow_phase="tests",
        )
        ids.append((await service.track_invocation(request)).invocation_id)

    async def complete(turn: int) -> None:
        request = checked(CompleteRequest, invocation_id=ids[turn], completed=True)
        await service.complete_invocation(request)

    await durations(track, 20)
    ids.clear()
    tracked = await durations(track, 500)
    completed = await durations(complete, 500)
    return [
        Figure("track alone, p50", p50(tracked) * 1e3, "ms", target),
        Figure("track alone, p99", p99(tracked) * 1e3, "ms"),
        Figure("complete alone, p50", p50(completed) * 1e3, "ms"),
    ]


async def together(service: Service, target: str) -> Figure:
    """64 callers, each sending its next start when the last one is on disk."""

    async def caller(number: int) -> None:
        for turn in range(50):
            request = checked(
                TrackRequest,
                session_id=f"session-{number}",
                skill_name=f"skill-{turn % 50}",
                user_query=f"caller {number} asks for {turn}",
                workflow_phase="tests",
            )
            await service.track_invocation(request)

    rates = []
    for _ in range(ROUNDS):
        since = time.perf_counter()
        await asyncio.gather(*(caller(number) for number in range(CALLERS)))
        rates.append(CALLERS * 50 / (time.perf_counter() - since))
    return Figure(f"track by {CALLERS} callers", p50(rates), "/s", target)


async def in_batches(service: Service, target: str) -> Figure:
    """One caller that sends 1,000 whole invocations a call; checking them is part of the time."""
    batch = [
        {
            "session_id": f"session-{number // 20}",
            "skill_name": f"skill-{number % 50}",
            "outcome": "completed",
            "duration_seconds": 1.5,
            "workflow_phase": "tests",
            "follow_up_actions": ["commit"],
        }
        for number in range(1_000)
    ]

    async def record(_turn: int) -> None:
        await service.record_invocations(checked(BatchRequest, invocations=batch))

    taken = await durations(record, 40)
    return Figure("batches of 1,000", 1_000 / p50(taken), "/s", target)

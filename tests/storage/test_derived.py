"""The views for SQL say what the tools say, on both engines."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from session_buddy_skills.activity import HourlyRequest, RealTimeRequest
from session_buddy_skills.community import BaselinesRequest, DependenciesRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.results import Rate
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from tests.databases import execute
from tests.invocations import record

NOW = datetime.now(UTC)
SKILLS = ["lint", "test", "deploy", "plan"]


def made() -> list[dict[str, Any]]:
    chance = Random(5)
    rows: list[dict[str, Any]] = []
    for _ in range(300):
        outcome = chance.choice(["completed", "completed", "failed", "abandoned", "unknown"])
        rows.append(
            {
                "session_id": f"s{chance.randrange(40)}",
                "skill_name": chance.choice(SKILLS),
                "outcome": outcome,
                "invoked_at": NOW - timedelta(minutes=chance.randrange(5, 3_000) + 0.5),
                "duration_seconds": chance.choice([None, chance.uniform(0, 60)]),
                "user": chance.choice(["ann", "ben", None]),
            }
        )
    return rows


@pytest.fixture
async def recorded(settings: Settings) -> Settings:
    async with open_service(settings, recommending=False) as service:
        await record(service, made())
    return settings


async def test_the_last_hour_and_day_are_those_of_the_clock(recorded: Settings) -> None:
    """Nothing is counted up, so that nothing stays where it is over."""
    rows = execute(
        recorded,
        "SELECT skill_name, invocations_1h, completed_1h, decided_1h, invocations_24h, "
        "completed_24h, decided_24h FROM skill_metrics_cache",
    )
    found = {row[0]: row[1:] for row in rows}
    async with open_service(recorded, recommending=False) as service:
        for hours, place in ((1.0, 0), (24.0, 3)):
            request = checked(RealTimeRequest, window_hours=hours, limit=100)
            told = (await service.analyses.activity.real_time(request)).top_skills
            counts = {
                one.skill_name: (one.invocation_count, one.completed_count, n(one.completion_rate))
                for one in told
            }
            assert counts
            some = {name: row[place : place + 3] for name, row in found.items() if row[place]}
            assert some == counts


async def test_hours_are_those_of_the_tool(recorded: Settings) -> None:
    rows = execute(
        recorded,
        "SELECT hour_timestamp, invocation_count, completed_count, decided_count, "
        "avg_duration_seconds, unique_sessions FROM skill_time_series WHERE skill_name = 'lint'",
    )
    request = checked(HourlyRequest, skill_name="lint", hours=60)
    async with open_service(recorded, recommending=False) as service:
        hours = (await service.analyses.activity.hourly(request)).hours
    told = {
        one.hour_timestamp: (
            one.invocation_count,
            one.completed_count,
            n(one.completion_rate),
            pytest.approx(one.avg_duration_seconds),
            one.unique_sessions,
        )
        for one in hours
        if one.invocation_count
    }
    assert {row[0].astimezone(UTC): row[1:] for row in rows} == told


async def test_baselines_are_those_of_the_tool(recorded: Settings) -> None:
    rows = execute(
        recorded,
        "SELECT skill_name, total_users, total_invocations, decided_count, "
        "global_completion_rate, typical_duration_seconds FROM skill_community_baselines",
    )
    async with open_service(recorded, recommending=False) as service:
        request = checked(BaselinesRequest)
        baselines = (await service.analyses.users.baselines(request)).baselines
    assert {row[0]: row[1:] for row in rows} == {
        one.skill_name: (
            one.total_users,
            one.total_invocations,
            n(one.global_completion_rate),
            pytest.approx(one.global_completion_rate and one.global_completion_rate.value),
            pytest.approx(one.typical_duration_seconds),
        )
        for one in baselines
    }


async def test_users_are_known_by_their_hashes(recorded: Settings) -> None:
    rows = execute(
        recorded, "SELECT user_hash, sum(total_invocations) FROM skill_user_interactions GROUP BY 1"
    )
    async with open_service(recorded, recommending=False) as service:
        hashed = {service._intake.hash_user(name): name for name in ("ann", "ben")}
    counts = Counter(one["user"] for one in made())
    assert {hashed[row[0]]: row[1] for row in rows} == {
        name: counts[name] for name in ("ann", "ben")
    }


async def test_pairs_are_those_of_the_tool(recorded: Settings) -> None:
    rows = execute(
        recorded,
        "SELECT skill_a, skill_b, co_occurrence_count, total_sessions, lift_score "
        "FROM skill_dependencies",
    )
    async with open_service(recorded, recommending=False) as service:
        request = checked(DependenciesRequest, min_lift=0, limit=100)
        told = (await service.analyses.community.dependencies(request)).dependencies
    assert {frozenset(row[:2]): row[2:] for row in rows} == {
        frozenset((one.skill_a, one.skill_b)): (
            one.co_occurrence_count,
            one.sessions,
            pytest.approx(one.lift_score),
        )
        for one in told
    }


def n(rate: Rate | None) -> int:
    return rate.n if rate else 0

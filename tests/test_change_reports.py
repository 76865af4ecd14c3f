"""Reports on changes: what is found, kept as episodes and resolved; and trends."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from fastmcp import Client
from fastmcp.client.transports import FastMCPTransport
from hypothesis import strategies as st

from session_buddy_skills.changes import (
    AcknowledgeRequest,
    AnomaliesAnswer,
    AnomaliesRequest,
    TrendAnswer,
    TrendRequest,
)
from session_buddy_skills.errors import InputError
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.anomaly_store import AnomalyStore, Asked
from tests.generated import (
    DECIDED,
    EPOCH,
    Made,
    generated_invocations,
    recorded,
    run_cases,
    seconds_of,
)
from tests.invocations import record


def uses(
    skill: str,
    rate: float,
    *,
    recent: bool,
    n: int,
    seconds: float = 10.0,
    phase: str = "tests",
    project: str | None = None,
    seed: int = 0,
) -> Made:
    """Uses spread over the last day or over the eight days before it, which is a day too many."""
    chance = random.Random(f"{skill}{recent}{seed}")
    hours = (0, 23) if recent else (25, 9 * 24)
    now = datetime.now(UTC)
    return [
        {
            "session_id": f"s{chance.randrange(50)}",
            "skill_name": skill,
            "workflow_phase": phase,
            "project": project,
            "invoked_at": now - timedelta(hours=chance.uniform(*hours), minutes=5),
            "outcome": "completed" if number < rate * n else "failed",
            "duration_seconds": seconds * chance.lognormvariate(0, 0.3),
        }
        for number in range(n)
    ]


async def anomalies(service: Service, **fields: Any) -> AnomaliesAnswer:
    return await service.analyses.changes.anomalies(checked(AnomaliesRequest, **fields))


async def trend(service: Service, **fields: Any) -> TrendAnswer:
    return await service.analyses.changes.trend(checked(TrendRequest, **fields))


def steady() -> Made:
    return [
        use
        for skill in ("lint", "deploy")
        for recent, n in ((False, 320), (True, 40))
        for use in uses(skill, 0.9, recent=recent, n=n)
    ]


async def test_design_8_1_what_has_changed_is_found_and_what_has_not_is_not(
    service: Service,
) -> None:
    """Of each type one, among skills that do as they did."""
    before: dict[str, Any] = {"recent": False, "n": 320}
    now: dict[str, Any] = {"recent": True, "n": 40}
    await record(
        service,
        [
            *steady(),
            *uses("worse", 0.92, **before), *uses("worse", 0.5, **now),
            *uses("better", 0.5, **before), *uses("better", 0.95, **now),
            *uses("slower", 0.9, **before), *uses("slower", 0.9, seconds=25, **now),
            *uses("faster", 0.9, **before), *uses("faster", 0.9, seconds=4, **now),
            *uses("unused", 0.9, **before),
            *uses("overused", 0.9, **before), *uses("overused", 0.9, recent=True, n=200),
            *uses("moved", 0.9, **before), *uses("moved", 0.9, phase="commit", **now),
        ],
    )  # fmt: skip
    answer = await anomalies(service)
    found = {(one.skill_name, one.anomaly_type): one for one in answer.anomalies}
    assert set(found) == {
        ("worse", "performance_drop"),
        ("better", "performance_spike"),
        ("slower", "duration_increase"),
        ("faster", "duration_decrease"),
        ("unused", "usage_drop"),
        ("overused", "usage_spike"),
        ("moved", "pattern_shift"),
    }
    assert answer.reason is None
    worse = found["worse", "performance_drop"]
    assert worse.baseline_value == pytest.approx(0.92, abs=0.03)
    assert worse.observed_value == pytest.approx(0.5)
    assert worse.recent_n == 40
    assert worse.deviation_score < -5
    assert found["slower", "duration_increase"].observed_value == pytest.approx(25, rel=0.2)
    assert found["moved", "pattern_shift"].observed_value == 1
    for one in answer.anomalies:
        assert one.adjusted_p_value is not None
        assert one.p_value <= 0.05
        assert one.adjusted_p_value <= 0.05


async def test_an_anomaly_is_one_episode_until_it_is_over(service: Service) -> None:
    await record(service, [*steady(), *uses("worse", 0.92, recent=False, n=320)])
    await record(service, uses("worse", 0.4, recent=True, n=30))
    [first] = (await anomalies(service)).anomalies
    [again] = (await anomalies(service)).anomalies
    assert again.anomaly_id == first.anomaly_id
    assert again.detected_at == first.detected_at
    assert again.last_seen_at > first.last_seen_at

    request = checked(AcknowledgeRequest, anomaly_id=first.anomaly_id, note="the new linter")
    known = await service.analyses.changes.acknowledge(request)
    assert known.acknowledged_at is not None
    [later] = (await anomalies(service)).anomalies
    assert (later.note, later.acknowledged_at) == ("the new linter", known.acknowledged_at)

    await record(service, uses("worse", 0.99, recent=True, n=400, seed=1))
    over = await anomalies(service)
    assert [one.anomaly_id for one in over.resolved] == [first.anomaly_id]
    assert over.resolved[0].resolved_at is not None
    assert [one for one in over.anomalies if one.anomaly_type == "performance_drop"] == []
    assert (await anomalies(service)).resolved == []


async def test_episodes_are_of_their_project(service: Service) -> None:
    for project in ("a", "b"):
        await record(service, uses("k", 0.95, recent=False, n=320, project=project))
    await record(service, uses("k", 0.3, recent=True, n=40, project="a"))
    await record(service, uses("k", 0.95, recent=True, n=40, project="b"))
    [one] = (await anomalies(service, project="a")).anomalies
    assert one.anomaly_type == "performance_drop"
    other = await anomalies(service, project="b")
    assert (other.anomalies, other.still_open, other.resolved) == ([], [], [])
    [everywhere] = (await anomalies(service)).anomalies
    assert everywhere.anomaly_id != one.anomaly_id


async def test_other_windows_have_other_episodes(service: Service) -> None:
    """Whoever looks at the last hours does not end what the last day shows."""
    await record(service, uses("k", 0.95, recent=False, n=320))
    await record(service, uses("k", 0.4, recent=True, n=40))
    [first] = (await anomalies(service)).anomalies
    await anomalies(service, time_window_hours=4.0, baseline_hours=12.0)
    again = await anomalies(service)
    assert [one.anomaly_id for one in again.anomalies] == [first.anomaly_id]


async def test_what_can_no_longer_be_tested_ends_in_time(settings: Settings) -> None:
    async with open_service(settings, recommending=False) as service:
        store = AnomalyStore(service._store.database)
        asked = Asked(None, 24.0, 168.0)
        now = datetime(2026, 3, 1, tzinfo=UTC)
        values = {"baseline_value": 9.0, "observed_value": 0.0, "deviation_score": -4.0,
                  "p_value": 1e-4}  # fmt: skip
        [begun], _ = await store.settle(asked, {("k", "usage_drop"): values}, set(), now)
        still, ended = await store.settle(asked, {}, set(), now + timedelta(hours=160))
        assert ([one["anomaly_id"] for one in still], ended) == ([begun["anomaly_id"]], [])
        still, ended = await store.settle(asked, {}, set(), now + timedelta(hours=170))
        assert (still, [one["anomaly_id"] for one in ended]) == ([], [begun["anomaly_id"]])


async def test_what_is_found_is_not_over_at_once(service: Service) -> None:
    """Also where the threshold lies below significance."""
    await record(service, uses("k", 0.9, recent=False, n=140))
    await record(service, uses("k", 0.83, recent=True, n=100, seconds=30, phase="commit"))
    for _ in range(3):
        answer = await anomalies(service, threshold=0.0)
        assert answer.anomalies
        assert answer.resolved == []


async def test_little_evidence_is_no_anomaly(service: Service) -> None:
    """Three failures of three are not worth a call, nor is a skill that is new."""
    await record(service, [*uses("rare", 1.0, recent=False, n=25), *steady()])
    await record(service, [*uses("rare", 0.0, recent=True, n=3)])
    await record(service, uses("new", 0.9, recent=True, n=200))
    answer = await anomalies(service)
    assert (answer.anomalies, answer.reason) == ([], "below_threshold")
    assert answer.tests > 0


def test_windows_are_those_of_a_plain_loop(settings: Settings) -> None:
    run_cases(
        settings,
        _check_windows,
        made=generated_invocations(),
        window=st.integers(1, 5),
        baseline=st.integers(10, 14),
    )


async def _check_windows(
    service: Service, project: str, made: Made, window: int, baseline: int
) -> None:
    made = await recorded(service, project, made)
    now = EPOCH + timedelta(hours=15)
    request = checked(
        AnomaliesRequest,
        project=project,
        time_window_hours=float(window),
        baseline_hours=float(baseline),
    )
    found, anything = await service.analyses.changes.observed(request, now)
    assert anything
    split = now - timedelta(hours=window)
    since = split - timedelta(hours=baseline)
    spanned = [one for one in made if since <= one["invoked_at"] < now]
    assert [one.skill_name for one in found] == sorted({one["skill_name"] for one in spanned})
    for one in found:
        own = [use for use in spanned if use["skill_name"] == one.skill_name]
        halves = (
            [use for use in own if use["invoked_at"] >= split],
            [use for use in own if use["invoked_at"] < split],
        )
        for half, rows in zip((one.recent, one.baseline), halves, strict=True):
            ends = Counter(use["outcome"] for use in rows)
            assert (half.completed, half.decided) == (
                ends["completed"],
                sum(ends[end] for end in DECIDED),
            )
            seconds = seconds_of(rows)
            assert half.durations.sum() == len(seconds)
            assert half.median_seconds == (pytest.approx(np.median(seconds)) if seconds else None)
            phases = Counter(use["workflow_phase"] for use in rows if use["workflow_phase"])
            assert sorted(half.phases[half.phases > 0]) == sorted(phases.values())
        bins = sorted({math.floor(10 * math.log(max(d, 1e-3))) for d in seconds_of(own)})
        assert len(one.recent.durations) == len(one.baseline.durations) == len(bins)
        for place, bin_ in enumerate(bins):
            counts = [
                sum(math.floor(10 * math.log(max(d, 1e-3))) == bin_ for d in seconds_of(rows))
                for rows in halves
            ]
            assert [half.durations[place] for half in (one.recent, one.baseline)] == counts
        assert one.count == len(halves[0])
        older = any(u["skill_name"] == one.skill_name and u["invoked_at"] < since for u in made)
        expected = [
            sum(
                now - (place + 1) * timedelta(hours=window)
                <= use["invoked_at"]
                < now - place * timedelta(hours=window)
                for use in own
            )
            for place in range(1, baseline // window + 1)
        ]
        assert one.buckets.tolist() == (expected if older else [])


async def test_a_use_at_the_split_is_recent_in_every_count(service: Service) -> None:
    now = EPOCH + timedelta(hours=15)
    at_split = {"session_id": "s", "skill_name": "k", "invoked_at": now - timedelta(hours=5)}
    older = at_split | {"invoked_at": now - timedelta(hours=20)}
    await record(service, [one | {"outcome": "completed"} for one in (at_split, older)])
    request = checked(AnomaliesRequest, time_window_hours=5.0, baseline_hours=10.0)
    [found], _ = await service.analyses.changes.observed(request, now)
    assert (found.count, found.recent.decided, found.buckets.tolist()) == (1, 1, [0, 0])


async def test_an_empty_answer_says_why(service: Service) -> None:
    assert (await anomalies(service)).reason == "no_history"
    assert (await trend(service, skill_name="k")).reason == "no_such_skill"
    long_ago = datetime.now(UTC) - timedelta(days=90)
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    await record(service, [use | {"invoked_at": long_ago}])
    assert (await anomalies(service)).reason == "nothing_in_scope"
    found = await trend(service, skill_name="k")
    assert (found.reason, found.trend) == ("nothing_in_scope", "insufficient_data")


async def test_an_unknown_anomaly_cannot_be_acknowledged(service: Service) -> None:
    unknown = uuid4()
    with pytest.raises(InputError, match=f'no anomaly "{unknown}" is known'):
        request = checked(AcknowledgeRequest, anomaly_id=unknown)
        await service.analyses.changes.acknowledge(request)


def days_of(values: list[tuple[int, int]], seconds: float = 1.0) -> Made:
    """Per day, from the oldest to yesterday: so many runs, of which so many complete."""
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    return [
        {
            "session_id": f"s{day}",
            "skill_name": "k",
            "invoked_at": noon - timedelta(days=len(values) - day, minutes=number),
            "outcome": "completed" if number < completed else "failed",
            "duration_seconds": seconds * (day + 1),
        }
        for day, (n, completed) in enumerate(values)
        for number in range(n)
    ]


async def test_a_trend_is_told_from_noise(service: Service) -> None:
    await record(service, days_of([(20, 6 + day) for day in range(12)]))
    rate = await trend(service, skill_name="k")
    assert rate.trend == "improving"
    assert rate.slope == pytest.approx(0.05)
    assert rate.start_value == pytest.approx(0.3)
    assert rate.end_value == pytest.approx(0.85)
    assert rate.change_percent == pytest.approx(100 * 0.55 / 0.3)
    assert [one.n for one in rate.values] == [20] * 12
    slower = await trend(service, skill_name="k", metric="duration")
    assert slower.trend == "declining"
    assert slower.slope == pytest.approx(1.0)
    same = await trend(service, skill_name="k", metric="usage")
    assert (same.trend, same.slope, same.p_value) == ("stable", 0, 1)
    short = await trend(service, skill_name="k", days=2.0)
    assert short.trend == "insufficient_data"
    assert short.slope is None


async def test_a_few_days_on_a_line_are_no_certainty(service: Service) -> None:
    await record(service, days_of([(4, 2), (4, 3), (4, 4)]))
    found = await trend(service, skill_name="k")
    assert found.slope == pytest.approx(0.25)
    assert found.trend == "stable"
    assert found.p_value is not None
    assert found.p_value > 0.05


async def test_a_rate_of_a_line_stays_a_rate(service: Service) -> None:
    await record(service, days_of([(10, 0), (10, 0), (10, 0), (10, 1)]))
    found = await trend(service, skill_name="k")
    assert found.start_value == 0
    assert found.change_percent is None


async def test_a_skill_that_only_runs_has_no_trend_and_says_why(service: Service) -> None:
    await record(service, [{"session_id": "s", "skill_name": "k"}])
    assert (await trend(service, skill_name="k")).reason == "nothing_in_scope"


async def test_days_without_use_count_as_none(service: Service) -> None:
    await record(service, days_of([(9, 9), (0, 0), (5, 5), (0, 0), (0, 0), (1, 1)]))
    found = await trend(service, skill_name="k", metric="usage")
    assert [one.value for one in found.values] == [9, 0, 5, 0, 0, 1]
    assert len((await trend(service, skill_name="k")).values) == 3


async def test_the_tools_answer_over_mcp(client: Client[FastMCPTransport]) -> None:
    answer = (await client.call_tool("detect_anomalies", {})).structured_content or {}
    assert (answer["anomalies"], answer["reason"]) == ([], "no_history")

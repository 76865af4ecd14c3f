"""Reports on what was done when, against plain loops over the same invocations."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from session_buddy_skills.activity import (
    HourlyRequest,
    RealTimeRequest,
    RecentAnswer,
    RecentRequest,
    SessionsRequest,
)
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import (
    DECIDED,
    EPOCH,
    Made,
    check_rate,
    generated_invocations,
    recorded,
    run_cases,
    seconds_of,
)
from tests.invocations import record


def test_hours_and_windows_are_those_of_a_plain_loop(settings: Settings) -> None:
    run_cases(
        settings,
        _check,
        made=generated_invocations(),
        skill=st.sampled_from([None, "lint"]),
        hours=st.integers(1, 20),
        minutes=st.integers(0, 1_100),
    )


async def _check(
    service: Service, project: str, made: Made, skill: str | None, hours: int, minutes: int
) -> None:
    made = await recorded(service, project, made)
    now = EPOCH + timedelta(minutes=minutes)
    request = checked(HourlyRequest, project=project, skill_name=skill, hours=hours)
    answer = await service.analyses.activity.hourly(request, now)
    present = now.replace(minute=0)
    expected = [present - timedelta(hours=n) for n in range(hours)][::-1]
    assert [one.hour_timestamp for one in answer.hours] == expected
    for hour in answer.hours:
        rows = [
            one
            for one in made
            if one["invoked_at"].replace(minute=0) == hour.hour_timestamp
            and skill in (None, one["skill_name"])
        ]
        ends = Counter(one["outcome"] for one in rows)
        assert (hour.skill_name, hour.invocation_count) == (skill, len(rows))
        assert hour.completed_count == ends["completed"]
        check_rate(hour.completion_rate, ends["completed"], sum(ends[end] for end in DECIDED))
        seconds = seconds_of(rows)
        mean = np.mean(seconds) if seconds else None
        assert hour.avg_duration_seconds == (None if mean is None else pytest.approx(mean))
        assert hour.unique_sessions == len({one["session_id"] for one in rows})
    assert (answer.reason is None) == any(hour.invocation_count for hour in answer.hours)
    await _check_window(service, project, made, now)


async def _check_window(service: Service, project: str, made: Made, now: Any) -> None:
    request = checked(RealTimeRequest, project=project, window_hours=6.5, limit=2)
    answer = await service.analyses.activity.real_time(request, now)
    skills: dict[str, Made] = defaultdict(list)
    for one in made:
        if now - timedelta(hours=6.5) <= one["invoked_at"] <= now:
            skills[one["skill_name"]].append(one)
    names = sorted(skills, key=lambda name: (-len(skills[name]), name))
    assert [one.skill_name for one in answer.top_skills] == names[:2]
    assert answer.skills_left_out == max(0, len(names) - 2)
    assert answer.total_invocations == sum(map(len, skills.values()))
    for found in answer.top_skills:
        rows = skills[found.skill_name]
        ends = Counter(one["outcome"] for one in rows)
        assert found.invocation_count == len(rows)
        assert (found.completed_count, found.pending_count) == (ends["completed"], ends["pending"])
        check_rate(found.completion_rate, ends["completed"], sum(ends[end] for end in DECIDED))
        seconds = seconds_of(rows)
        assert found.avg_duration == (pytest.approx(np.mean(seconds)) if seconds else None)
        assert found.last_invocation_at == max(one["invoked_at"] for one in rows)


async def test_design_8_13_the_last_hour_forgets_what_is_older(service: Service) -> None:
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    await record(service, [use | {"invoked_at": EPOCH + timedelta(minutes=n)} for n in range(90)])
    request = checked(RealTimeRequest)
    for minutes, expected in ((60, 61), (90, 60), (100, 50), (149, 1), (151, 0)):
        now = EPOCH + timedelta(minutes=minutes)
        answer = await service.analyses.activity.real_time(request, now)
        assert answer.total_invocations == expected
        assert answer.reason == (None if expected else "nothing_in_scope")


async def test_empty_hours_say_why(service: Service) -> None:
    async def reason(**fields: Any) -> str | None:
        return (await service.analyses.activity.hourly(checked(HourlyRequest, **fields))).reason

    assert await reason() == "no_history"
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    await record(service, [use | {"invoked_at": EPOCH}])
    assert await reason() == "nothing_in_scope"
    assert await reason(skill_name="none") == "no_such_skill"


async def test_sessions_are_told_last_active_first(service: Service) -> None:
    none = await service.analyses.activity.sessions(checked(SessionsRequest))
    assert (none.sessions, none.reason) == ([], "no_history")
    made = [
        {
            "session_id": f"s{n % 3}",
            "skill_name": f"k{n % 2}",
            "invoked_at": EPOCH + timedelta(minutes=n),
            "outcome": "completed" if n < 6 else "abandoned",
        }
        for n in range(9)
    ]
    await record(service, made)
    answer = await service.analyses.activity.sessions(checked(SessionsRequest, limit=2))
    assert [one.session_id for one in answer.sessions] == ["s2", "s1"]
    first = answer.sessions[0]
    assert (first.total_invocations, first.total_skills_used, first.pending_count) == (3, 2, 0)
    check_rate(first.completion_rate, 2, 3)
    assert first.last_invoked - first.first_invoked == timedelta(minutes=6)
    other = await service.analyses.activity.sessions(checked(SessionsRequest, project="none"))
    assert other.reason == "nothing_in_scope"


async def test_single_uses_are_told_newest_first(service: Service) -> None:
    async def recent(**fields: Any) -> RecentAnswer:
        return await service.analyses.activity.recent(checked(RecentRequest, **fields))

    assert await recent() == RecentAnswer(invocations=[], reason="no_history")
    made = [
        {
            "session_id": f"s{n % 2}",
            "skill_name": f"k{n % 3}",
            "project": "p" if n == 4 else None,
            "invoked_at": EPOCH + timedelta(minutes=n),
            "outcome": "failed" if n == 5 else "completed",
            "error_type": "E" if n == 5 else None,
            "duration_seconds": float(n),
            "user_query": f"{n}" * 300 if n % 2 else None,
            "workflow_phase": "test",
        }
        for n in range(6)
    ]  # fmt: skip
    await record(service, made)
    newest = (await recent()).invocations
    assert [one.duration_seconds for one in newest] == [5, 4, 3, 2, 1, 0]
    first = newest[0]
    assert (first.session_id, first.skill_name, first.outcome.value) == ("s1", "k2", "failed")
    assert (first.error_type, first.user_query, first.workflow_phase) == (
        "E",
        "5" * 200 + "…",
        "test",
    )
    assert (first.arguments, first.called_by, first.end_inferred) == (None, None, None)
    assert newest[1].user_query is None
    for scope, expected in (
        ({"session_id": "s1"}, [5, 3, 1]),
        ({"skill_name": "k1"}, [4, 1]),
        ({"project": "p"}, [4]),
        ({"session_id": "s0", "skill_name": "k2"}, [2]),
        ({"limit": 2}, [5, 4]),
    ):
        told = await recent(**scope)
        assert [one.duration_seconds for one in told.invocations] == expected
        assert told.reason is None
    assert (await recent(session_id="none")).reason == "no_such_session"
    assert (await recent(session_id="s0", skill_name="none")).reason == "no_such_skill"
    assert (await recent(session_id="s1", skill_name="k1", project="p")).reason == (
        "nothing_in_scope"
    )

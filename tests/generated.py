"""Reports held against plain loops over generated invocations."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import hypothesis
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from session_buddy_skills.results import Rate
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.invocations import record

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DECIDED = ("completed", "failed", "abandoned")
Made = list[dict[str, Any]]
Check = Callable[..., Awaitable[None]]
CASES = 200


def generated_invocations(sessions: int = 2) -> st.SearchStrategy[Made]:
    """Invocations over a few sessions, skills and phases, within 17 hours."""
    one = st.fixed_dictionaries(
        {
            "session_id": st.sampled_from([f"s{n}" for n in range(sessions)]),
            "skill_name": st.sampled_from(["lint", "test", "deploy"]),
            "workflow_phase": st.sampled_from(["tests", "fast_hooks", "cleaning", None]),
            "invoked_at": st.integers(0, 1_000).map(lambda n: EPOCH + timedelta(minutes=n)),
            "outcome": st.sampled_from([*DECIDED, "completed", "unknown", "pending"]),
            "duration_seconds": st.none() | st.floats(0, 1e5, width=32),
        }
    )
    ended = one.map(
        lambda one: one | ({"duration_seconds": None} if one["outcome"] == "pending" else {})
    )
    return st.lists(ended, min_size=1, max_size=40)


def run_cases(
    settings: Settings,
    check: Check,
    cases: int = CASES,
    allowed: tuple[HealthCheck, ...] = (HealthCheck.too_slow,),
    **arguments: st.SearchStrategy[Any],
) -> None:
    """Check generated cases, each in a project of its own in one database.

    `check` is given the service, the project, and what the strategies made.
    """

    async def run() -> None:
        async with open_service(settings, recommending=False) as service:
            loop = asyncio.get_running_loop()
            await asyncio.to_thread(_run_cases, service, loop, check, cases, allowed, arguments)

    asyncio.run(run())


def _run_cases(
    service: Service,
    loop: asyncio.AbstractEventLoop,
    check: Check,
    cases: int,
    allowed: tuple[HealthCheck, ...],
    arguments: dict[str, st.SearchStrategy[Any]],
) -> None:
    numbers = iter(range(10**6))

    @hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=allowed,
    )
    @given(case=st.fixed_dictionaries(arguments))
    def one_case(case: dict[str, Any]) -> None:
        checking = check(service, f"p{next(numbers)}", **case)
        asyncio.run_coroutine_threadsafe(_finish(checking), loop).result()

    one_case()


async def _finish(checking: Awaitable[None]) -> None:
    await checking


async def recorded(service: Service, project: str, made: Made) -> Made:
    """What was made, recorded in the project.

    Ids are in no order of time; equal times are taken in their order.
    """
    made = [one | {"invocation_id": uuid4(), "project": project} for one in made]
    await record(service, made)
    return made


def seconds_of(rows: Made) -> list[float]:
    """The durations that are known."""
    return [one["duration_seconds"] for one in rows if one["duration_seconds"] is not None]


def wilson(successes: int, n: int) -> Any:
    """scipy's interval."""
    return binomtest(successes, n).proportion_ci(0.95, method="wilson")


def check_rate(found: Rate | None, successes: int, n: int) -> None:
    """The rate is that share, with scipy's interval; None of nothing."""
    if not n:
        assert found is None
        return
    assert found is not None
    interval = wilson(successes, n)
    assert (found.value, found.n) == (successes / n, n)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-12)

"""A/B tests: who is in which group, what counts, and what is said of it."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_ind

from session_buddy_skills.ab_testing import AbTesting, group_of
from session_buddy_skills.ab_tests import (
    AbAnalysis,
    AnalyzeRequest,
    AssignRequest,
    CreateTestRequest,
    Effect,
    OutcomeReceipt,
    OutcomeRequest,
    StopRequest,
)
from session_buddy_skills.errors import ConflictError, InputError
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import DECIDED, EPOCH, check_rate, run_cases

STRATEGIES = {"control_strategy": "semantic", "treatment_strategy": "collaborative"}


async def create(service: Service, name: str, **fields: Any) -> AbTesting:
    tests = service.analyses.ab_tests
    await tests.create(checked(CreateTestRequest, test_name=name, **STRATEGIES, **fields))
    return tests


async def assign(tests: AbTesting, name: str, user: str) -> str:
    return (await tests.assign(checked(AssignRequest, test_name=name, user_id=user))).test_group


async def record(tests: AbTesting, name: str, user: str, outcome: str, **fields: Any) -> Any:
    request = checked(OutcomeRequest, test_name=name, user_id=user, outcome=outcome, **fields)
    return await tests.record(request)


async def analyze(tests: AbTesting, name: str) -> AbAnalysis:
    return await tests.analyze(checked(AnalyzeRequest, test_name=name))


def test_groups_are_the_same_on_every_machine() -> None:
    """As `printf 'ranking\\0ann' | sha256sum` says: 0 to 7 in front is control."""
    groups = [group_of("ranking", user) for user in ("ann", "ben", "cleo", "dan")]
    assert groups == ["treatment", "treatment", "control", "control"]


def test_groups_are_of_like_sizes_and_apart_from_other_tests() -> None:
    users = [f"user {n}" for n in range(10_000)]
    one, other = ([group_of(name, user) for user in users] for name in ("one", "other"))
    assert binomtest(one.count("control"), len(users)).pvalue > 0.001
    same = sum(a == b for a, b in zip(one, other, strict=True))
    assert binomtest(same, len(users)).pvalue > 0.001


async def test_a_user_keeps_the_group(service: Service) -> None:
    tests = await create(service, "ranking")
    first = await assign(tests, "ranking", "ann")
    assert first == group_of("ranking", "ann")
    hashed = service._intake.hash_user("ann")
    assert await assign(tests, "ranking", hashed) == first
    again = await asyncio.gather(*(assign(tests, "ranking", "ann") for _ in range(8)))
    assert set(again) == {first}
    analysis = await analyze(tests, "ranking")
    assert analysis.control.assigned_users + analysis.treatment.assigned_users == 1


async def test_creating_again_changes_nothing(service: Service) -> None:
    tests = await create(service, "ranking", sample_size=100)
    await create(service, "ranking", sample_size=100)
    with pytest.raises(ConflictError, match="with sample_size 100, not 200; give the new one"):
        await create(service, "ranking", sample_size=200)
    with pytest.raises(ConflictError, match='with description null, not "why"'):
        await create(service, "ranking", sample_size=100, description="why")
    assert [one.test_name for one in (await tests.tests()).tests] == ["ranking"]


async def test_an_outcome_counts_once(service: Service) -> None:
    tests = await create(service, "ranking")
    group = await assign(tests, "ranking", "ann")
    run = {"outcome_id": uuid4(), "duration_seconds": 2.5}
    first = await record(tests, "ranking", "ann", "completed", **run)
    again = await record(tests, "ranking", "ann", "completed", **run)
    assert (first.changed, again.changed) == (True, False)
    assert again.model_dump() | {"changed": True} == first.model_dump()
    with pytest.raises(ConflictError, match="stored already, with another outcome;"):
        await record(tests, "ranking", "ann", "failed", **run)
    with pytest.raises(ConflictError, match="stored already, with another user_id;"):
        await record(tests, "ranking", "ben", "completed", **run)
    found = getattr(await analyze(tests, "ranking"), group)
    check_rate(found.completion_rate, 1, 1)


async def test_only_users_with_a_group_are_counted(service: Service) -> None:
    tests = await create(service, "ranking")
    with pytest.raises(InputError, match="user_id must be a user whom assign_ab_test has given"):
        await record(tests, "ranking", "ann", "completed")
    assert (await analyze(tests, "ranking")).reason == "no_history"


async def test_what_is_stopped_stays_as_it_is(service: Service) -> None:
    tests = await create(service, "ranking")
    await assign(tests, "ranking", "ann")
    run = {"outcome_id": uuid4()}
    await record(tests, "ranking", "ann", "completed", **run)
    stop = checked(StopRequest, test_name="ranking")
    stopped = await tests.stop(stop)
    assert stopped.stopped_at is not None
    assert await tests.stop(stop) == stopped
    assert await assign(tests, "ranking", "ann") == group_of("ranking", "ann")
    assert not (await record(tests, "ranking", "ann", "completed", **run)).changed
    with pytest.raises(InputError, match=r'"ranking" was stopped at .* takes no new users'):
        await assign(tests, "ranking", "ben")
    with pytest.raises(InputError, match=r'"ranking" was stopped at .* takes no more outcomes'):
        await record(tests, "ranking", "ann", "failed")


async def test_nothing_is_known_of_other_tests(service: Service) -> None:
    tests = service.analyses.ab_tests
    assert (await tests.tests()).reason == "no_tests"
    for call in (
        assign(tests, "x", "ann"),
        record(tests, "x", "ann", "completed"),
        analyze(tests, "x"),
        tests.stop(checked(StopRequest, test_name="x")),
    ):
        with pytest.raises(InputError, match='no A/B test "x" is known; create_ab_test makes one'):
            await call


@pytest.mark.filterwarnings("ignore:Precision loss occurred")
def test_figures_are_those_of_a_plain_loop(settings: Settings) -> None:
    runs = st.tuples(
        st.sampled_from([f"user {n}" for n in range(6)]),
        st.sampled_from([*DECIDED, "completed", "unknown"]),
        st.none() | st.floats(0, 1e5, width=32),
    )
    run_cases(
        settings,
        _check,
        runs=st.lists(runs, max_size=14),
        sample_size=st.integers(1, 8),
    )


async def _check(
    service: Service, name: str, runs: list[tuple[str, str, float | None]], sample_size: int
) -> None:
    tests = service.analyses.ab_tests
    # Smaller than a caller may ask for, so that a few runs fill it.
    sized = checked(CreateTestRequest, test_name=name, **STRATEGIES).model_dump()
    row = sized | {"sample_size": sample_size}
    await tests._store.create(row, EPOCH)
    groups: dict[str, str] = {}
    assigned: dict[str, set[str]] = defaultdict(set)
    decided: dict[str, list[tuple[str, str, float | None]]] = defaultdict(list)
    for user, outcome, seconds in runs:
        group = groups[user] = groups.get(user) or await assign(tests, name, user)
        await record(tests, name, user, outcome, duration_seconds=seconds)
        assigned[group].add(user)
        if outcome != "unknown":
            decided[group].append((user, outcome, seconds))
    found = await analyze(tests, name)
    means = {}
    for group, strategy in zip(("control", "treatment"), STRATEGIES.values(), strict=True):
        told = getattr(found, group)
        counted: list[tuple[str, str, float | None]] = []
        for run in decided[group]:
            # One user fills a thirtieth of the sample at most, which here is a run.
            if run[0] not in {user for user, _, _ in counted} and len(counted) < sample_size:
                counted.append(run)
        assert told.strategy == strategy
        assert told.assigned_users == len(assigned[group])
        assert told.active_users == len({user for user, _, _ in counted})
        assert told.later_runs == len(decided[group]) - len(counted)
        ends = Counter(outcome for _, outcome, _ in counted)
        check_rate(told.completion_rate, ends["completed"], len(counted))
        by_user: dict[str, list[float]] = defaultdict(list)
        for user, _, seconds in counted:
            if seconds is not None:
                by_user[user].append(seconds)
        means[group] = [float(np.mean(own)) for own in by_user.values()]
        assert told.timed_users == len(by_user)
        expected = pytest.approx(np.mean(means[group])) if by_user else None
        assert told.avg_duration_seconds == expected
    rates = found.control.completion_rate, found.treatment.completion_rate
    if rates[0] is None or rates[1] is None:
        assert (found.completion_rate_effect, found.progress) == (None, 0)
    else:
        assert found.completion_rate_effect is not None
        assert found.completion_rate_effect.value == pytest.approx(rates[1].value - rates[0].value)
        harmonic = 2 / (1 / rates[0].n + 1 / rates[1].n)
        assert found.progress == pytest.approx(harmonic / sample_size)
        assert found.completion_rate_effect.p_value is None
    _check_durations(found.duration_effect, means["control"], means["treatment"])
    sizes = [len(assigned[group]) for group in ("control", "treatment")]
    active = [found.control.active_users, found.treatment.active_users]
    likely = min(binomtest(a, a + b).pvalue if a + b else 1.0 for a, b in (sizes, active))
    assert found.sample_ratio_p_value == pytest.approx(min(1.0, 2 * likely))
    assert found.reason == (None if runs else "no_history")
    assert found.verdict == "insufficient_data"


def _check_durations(found: Effect | None, control: list[float], treatment: list[float]) -> None:
    assert (found is not None) == (min(len(control), len(treatment)) >= 2)
    if found is None:
        return
    assert found.value == pytest.approx(np.mean(treatment) - np.mean(control))
    if np.var(control) + np.var(treatment) > 1e-9:
        expected = ttest_ind(treatment, control, equal_var=False)
        assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        interval = expected.confidence_interval()
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)


async def fill(tests: AbTesting, name: str, completed: dict[str, int], per_group: int) -> None:
    """Users with one run each; so many of each group's runs complete."""
    left = {"control": per_group, "treatment": per_group}
    for n in range(10 * per_group):
        group = group_of(name, f"user {n}")
        if left[group]:
            left[group] -= 1
            await assign(tests, name, f"user {n}")
            outcome = "completed" if left[group] < completed[group] else "abandoned"
            await record(tests, name, f"user {n}", outcome)
    assert not any(left.values())


@pytest.mark.parametrize(
    ("control", "treatment", "verdict"),
    [
        (20, 45, "treatment_better"),
        (45, 20, "control_better"),
        (30, 32, "no_difference"),
        (30, 40, "no_difference"),
    ],
)
async def test_a_full_sample_has_a_verdict(
    service: Service, control: int, treatment: int, verdict: str
) -> None:
    """10 of 50 more have p 0.035 at a single look, which is not enough at any."""
    tests = await create(service, "ranking", sample_size=50)
    await fill(tests, "ranking", {"control": control, "treatment": treatment}, 50)
    found = await analyze(tests, "ranking")
    assert (found.verdict, found.progress) == (verdict, 1)


async def test_early_a_difference_must_be_larger(service: Service) -> None:
    tests = await create(service, "ranking", sample_size=200)
    await fill(tests, "ranking", {"control": 20, "treatment": 30}, 40)
    found = await analyze(tests, "ranking")
    assert (found.verdict, found.progress) == ("undecided", 0.2)
    assert found.completion_rate_effect is not None
    assert found.completion_rate_effect.p_value is not None
    assert found.completion_rate_effect.p_value < 0.05


async def test_groups_of_unlike_sizes_are_told(service: Service) -> None:
    tests = await create(service, "ranking")
    users = (f"user {n}" for n in range(100))
    for user in [one for one in users if group_of("ranking", one) == "control"][:30]:
        await assign(tests, "ranking", user)
    found = await analyze(tests, "ranking")
    assert found.verdict == "sample_ratio_mismatch"
    assert found.sample_ratio_p_value == pytest.approx(2 * binomtest(0, 30).pvalue)


async def test_what_ends_at_once_loses_and_invents_nothing(service: Service) -> None:
    """A stop among outcomes: each is recorded before it, or told that it came too late."""
    tests = await create(service, "ranking")
    await assign(tests, "ranking", "ann")
    records = [record(tests, "ranking", "ann", "completed") for _ in range(20)]
    stop = tests.stop(checked(StopRequest, test_name="ranking"))
    answers = await asyncio.gather(*records[:10], stop, *records[10:], return_exceptions=True)
    kept = [one for one in answers if isinstance(one, OutcomeReceipt)]
    late = [one for one in answers if isinstance(one, InputError)]
    assert len(kept) + len(late) == 20
    results = await tests._store.results("ranking", 1)
    assert sum(results.decided.values()) == len(kept)

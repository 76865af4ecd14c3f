"""A/B tests of strategies: users are put into groups, runs are counted and judged."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from datetime import UTC, datetime

from uuid_utils.compat import uuid7

from session_buddy_skills.ab_tests import (
    AbAnalysis,
    AbTest,
    AbTestsAnswer,
    AnalyzeRequest,
    Assignment,
    AssignRequest,
    CreateTestRequest,
    Effect,
    GroupResult,
    OutcomeReceipt,
    OutcomeRequest,
    RateEffect,
    StopRequest,
    TestGroup,
)
from session_buddy_skills.analytics.experiments import (
    FEWEST_USERS,
    Difference,
    Group,
    Times,
    detectable_difference,
    difference_of_means,
    difference_of_rates,
    information,
    sample_ratio_p_value,
    sequential_interval,
    verdict,
)
from session_buddy_skills.reports import rate
from session_buddy_skills.storage.ab_test_store import AbTestStore, Results
from session_buddy_skills.storage.database import Database, Row
from session_buddy_skills.storage.user_key import HashUser

MISMATCH = 0.001
"""The p-value below which groups are of other sizes than chance makes them."""
GROUPS: tuple[TestGroup, TestGroup] = ("control", "treatment")
NO_RUNS = Group(users=0, runs=0, completed=0, runs_squared=0, completed_squared=0, product=0)


def group_of(test_name: str, user_id: str) -> TestGroup:
    """The group of a user in a test: the same on every machine, and apart from other tests.

    The first bit of SHA-256 over test and user: without a key, since each machine has its own.
    """
    digest = hashlib.sha256(f"{test_name}\0{user_id}".encode()).digest()
    return "treatment" if digest[0] & 0x80 else "control"


class AbTesting:
    """Every use case of A/B tests, once."""

    def __init__(self, database: Database, hash_user: HashUser) -> None:
        self._store = AbTestStore(database)
        self._hash_user = hash_user

    async def create(self, request: CreateTestRequest) -> AbTest:
        """Begin a test; once more with the same content changes nothing.

        Raises:
            ConflictError: there is another one of that name.
        """
        row = await self._store.create(request.model_dump(), datetime.now(UTC))
        return AbTest.model_validate(row)

    async def tests(self) -> AbTestsAnswer:
        """All tests, newest first; with a `reason` if there are none."""
        tests = [AbTest.model_validate(row) for row in await self._store.tests()]
        return AbTestsAnswer(tests=tests, reason=None if tests else "no_tests")

    async def assign(self, request: AssignRequest) -> Assignment:
        """Which group a user is in, from now on.

        Raises:
            InputError: there is no such test, or it was stopped and the user has no group.
        """
        name, user = request.test_name, self._hash_user(request.user_id)
        group = group_of(name, request.user_id)
        row = await self._store.assign(name, user, group, datetime.now(UTC))
        return Assignment(**row, strategy=row[f"{row['test_group']}_strategy"])

    async def record(self, request: OutcomeRequest) -> OutcomeReceipt:
        """Keep how a run went; it is on disk when this answers.

        Raises:
            ConflictError: the id is stored with other content.
            InputError: there is no such test, it was stopped, or the user has no group.
        """
        run = {
            "outcome_id": request.outcome_id or uuid7(),
            "test_name": request.test_name,
            "user_hash": self._hash_user(request.user_id),
            "outcome": request.outcome,
            "duration_seconds": request.duration_seconds,
        }
        row, changed = await self._store.record(run, datetime.now(UTC))
        return OutcomeReceipt(**row, changed=changed)

    async def stop(self, request: StopRequest) -> AbTest:
        """End a test: no new users, no more outcomes. The first time counts.

        Raises:
            InputError: there is no such test.
        """
        return AbTest.model_validate(await self._store.stop(request.test_name, datetime.now(UTC)))

    async def analyze(self, request: AnalyzeRequest) -> AbAnalysis:
        """How a test stands; with a `reason` if nothing is recorded of it.

        Raises:
            InputError: there is no such test.
        """
        return analyzed(await self._store.results(request.test_name, FEWEST_USERS))


def analyzed(results: Results) -> AbAnalysis:
    """What the stored runs say."""
    test = AbTest.model_validate(results.test)
    control, treatment = (_group(results.sample.get(name)) for name in GROUPS)
    judged = verdict(control, treatment, test.sample_size)
    assigned = sample_ratio_p_value(*(results.assigned.get(name, 0) for name in GROUPS))
    active = sample_ratio_p_value(control.users, treatment.users)
    mismatch = min(1.0, 2 * min(assigned, active))
    progress, effect, detectable = 0.0, None, None
    if control.runs and treatment.runs:
        progress = information(control, treatment, test.sample_size)
        effect = _rate_effect(control, treatment, progress)
        detectable = detectable_difference(control, treatment, test.sample_size)
    durations = difference_of_means(*(_times(results.sample.get(name)) for name in GROUPS))
    return AbAnalysis(
        test=test,
        verdict="sample_ratio_mismatch" if mismatch < MISMATCH else judged,
        progress=progress,
        control=_told(results, "control"),
        treatment=_told(results, "treatment"),
        completion_rate_effect=effect,
        duration_effect=Effect(**_bounds(durations)) if durations else None,
        detectable_difference=detectable,
        sample_ratio_p_value=mismatch,
        reason=None if results.anything else "no_history",
    )


def _group(row: Row | None) -> Group:
    if row is None:
        return NO_RUNS
    return Group(**{field.name: row[field.name] for field in fields(Group)})


def _times(row: Row | None) -> Times:
    if row is None or row["timed_users"] < 2:
        return Times(users=0, mean=0.0, variance=0.0)
    return Times(row["timed_users"], row["mean_seconds"], row["variance_seconds"])


def _rate_effect(control: Group, treatment: Group, progress: float) -> RateEffect:
    difference = difference_of_rates(control, treatment)
    if min(control.users, treatment.users) < FEWEST_USERS:
        unknown = dict.fromkeys(set(RateEffect.model_fields) - {"value"})
        return RateEffect(value=difference.value, **unknown)
    low, high = sequential_interval(difference, progress)
    return RateEffect(**_bounds(difference), sequential_low=low, sequential_high=high)


def _bounds(difference: Difference) -> dict[str, float]:
    return {name: getattr(difference, name) for name in ("value", "low", "high", "p_value")}


def _told(results: Results, name: TestGroup) -> GroupResult:
    row = results.sample.get(name)
    group = _group(row)
    return GroupResult(
        strategy=results.test[f"{name}_strategy"],
        assigned_users=results.assigned.get(name, 0),
        active_users=group.users,
        completion_rate=rate(group.completed, group.runs),
        avg_duration_seconds=row["mean_seconds"] if row else None,
        timed_users=row["timed_users"] if row else 0,
        later_runs=results.decided.get(name, 0) - group.runs,
    )

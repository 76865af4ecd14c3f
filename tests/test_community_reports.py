"""Reports on what many sessions have in common, against plain loops over the same invocations."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, false_discovery_control

from session_buddy_skills import community_reports
from session_buddy_skills.community import DependenciesRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import (
    EPOCH,
    Made,
    check_rate,
    generated_invocations,
    recorded,
    run_cases,
)
from tests.invocations import record


def test_dependencies_are_those_of_a_plain_loop(settings: Settings) -> None:
    run_cases(
        settings,
        _check_dependencies,
        made=generated_invocations(sessions=8),
        skill=st.sampled_from([None, "lint", "test"]),
    )


async def _check_dependencies(
    service: Service, project: str, made: Made, skill: str | None
) -> None:
    made = await recorded(service, project, made)
    request = checked(DependenciesRequest, project=project, skill_name=skill, min_lift=0.0)
    answer = await service.analyses.community.dependencies(request)
    first: dict[str, dict[str, datetime]] = defaultdict(dict)
    for one in made:
        firsts, name = first[one["session_id"]], one["skill_name"]
        firsts[name] = min(firsts.get(name, one["invoked_at"]), one["invoked_at"])
    total = len(first)
    having = Counter(name for firsts in first.values() for name in firsts)
    together: Counter[tuple[str, str]] = Counter()
    before: Counter[tuple[str, str]] = Counter()
    for firsts in first.values():
        for a, b in combinations(sorted(firsts), 2):
            together[a, b] += 1
            before[a, b] += firsts[a] < firsts[b]
            before[b, a] += firsts[b] < firsts[a]
    pairs = [pair for pair in together if skill in (None, *pair)]
    if not pairs:
        # The first case that asks for a skill may be the first that anybody has heard of it.
        assert answer.reason in ("nothing_in_scope", "no_such_skill")
        assert answer.dependencies == []
        return
    p_values = [_g_test(together[a, b], having[a], having[b], total) for a, b in pairs]
    # Pairs that never meet are tested as well: nothing speaks against chance.
    tests = len(having) - 1 if skill else len(having) * (len(having) - 1) // 2
    all_p_values = [*p_values, *[1.0] * (tests - len(pairs))]
    adjusted = dict(zip(pairs, false_discovery_control(all_p_values), strict=False))
    found = {tuple(sorted((pair.skill_a, pair.skill_b))): pair for pair in answer.dependencies}
    assert set(found) == set(pairs)
    for (a, b), p_value in zip(pairs, p_values, strict=True):
        pair = found[a, b]
        both = together[a, b]
        assert pair.skill_a == (skill or a)
        assert (pair.co_occurrence_count, pair.sessions) == (both, total)
        assert pair.lift_score == pytest.approx(
            (both / total) / (having[a] / total * having[b] / total)
        )
        assert pair.lift_low <= pair.lift_score <= pair.lift_high
        assert pair.p_value == pytest.approx(p_value, abs=1e-7)
        assert pair.adjusted_p_value == pytest.approx(adjusted[a, b], abs=1e-7)
        assert pair.relationship_type == "independent" or pair.adjusted_p_value < 0.05
        check_rate(pair.confidence_a_to_b, both, having[pair.skill_a])
        check_rate(pair.confidence_b_to_a, both, having[pair.skill_b])
        assert pair.a_first_count == before[pair.skill_a, pair.skill_b]
        assert pair.b_first_count == before[pair.skill_b, pair.skill_a]
    order = [
        (pair.adjusted_p_value >= 0.05, -pair.lift_low, -pair.co_occurrence_count)
        for pair in answer.dependencies
    ]
    assert order == sorted(order)


def _g_test(both: int, with_a: int, with_b: int, total: int) -> float:
    cells = np.array(
        [[both, with_a - both], [with_b - both, total - with_a - with_b + both]], np.float64
    )
    if not (cells.sum(axis=0).all() and cells.sum(axis=1).all()):
        return 1.0  # one of them is in every session
    result = chi2_contingency(cells, correction=False, lambda_="log-likelihood")
    return float(result.pvalue)


def sessions_of(together: float, seed: int = 1) -> list[dict[str, Any]]:
    """2,000 sessions with a in a third and b in a third, of which `together` follow a."""
    source = random.Random(seed)
    made = []
    for n in range(2_000):
        has_a = source.random() < 1 / 3
        has_b = source.random() < (together if has_a else (1 / 3 - together / 3) / (2 / 3))
        uses = ["a"] * has_a * 3 + ["b"] * has_b * 2 + ["c"]
        for step, skill in enumerate(uses):
            at = EPOCH + timedelta(minutes=n, seconds=step)
            made.append({"session_id": f"s{n}", "skill_name": skill, "invoked_at": at,
                         "outcome": "completed"})  # fmt: skip
    return made


async def test_design_8_2_lift_of_independent_skills_is_about_one(service: Service) -> None:
    """However often a skill is used in a session, the session counts once."""
    await record(service, sessions_of(1 / 3))
    request = checked(DependenciesRequest, skill_name="a", min_lift=0.0)
    found = {one.skill_b: one for one in (await _asked(service, request)).dependencies}
    assert 0.9 <= found["b"].lift_score <= 1.1
    assert found["b"].lift_low < 1 < found["b"].lift_high
    assert found["b"].relationship_type == "independent"
    # What is in every session says nothing of any other.
    assert found["c"].lift_score == 1
    assert found["c"].p_value == 1


async def test_sessions_joined_in_parts_give_the_answer_of_all_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sessions_of(0.9)
    await record(service, made)
    for request in (
        checked(DependenciesRequest, min_lift=0.0),
        checked(DependenciesRequest, min_lift=0.0, skill_name="b"),
        checked(DependenciesRequest, min_lift=0.0, session_id="s7"),
    ):
        at_once = await _asked(service, request)
        for rows in (len(made) // 2, len(made) // 7):
            monkeypatch.setattr(community_reports, "ROWS_AT_ONCE", rows)
            assert await _asked(service, request) == at_once
            monkeypatch.undo()


async def test_skills_that_belong_together_are_found(service: Service) -> None:
    await record(service, sessions_of(0.9))
    [found] = (await _asked(service, checked(DependenciesRequest, min_lift=1.5))).dependencies
    assert (found.skill_a, found.skill_b) == ("a", "b")
    assert found.relationship_type == "moderate"
    assert found.confidence_a_to_b.value == pytest.approx(0.9, abs=0.05)
    assert found.a_first_count == found.co_occurrence_count


async def test_chance_does_not_hide_what_belongs_together(service: Service) -> None:
    """Among rare skills many pairs meet once, with a lift of hundreds."""
    chance = random.Random(3)
    made = []
    for n in range(500):
        uses = {f"k{k}" for k in range(80) if chance.random() < 0.3 / (k + 1)}
        if chance.random() < 0.1:
            uses |= {"together", "again"}
        made += [{"session_id": f"s{n}", "skill_name": skill, "outcome": "completed"}
                 for skill in sorted(uses)]  # fmt: skip
    await record(service, made)
    found = (await _asked(service, checked(DependenciesRequest))).dependencies
    assert {found[0].skill_a, found[0].skill_b} == {"again", "together"}
    assert [one.relationship_type for one in found[1:5]] == ["independent"] * 4


async def test_an_empty_answer_says_why(service: Service) -> None:
    assert (await _asked(service, checked(DependenciesRequest))).reason == "no_history"
    await record(service, sessions_of(0.0)[:100])
    few = await _asked(service, checked(DependenciesRequest, min_lift=50.0))
    assert (few.dependencies, few.reason) == ([], "below_threshold")
    none = await _asked(service, checked(DependenciesRequest, skill_name="none"))
    assert (none.dependencies, none.reason) == ([], "no_such_skill")
    elsewhere = checked(DependenciesRequest, skill_name="a", project="none")
    assert (await _asked(service, elsewhere)).reason == "nothing_in_scope"
    one = await _asked(service, checked(DependenciesRequest, min_lift=0.0, limit=1))
    assert (len(one.dependencies), one.pairs_left_out) == (1, 1)


async def _asked(service: Service, request: DependenciesRequest) -> Any:
    return await service.analyses.community.dependencies(request)

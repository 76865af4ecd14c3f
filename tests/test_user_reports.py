"""Reports on users, against plain loops over the same invocations."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from session_buddy_skills.community import BaselinesRequest, CollaborativeRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import (
    DECIDED,
    Made,
    check_rate,
    generated_invocations,
    recorded,
    run_cases,
    seconds_of,
    wilson,
)
from tests.invocations import record

USERS = ["ann", "ben", "cleo", "dan"]


def test_baselines_and_suggestions_are_those_of_a_plain_loop(settings: Settings) -> None:
    run_cases(
        settings,
        _check,
        made=generated_invocations(),
        users=st.lists(st.sampled_from([*USERS, None]), min_size=40, max_size=40),
        user=st.sampled_from([None, "ann", "nobody"]),
    )


async def _check(
    service: Service, project: str, made: Made, users: list[str | None], user: str | None
) -> None:
    by_users = zip(made, users, strict=False)
    made = [one | ({"user": name} if name else {}) for one, name in by_users]
    made = await recorded(service, project, made)
    request = checked(BaselinesRequest, project=project, user_id=user)
    found = (await service.analyses.users.baselines(request)).baselines
    skills: dict[str, Made] = defaultdict(list)
    for one in made:
        skills[one["skill_name"]].append(one)
    names = sorted(skills, key=lambda name: (-len(skills[name]), name))
    assert [one.skill_name for one in found] == names
    lows = {name: wilson(*_decided(rows)).low for name, rows in skills.items() if _decided(rows)[1]}
    for baseline in found:
        rows = skills[baseline.skill_name]
        own = [one for one in rows if user is not None and one.get("user") == user]
        assert baseline.total_invocations == len(rows)
        assert baseline.total_users == len({one["user"] for one in rows if "user" in one})
        check_rate(baseline.global_completion_rate, *_decided(rows))
        seconds = seconds_of(rows)
        expected = pytest.approx(np.median(seconds)) if seconds else None
        assert baseline.typical_duration_seconds == expected
        phases = Counter(one["workflow_phase"] for one in rows if one["workflow_phase"])
        most = max(phases.values(), default=0)
        commonest = min((phase for phase, n in phases.items() if n == most), default=None)
        assert baseline.commonest_phase == commonest
        low = lows.get(baseline.skill_name)
        if low is None:
            assert baseline.effectiveness_percentile is None
        else:
            others = [other for name, other in lows.items() if name != baseline.skill_name]
            beaten = sum(other < low - 1e-12 for other in others)
            equal = sum(abs(other - low) <= 1e-12 for other in others)
            percentile = 100 * (beaten + equal / 2) / max(1, len(others))
            assert baseline.effectiveness_percentile == pytest.approx(percentile)
        assert baseline.user_invocations == (len(own) if user else None)
        check_rate(baseline.user_completion_rate, *_decided(own))
        _check_difference(baseline.difference, _decided(own), _decided(rows))
    await _check_suggestions(service, project, made, user or "ben")


def _check_difference(found: Any, own: tuple[int, int], whole: tuple[int, int]) -> None:
    k, n = own
    others, others_n = whole[0] - k, whole[1] - n
    if not n or not others_n:
        assert found is None
        return
    assert (found.n, found.others_n) == (n, others_n)
    assert found.value == pytest.approx(k / n - others / others_n)
    expected = confint_proportions_2indep(k, n, others, others_n, method="newcomb")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


async def _check_suggestions(service: Service, project: str, made: Made, user: str) -> None:
    request = checked(CollaborativeRequest, project=project, user_id=user)
    found = (await service.analyses.users.collaborative(request)).recommendations
    counts: dict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    for name in USERS:
        for skill in ("lint", "test", "deploy"):
            rows = [one for one in made if one.get("user") == name and one["skill_name"] == skill]
            if _decided(rows)[1]:
                counts[name][skill] = _decided(rows)
    success = {
        name: {skill: wilson(*counted).low for skill, counted in own.items()}
        for name, own in counts.items()
    }
    likeness = {
        name: _cosine(success.get(user, {}), own) for name, own in success.items() if name != user
    }
    near = {name: like for name, like in likeness.items() if like > 0}
    unknown = {"lint", "test", "deploy"} - set(counts.get(user, {}))
    for one in found:
        assert one.skill_name in unknown
        having = [name for name in near if one.skill_name in counts[name]]
        weight = sum(near[name] for name in having)
        score = sum(near[name] * success[name][one.skill_name] for name in having)
        if one.source == "collaborative":
            assert one.score == pytest.approx(score / weight)
            assert one.neighbours == len(having)
            behind = having
        else:
            assert score == 0
            assert one.neighbours == 0
            behind = [name for name in counts if one.skill_name in counts[name]]
            decided = [counts[name][one.skill_name] for name in behind]
            low = wilson(sum(k for k, _ in decided), sum(n for _, n in decided)).low
            assert one.score == pytest.approx(low * len(behind) / len(counts))
        completed = sum(counts[name][one.skill_name][0] for name in behind)
        check_rate(
            one.completion_rate, completed, sum(counts[n][one.skill_name][1] for n in behind)
        )
    sources = [one.source for one in found]
    assert sources == sorted(sources)
    for source in set(sources):
        scores = [one.score for one in found if one.source == source]
        assert scores == sorted(scores, reverse=True)


def _decided(rows: Made) -> tuple[int, int]:
    ends = Counter(one["outcome"] for one in rows)
    return ends["completed"], sum(ends[end] for end in DECIDED)


def _cosine(a: dict[str, float], b: dict[str, float]) -> float:
    lengths = [sum(value**2 for value in one.values()) ** 0.5 for one in (a, b)]
    product = sum(value * b.get(skill, 0) for skill, value in a.items())
    return product / (lengths[0] * lengths[1]) if all(lengths) else 0.0


async def test_like_users_come_before_what_is_popular(service: Service) -> None:
    def uses(user: str, skill: str, n: int, outcome: str = "completed") -> Made:
        use = {"session_id": user, "user": user, "skill_name": skill, "outcome": outcome}
        return [use] * n

    made = [*uses("ann", "lint", 20), *uses("ben", "lint", 20), *uses("ben", "types", 10)]
    for n in range(8):
        made += uses(f"u{n}", "deploy", 30)
    await record(service, made)
    request = checked(CollaborativeRequest, user_id="ann")
    found = (await service.analyses.users.collaborative(request)).recommendations
    assert [(one.skill_name, one.source, one.neighbours) for one in found] == [
        ("types", "collaborative", 1),
        ("deploy", "popularity", 0),
    ]
    stranger = checked(CollaborativeRequest, user_id="new")
    popular = (await service.analyses.users.collaborative(stranger)).recommendations
    assert {one.source for one in popular} == {"popularity"}
    assert popular[0].skill_name == "deploy"


async def test_an_empty_answer_says_why(service: Service) -> None:
    users = service.analyses.users
    ask, suggest = checked(BaselinesRequest), checked(CollaborativeRequest, user_id="ann")
    assert (await users.baselines(ask)).reason == "no_history"
    assert (await users.collaborative(suggest)).reason == "no_history"
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    await record(service, [use])
    assert (await users.collaborative(suggest)).reason == "nothing_in_scope"
    await record(service, [use | {"user": "ann"}])
    assert (await users.collaborative(suggest)).reason == "below_threshold"
    none = checked(BaselinesRequest, skill_name="none")
    assert (await users.baselines(none)).reason == "no_such_skill"
    elsewhere = checked(BaselinesRequest, project="none")
    assert (await users.baselines(elsewhere)).reason == "nothing_in_scope"

"""Metrics and summaries against a loop over the same invocations."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from scipy.stats import binomtest, scoreatpercentile

from session_buddy_skills.results import SkillMetrics
from session_buddy_skills.service import Service
from tests.invocations import ENDED, invocations, record


def expected_counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    counted = Counter(row.get("outcome", "pending") for row in rows)
    return {"total_invocations": len(rows)} | {
        f"{name}_invocations": counted[name] for name in [*ENDED, "pending"]
    }


def tally(values: list[Any]) -> dict[str, int]:
    return dict(Counter(value for value in values if value is not None))


@pytest.mark.parametrize("skill", ["lint", "test", "deploy.now"])
async def test_metrics_are_those_of_a_plain_loop(service: Service, skill: str) -> None:
    made = invocations()
    await record(service, made)
    [metrics] = (await service.skill_metrics(skill)).skills
    rows = [row for row in made if row["skill_name"] == skill]
    counts = expected_counts(rows)
    assert {name: getattr(metrics, name) for name in counts} == counts
    assert metrics.workflow_paths == tally([row["workflow_path"] for row in rows])
    assert metrics.workflow_phases == tally([row["workflow_phase"] for row in rows])
    assert metrics.common_errors == tally([row.get("error_type") for row in rows])
    actions = [action for row in rows for action in row.get("follow_up_actions", [])]
    assert metrics.follow_up_actions == tally(actions)
    assert metrics.first_invoked == min(row["invoked_at"] for row in rows)
    assert metrics.last_invoked == max(row["invoked_at"] for row in rows)
    check_rates_and_durations(metrics, rows)


def check_rates_and_durations(metrics: SkillMetrics, rows: list[dict[str, Any]]) -> None:
    decided = [row for row in rows if row.get("outcome") in {"completed", "failed", "abandoned"}]
    done = sum(row["outcome"] == "completed" for row in decided)
    interval = binomtest(done, len(decided)).proportion_ci(0.95, method="wilson")
    rate = metrics.completion_rate
    assert rate is not None
    assert rate.n == len(decided)
    assert rate.value == pytest.approx(done / len(decided))
    assert (rate.low, rate.high) == pytest.approx((interval.low, interval.high))
    first = [row for row in decided if row["selection_rank"] == 1]
    assert metrics.first_rank_success is not None
    assert metrics.first_rank_success.n == len(first)
    assert metrics.first_rank_success.value == pytest.approx(
        sum(row["outcome"] == "completed" for row in first) / len(first)
    )
    ranks = [row["selection_rank"] for row in rows if row["selection_rank"]]
    assert metrics.avg_selection_rank == pytest.approx(sum(ranks) / len(ranks))
    timed = [row["duration_seconds"] for row in rows if row.get("duration_seconds") is not None]
    assert metrics.duration is not None
    assert metrics.duration.n == len(timed)
    assert metrics.duration.mean_seconds == pytest.approx(sum(timed) / len(timed))
    assert metrics.duration.p50_seconds == pytest.approx(scoreatpercentile(timed, 50))
    assert metrics.duration.p95_seconds == pytest.approx(scoreatpercentile(timed, 95))


async def test_a_session_is_summed_up_as_by_a_plain_loop(service: Service) -> None:
    made = invocations()
    await record(service, made)
    summary = await service.session_summary("s3")
    rows = [row for row in made if row["session_id"] == "s3"]
    counts = expected_counts(rows)
    assert {name: getattr(summary, name) for name in counts} == counts
    skills = Counter(row["skill_name"] for row in rows)
    assert summary.skills_by_count == dict(skills)
    assert list(summary.skills_by_count.values()) == sorted(skills.values(), reverse=True)
    assert summary.total_skills_used == len(skills)
    assert summary.total_duration_seconds == pytest.approx(
        sum(row.get("duration_seconds") or 0 for row in rows)
    )
    assert summary.first_invoked == min(row["invoked_at"] for row in rows)
    assert summary.last_invoked == max(row["invoked_at"] for row in rows)


async def test_skills_come_most_used_first(service: Service) -> None:
    await record(service, invocations())
    totals = [skill.total_invocations for skill in (await service.skill_metrics()).skills]
    assert totals == sorted(totals, reverse=True)
    assert len(totals) == 3


async def test_a_rate_of_nothing_decided_is_null_not_zero(service: Service) -> None:
    await record(
        service,
        [{"session_id": "s", "skill_name": "k"}, {"session_id": "s", "skill_name": "k",
          "outcome": "unknown"}],
    )  # fmt: skip
    [metrics] = (await service.skill_metrics("k")).skills
    assert metrics.completion_rate is None
    assert metrics.first_rank_success is None
    assert metrics.duration is None
    assert metrics.avg_selection_rank is None


async def test_an_empty_answer_says_why(service: Service) -> None:
    assert (await service.skill_metrics()).reason == "no_history"
    assert (await service.skill_metrics("k")).reason == "no_such_skill"
    assert (await service.session_summary("s")).reason == "no_such_session"


async def test_an_event_that_comes_late_does_not_move_the_last_use(service: Service) -> None:
    for at in ("2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"):
        await record(service, [{"session_id": "s", "skill_name": "k", "invoked_at": at}])
    [metrics] = (await service.skill_metrics("k")).skills
    assert metrics.last_invoked == datetime(2026, 3, 1, tzinfo=UTC)

"""Reports on phases against plain loops over the same invocations."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import numpy as np
import pytest
from fastmcp import Client
from fastmcp.client.transports import FastMCPTransport
from hypothesis import strategies as st

from session_buddy_skills.requests import checked
from session_buddy_skills.results import Rate
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from session_buddy_skills.workflow import (
    BottleneckRequest,
    EffectivenessRequest,
    HeatmapMetric,
    HeatmapRequest,
    OutcomesAndDurations,
    ReportRequest,
    ScopedRequest,
    SelfLoop,
    Transition,
    TransitionsRequest,
)
from session_buddy_skills.workflow_reports import scope
from tests.generated import (
    DECIDED,
    EPOCH,
    Made,
    check_rate,
    generated_invocations,
    recorded,
    run_cases,
    seconds_of,
    wilson,
)
from tests.invocations import record


def test_reports_are_those_of_a_plain_loop(settings: Settings) -> None:
    run_cases(
        settings,
        _check,
        made=generated_invocations(),
        fewest=st.integers(1, 3),
        least=st.sampled_from([0.0, 0.3]),
        session=st.sampled_from([None, "s0"]),
        hours=st.tuples(st.integers(0, 8), st.integers(9, 17)) | st.none(),
    )


async def _check(
    service: Service,
    project: str,
    made: Made,
    fewest: int,
    least: float,
    session: str | None,
    hours: tuple[int, int] | None,
) -> None:
    since, until = [EPOCH + timedelta(hours=n) for n in hours] if hours else [None, None]
    where = {"project": project, "session_id": session, "since": since, "until": until}
    chosen = [
        one
        for one in await recorded(service, project, made)
        if session in (None, one["session_id"])
        and (since is None or until is None or since <= one["invoked_at"] < until)
    ]
    request = checked(EffectivenessRequest, min_invocations=fewest, **where)
    answer = await service.analyses.workflow.effectiveness(request)
    groups: dict[tuple[str, str | None], Made] = defaultdict(list)
    for one in chosen:
        groups[one["skill_name"], one["workflow_phase"]].append(one)
    expected = {key: rows for key, rows in groups.items() if len(rows) >= fewest}
    assert {(one.skill_name, one.workflow_phase) for one in answer.skills} == set(expected)
    for found in answer.skills:
        _check_counts(found, expected[found.skill_name, found.workflow_phase])
    lows = [one.completion_rate.low if one.completion_rate else -1 for one in answer.skills]
    assert lows == sorted(lows, reverse=True)
    few = checked(EffectivenessRequest, min_invocations=fewest, limit=2, **where)
    surest = await service.analyses.workflow.effectiveness(few)
    assert surest.skills == answer.skills[:2]
    assert (answer.left_out, surest.left_out) == (0, max(0, len(expected) - 2))
    await _check_bottlenecks(service, chosen, where, least)
    await _check_transitions(service, chosen, where)
    await _check_heatmap(service, chosen, where)
    await _check_report(service, where)


async def _check_bottlenecks(
    service: Service, chosen: Made, where: dict[str, Any], least: float
) -> None:
    request = checked(BottleneckRequest, min_abandonment_rate=least, **where)
    answer = await service.analyses.workflow.bottlenecks(request)
    phases: dict[str, Made] = defaultdict(list)
    for one in chosen:
        if one["workflow_phase"]:
            phases[one["workflow_phase"]].append(one)
    seconds = {phase: seconds_of(rows) for phase, rows in phases.items()}
    total, timed = sum(map(sum, seconds.values())), sum(map(len, seconds.values()))
    expected = {}
    for phase, rows in phases.items():
        ends = Counter(one["outcome"] for one in rows)
        decided = sum(ends[end] for end in DECIDED)
        if (ends["abandoned"] / decided if decided else 0) >= least:
            lost = ends["failed"] + ends["abandoned"]
            time = sum(seconds[phase]) / total if total else 0
            runs = len(seconds[phase]) / timed if timed else 0
            slow = max(0, time - runs) / (1 - runs) if runs < 1 else 0
            slow = slow if len(seconds[phase]) >= 5 else 0
            loss = wilson(lost, decided).low if decided else 0
            expected[phase] = (time, 1 - (1 - loss) * (1 - slow), ends["abandoned"], lost, decided)
    assert {one.workflow_phase for one in answer.bottlenecks} == set(expected)
    for found in answer.bottlenecks:
        _check_counts(found, phases[found.workflow_phase])
        time, score, abandoned, lost, decided = expected[found.workflow_phase]
        assert (found.time_share, found.bottleneck_score) == pytest.approx((time, score), abs=1e-9)
        assert found.severity == ("high" if found.bottleneck_score >= 0.5 else
                                  "medium" if found.bottleneck_score >= 0.2 else "low")  # fmt: skip
        check_rate(found.abandonment_rate, abandoned, decided)
        check_rate(found.loss_rate, lost, decided)
    scores = [one.bottleneck_score for one in answer.bottlenecks]
    assert scores == sorted(scores, reverse=True)


async def _check_transitions(service: Service, chosen: Made, where: dict[str, Any]) -> None:
    answer = await service.analyses.workflow.transitions(checked(TransitionsRequest, **where))
    sessions: dict[str, Made] = defaultdict(list)
    for one in sorted(chosen, key=lambda one: (one["invoked_at"], one["invocation_id"].int)):
        if one["workflow_phase"]:
            sessions[one["session_id"]].append(one)
    gaps: dict[tuple[str, str], list[float]] = defaultdict(list)
    arrivals: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for rows in sessions.values():
        for before, after in itertools.pairwise(rows):
            pair = before["workflow_phase"], after["workflow_phase"]
            gaps[pair].append((after["invoked_at"] - before["invoked_at"]).total_seconds())
            arrivals[pair][after["skill_name"]] += 1

    def check(found: Transition | SelfLoop, pair: tuple[str, str], others: int) -> None:
        assert found.invocation_count == len(gaps[pair])
        assert found.median_gap_seconds == pytest.approx(np.median(gaps[pair]))
        assert found.avg_transition_duration == pytest.approx(np.mean(gaps[pair]))
        most = max(arrivals[pair].values())
        first = min(name for name, count in arrivals[pair].items() if count == most)
        assert (found.most_common_skill, found.most_common_skill_count) == (first, most)
        check_rate(found.probability, len(gaps[pair]), others)

    leaving = {(here, there) for here, there in gaps if here != there}
    assert {(one.from_phase, one.to_phase) for one in answer.transitions} == leaving
    assert {one.workflow_phase for one in answer.self_loops} == {
        here for here, there in gaps if here == there
    }
    for step in answer.transitions:
        others = sum(len(gaps[pair]) for pair in leaving if pair[0] == step.from_phase)
        check(step, (step.from_phase, step.to_phase), others)
    for loop in answer.self_loops:
        here = loop.workflow_phase
        check(loop, (here, here), sum(len(gaps[pair]) for pair in gaps if pair[0] == here))
    counts = [one.invocation_count for one in answer.transitions]
    assert counts == sorted(counts, reverse=True)


async def _check_heatmap(service: Service, chosen: Made, where: dict[str, Any]) -> None:
    phased = [one for one in chosen if one["workflow_phase"]]
    groups: dict[tuple[str, str], Made] = defaultdict(list)
    for one in phased:
        groups[one["skill_name"], one["workflow_phase"]].append(one)
    for metric in get_args(HeatmapMetric):
        request = checked(HeatmapRequest, metric=metric, limit=2, **where)
        answer = await service.analyses.workflow.heatmap(request)
        uses = Counter(one["skill_name"] for one in phased)
        shown = sorted(uses, key=lambda name: (-uses[name], name))
        assert (answer.skills, answer.skills_left_out) == (shown[:2], max(0, len(shown) - 2))
        cells = {(one.skill_name, one.workflow_phase): one for one in answer.cells}
        assert set(cells) == {key for key in groups if key[0] in shown[:2]}
        assert set(answer.phases) == {phase for _, phase in cells}
        for key, cell in cells.items():
            rows, seconds = groups[key], seconds_of(groups[key])
            ends = Counter(one["outcome"] for one in rows)
            decided = sum(ends[end] for end in DECIDED)
            n = {"count": len(rows), "completion_rate": decided, "duration": len(seconds)}[metric]
            value = {
                "count": len(rows),
                "completion_rate": ends["completed"] / decided if decided else None,
                "duration": np.median(seconds) if seconds else None,
            }[metric]
            assert cell.n == n
            assert cell.value == pytest.approx(value)
            if metric == "completion_rate" and decided:
                interval = wilson(ends["completed"], decided)
                assert (cell.low, cell.high) == pytest.approx((interval.low, interval.high))
        for name in (*answer.skills, *answer.phases):
            assert name in answer.text


async def _check_report(service: Service, where: dict[str, Any]) -> None:
    """The report is made of the other answers, and of the surest skill among them per phase."""
    answer = await service.analyses.workflow.report(checked(ReportRequest, format="json", **where))
    skills = (
        await service.analyses.workflow.effectiveness(checked(EffectivenessRequest, **where))
    ).skills
    phases = await service.analyses.workflow.bottlenecks(checked(BottleneckRequest, **where))
    steps = await service.analyses.workflow.transitions(checked(TransitionsRequest, **where))
    markdown = (await service.analyses.workflow.report(checked(ReportRequest, **where))).markdown
    if not phases.bottlenecks:
        assert answer.reason is not None
        assert (answer.findings, markdown) == (None, None)
        return
    assert answer.findings is not None
    assert markdown is not None
    assert answer.findings.bottlenecks == phases.bottlenecks
    assert answer.findings.transitions == steps.transitions
    assert answer.findings.self_loops == steps.self_loops
    best: dict[str, tuple[str, Rate]] = {}
    for one in skills:
        if one.workflow_phase and one.completion_rate and one.completed_count:
            best.setdefault(one.workflow_phase, (one.skill_name, one.completion_rate))
    found = {one.workflow_phase: one for one in answer.findings.best_skills}
    assert {phase: (one.skill_name, one.completion_rate) for phase, one in found.items()} == best
    for phase in phases.bottlenecks:
        assert f"| {phase.workflow_phase} " in markdown


def _check_counts(found: OutcomesAndDurations, rows: Made) -> None:
    ends = Counter(one["outcome"] for one in rows)
    assert found.total_invocations == len(rows)
    for end in (*DECIDED, "pending", "unknown"):
        assert getattr(found, f"{end}_count") == ends[end]
    check_rate(found.completion_rate, ends["completed"], sum(ends[end] for end in DECIDED))
    seconds = seconds_of(rows)
    if not seconds:
        assert (found.duration, found.avg_duration_seconds) == (None, None)
        return
    assert found.duration is not None
    assert found.duration.n == len(seconds)
    assert found.avg_duration_seconds == pytest.approx(np.mean(seconds), rel=1e-9)
    quantiles = np.quantile(seconds, [0.5, 0.95])
    assert [found.duration.p50_seconds, found.duration.p95_seconds] == pytest.approx(
        quantiles.tolist(), rel=1e-9
    )


async def test_an_empty_report_says_why(service: Service) -> None:
    async def reasons(**fields: Any) -> list[str | None]:
        skills = await service.analyses.workflow.effectiveness(
            checked(EffectivenessRequest, **fields)
        )
        phases = await service.analyses.workflow.bottlenecks(checked(BottleneckRequest, **fields))
        steps = await service.analyses.workflow.transitions(checked(TransitionsRequest, **fields))
        heatmap = await service.analyses.workflow.heatmap(checked(HeatmapRequest, **fields))
        report = await service.analyses.workflow.report(checked(ReportRequest, **fields))
        return [skills.reason, phases.reason, steps.reason, heatmap.reason, report.reason]

    assert await reasons() == ["no_history"] * 5
    use = {"session_id": "s", "skill_name": "k", "outcome": "completed"}
    await record(service, [use | {"workflow_phase": "tests"}])
    assert await reasons() == [None, None, "nothing_in_scope", None, None]
    assert await reasons(project="none") == ["nothing_in_scope"] * 5
    few = checked(EffectivenessRequest, min_invocations=2)
    assert (await service.analyses.workflow.effectiveness(few)).reason == "below_threshold"
    lost = checked(BottleneckRequest, min_abandonment_rate=0.5)
    assert (await service.analyses.workflow.bottlenecks(lost)).reason == "below_threshold"


async def test_a_phase_that_is_slow_and_one_that_loses_work_hold_it_back(service: Service) -> None:
    made = []
    for n in range(60):
        for phase, seconds in (("tests", 90), ("hooks", 3), ("commit", 2)):
            outcome = "abandoned" if phase == "hooks" and n % 10 else "completed"
            made.append({"session_id": f"s{n}", "skill_name": "k", "workflow_phase": phase,
                         "outcome": outcome, "duration_seconds": float(seconds)})  # fmt: skip
    await record(service, made)
    found = (await service.analyses.workflow.bottlenecks(checked(BottleneckRequest))).bottlenecks
    assert [one.workflow_phase for one in found] == ["tests", "hooks", "commit"]
    assert [one.severity for one in found] == ["high", "high", "low"]


def test_days_are_counted_back_from_this_moment() -> None:
    before = datetime.now(UTC)
    found = scope(checked(ScopedRequest, days=2.0))
    assert before <= found["since"] + timedelta(days=2) <= datetime.now(UTC)
    assert found["until"] is None


async def test_design_8_3_a_change_of_phase_is_one_transition_whatever_the_skills(
    service: Service,
) -> None:
    """The most common skill is that of all arrivals over the pair of phases."""
    made = []
    for n, (before, after) in enumerate([("a", "x"), ("b", "x"), ("c", "x"), ("a", "y")]):
        for step, (phase, skill) in enumerate((("hooks", before), ("tests", after))):
            at = EPOCH + timedelta(minutes=n, seconds=10 * step)
            made.append({"session_id": f"s{n}", "skill_name": skill, "workflow_phase": phase,
                         "invoked_at": at, "outcome": "completed"})  # fmt: skip
    await record(service, made)
    [found] = (await service.analyses.workflow.transitions(checked(TransitionsRequest))).transitions
    assert (found.from_phase, found.to_phase, found.invocation_count) == ("hooks", "tests", 4)
    assert (found.most_common_skill, found.most_common_skill_count) == ("x", 3)
    assert (found.probability.value, found.probability.n) == (1, 4)
    assert found.median_gap_seconds == 10


async def test_design_8_6_what_runs_or_is_unknown_is_no_failure(service: Service) -> None:
    use = {"session_id": "s", "skill_name": "k", "workflow_phase": "tests"}
    ends = ["completed"] * 3 + ["failed"] + ["unknown"] * 4
    await record(service, [*(use | {"outcome": end} for end in ends), *[use] * 5])
    [skill] = (await service.analyses.workflow.effectiveness(checked(EffectivenessRequest))).skills
    assert skill.completion_rate is not None
    assert (skill.completion_rate.value, skill.completion_rate.n) == (0.75, 4)
    [phase] = (await service.analyses.workflow.bottlenecks(checked(BottleneckRequest))).bottlenecks
    assert phase.loss_rate is not None
    assert (phase.loss_rate.value, phase.loss_rate.n) == (0.25, 4)
    assert (phase.pending_count, phase.unknown_count) == (5, 4)


async def test_design_8_13_unknown_durations_do_not_dilute_the_mean(service: Service) -> None:
    use = {"session_id": "s", "skill_name": "k", "workflow_phase": "tests", "outcome": "completed"}
    await record(service, [*[use | {"duration_seconds": 8.0}] * 2, *[use] * 6])
    [skill] = (await service.analyses.workflow.effectiveness(checked(EffectivenessRequest))).skills
    assert skill.avg_duration_seconds == 8
    assert skill.duration is not None
    assert skill.duration.n == 2


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("workflow_report", {"format": None, "days": None}),
        ("phase_heatmap", {"metric": None, "limit": None}),
        ("detect_anomalies", {"threshold": None, "time_window_hours": None}),
        ("get_skill_trend", {"skill_name": "k", "metric": None, "days": None}),
        ("hourly_metrics", {"hours": None}),
        ("get_real_time_metrics", {"limit": None, "window_hours": None}),
        ("get_skill_dependencies", {"min_lift": None, "limit": None}),
    ],
)
async def test_null_stands_for_what_is_not_stated(
    client: Client[FastMCPTransport], tool: str, arguments: dict[str, Any]
) -> None:
    plain = {name: value for name, value in arguments.items() if value is not None}
    expected = (await client.call_tool(tool, plain)).structured_content or {}
    found = (await client.call_tool(tool, arguments)).structured_content or {}
    # The beginning of a window that ends now moves on.
    assert found | {"since": None} == expected | {"since": None}

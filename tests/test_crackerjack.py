"""What the client inside crackerjack does, as it is: bare POSTs, nulls, plain HTTP."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from session_buddy_skills.activity import SkillHealthRequest
from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.git_metrics import GitMetricsRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.workflow import ReportRequest
from tests.conftest import ServerProcess
from tests.invocations import record

METRICS = {
    "commit_velocity": 2.5,
    "branch_count": 4,
    "merge_success_rate": 0.75,
    "conventional_compliance": None,
    "workflow_efficiency": 61.0,
}
DONE = {"skill_name": "k", "workflow_phase": "tests", "completed": True}
NOTHING = dict.fromkeys(METRICS)


def git(session_id: str, **metrics: Any) -> GitMetricsRequest:
    return checked(GitMetricsRequest, session_id=session_id, metrics=metrics)


async def test_git_metrics_are_told_with_the_session_and_the_report(service: Service) -> None:
    await record(service, [DONE | {"session_id": "a", "project": "p"}])
    await record(service, [DONE | {"session_id": "b", "project": "q"}])
    for request in (git("a", branch_count=9), git("a", **METRICS), git("b", branch_count=1)):
        assert (await service.record_git_metrics(request)).reason is None
    summary = await service.session_summary("a")
    assert summary.git is not None
    assert summary.git.model_dump(exclude={"recorded_at"}) == METRICS
    assert (await service.session_summary("b")).total_invocations == 1

    report = service.analyses.workflow.report
    found = (await report(checked(ReportRequest, format="json"))).findings
    assert found is not None
    assert found.git is not None
    assert (found.git.sessions, found.git.branch_count) == (2, 2.5)
    assert (found.git.merge_success_rate, found.git.conventional_compliance) == (0.75, None)
    of_one = (await report(checked(ReportRequest, format="json", project="q"))).findings
    assert of_one is not None
    assert of_one.git is not None
    assert (of_one.git.sessions, of_one.git.branch_count) == (1, 1)
    text = (await report(checked(ReportRequest))).markdown or ""
    assert "Means over 2 sessions that told of it" in text
    assert "| merges without conflicts       | 75 % |" in text
    assert "| commits in conventional form   |    - |" in text


async def test_git_metrics_alone_are_reported(service: Service) -> None:
    report = service.analyses.workflow.report
    assert (await report(checked(ReportRequest))).reason == "no_history"
    await service.record_git_metrics(git("a", **METRICS))
    await record(service, [{"session_id": "a", "skill_name": "k", "completed": True}])
    text = (await report(checked(ReportRequest))).markdown or ""
    nothing = "No use of a skill in a workflow phase is recorded here."
    assert text.startswith(f"# Workflow report\n\n{nothing}\n\n## Work")
    assert "Means over one session that told of it" in text


async def test_git_metrics_without_a_value_are_not_kept(service: Service) -> None:
    await record(service, [DONE | {"session_id": "a"}])
    assert (await service.record_git_metrics(git("a", **NOTHING))).reason == "nothing_measured"
    assert (await service.session_summary("a")).git is None
    found = (await service.analyses.workflow.report(checked(ReportRequest))).markdown or ""
    assert "Work with git" not in found


async def test_git_metrics_sent_twice_count_once(service: Service) -> None:
    first = git("only git", branch_count=1).model_copy(
        update={"metrics_id": "0199a0a0-0000-7000-8000-000000000001"}
    )
    for _ in range(2):
        await service.record_git_metrics(first)
    summary = await service.session_summary("only git")
    assert (summary.reason, summary.total_invocations) == (None, 0)
    assert summary.git is not None
    assert summary.git.branch_count == 1


async def test_skills_are_fresh_stale_or_unused(service: Service) -> None:
    now = datetime.now(UTC)
    for name, days in (("old", 200), ("old", 100), ("edge", 90), ("new", 1)):
        at = now - timedelta(days=days)
        await record(service, [{"session_id": "s", "skill_name": name, "invoked_at": at}])
    described = [{"name": "never", "description": "x"}, {"name": "new", "description": "y"}]
    await service.register_skills(checked(RegisterRequest, skills=described))
    health = service.analyses.activity.skill_health
    found = (await health(checked(SkillHealthRequest), now)).root
    assert [(one.skill_name, one.status, one.total_invocations) for one in found] == [
        ("never", "unused", 0),
        ("old", "stale", 2),
        ("edge", "stale", 1),
        ("new", "fresh", 1),
    ]
    assert [one.days_since_use for one in found] == [None, 100, 90, 1]
    sooner = (await health(checked(SkillHealthRequest, threshold_days=1), now)).root
    assert [one.status for one in sooner] == ["unused", "stale", "stale", "stale"]


def test_the_bare_post_of_its_skills_health_is_answered(shared_server: ServerProcess) -> None:
    """No initialize, no headers of MCP, plain JSON, and a list in the first text."""
    unknown = {"user_query": None, "selection_rank": None, "workflow_phase": None}
    named = {"session_id": "s", "skill_name": "health of this", "alternatives_considered": []}
    call = {"name": "distilled_skill_health", "arguments": {"threshold_days": 90}}
    with httpx2.Client(base_url=shared_server.url, timeout=30) as client:
        assert client.post("/tools/track_invocation", json=named | unknown).status_code == 200
        answer = client.post(
            "/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        )
        plain = client.post("/tools/distilled_skill_health", json={"threshold_days": 90})
    assert answer.status_code == 200
    rows = json.loads(answer.json()["result"]["content"][0]["text"])
    [row] = [row for row in rows if row["skill_name"] == "health of this"]
    assert row["status"] == "fresh"
    assert answer.json()["result"]["structuredContent"]["result"] == rows
    assert [one["skill_name"] for one in plain.json()] == [one["skill_name"] for one in rows]


@pytest.mark.parametrize("metrics", [METRICS, NOTHING])
def test_its_git_metrics_are_taken_over_both(shared_server: ServerProcess, metrics: Any) -> None:
    sent = {"session_id": f"git {bool(metrics['branch_count'])}", "metrics": metrics}
    with httpx2.Client(base_url=shared_server.url, timeout=30) as client:
        answer = client.post("/tools/record_git_metrics", json=sent)
        assert answer.status_code == 200
        call = {"name": "record_git_metrics", "arguments": sent}
        bare = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        assert client.post("/mcp", json=bare).json()["result"].get("isError", False) is False
        summary = client.post(
            "/tools/session_summary", json={"session_id": sent["session_id"]}
        ).json()
    measured = metrics["branch_count"] is not None
    assert answer.json()["reason"] == (None if measured else "nothing_measured")
    assert (summary["git"] or {}).get("branch_count") == metrics["branch_count"]

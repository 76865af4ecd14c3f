"""Tools that crackerjack's clients call beside those that everyone does."""

from __future__ import annotations

from session_buddy_skills.activity import SkillHealth, SkillHealthRequest
from session_buddy_skills.git_metrics import GitMetricsReceipt, GitMetricsRequest
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool


async def _skill_health(service: Service, request: SkillHealthRequest) -> SkillHealth:
    return await service.analyses.activity.skill_health(request)


CRACKERJACK_TOOLS = (
    service_tool(
        "record_git_metrics",
        "Record how a session's work with git went: commits per hour, branches, merges, form of "
        "commits, efficiency. session_summary and workflow_report tell of it.",
        GitMetricsRequest,
        GitMetricsReceipt,
        Service.record_git_metrics,
        read_only=False,
    ),
    service_tool(
        "distilled_skill_health",
        "Which skills are no longer used: each known skill as fresh, stale or unused, with its "
        "last use. A plain list.",
        SkillHealthRequest,
        SkillHealth,
        _skill_health,
        read_only=True,
    ),
)

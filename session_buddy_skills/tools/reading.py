"""Tools that answer from what is recorded."""

from __future__ import annotations

from pathlib import Path

from session_buddy_skills.questions import (
    ExportRequest,
    HealthRequest,
    SessionRequest,
    SkillMetricsRequest,
)
from session_buddy_skills.results import Export, Health, SessionSummary, SkillMetricsAnswer
from session_buddy_skills.service import Service
from session_buddy_skills.tools.service_tool import service_tool


async def _session_summary(service: Service, request: SessionRequest) -> SessionSummary:
    return await service.session_summary(request.session_id)


async def _skill_metrics(service: Service, request: SkillMetricsRequest) -> SkillMetricsAnswer:
    return await service.skill_metrics(request.skill_name)


async def _export_metrics(service: Service, request: ExportRequest) -> Export:
    return await service.export_metrics(Path(request.path))


async def _health_check(service: Service, _request: HealthRequest) -> Health:
    return await service.health_check()


READING_TOOLS = (
    service_tool(
        "session_summary",
        "What one session did: invocations by outcome and by skill, total duration, first and "
        "last time.",
        SessionRequest,
        SessionSummary,
        _session_summary,
        read_only=True,
    ),
    service_tool(
        "skill_metrics",
        "How one skill or each skill does: counts by outcome, completion rate with its 95 % "
        "interval, durations, paths, phases, errors, follow-up actions, selection rank.",
        SkillMetricsRequest,
        SkillMetricsAnswer,
        _skill_metrics,
        read_only=True,
    ),
    service_tool(
        "health_check",
        "Whether the server can read its database, what it holds, and how the writer keeps up.",
        HealthRequest,
        Health,
        _health_check,
        read_only=True,
    ),
    service_tool(
        "export_metrics",
        "Write everything recorded to a JSON file: summary, skills, invocations, last_updated. "
        "A file of that name is replaced.",
        ExportRequest,
        Export,
        _export_metrics,
        read_only=False,
        destructive=True,
        takes_long=True,
    ),
)

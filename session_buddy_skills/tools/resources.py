"""What can be read without a tool, and a prompt to go through it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from typing import Annotated, TypeVar

from fastmcp.exceptions import ResourceError
from fastmcp.prompts import Prompt
from fastmcp.resources import Resource, ResourceContent, ResourceResult, ResourceTemplate
from fastmcp.server.dependencies import get_context
from pydantic import BaseModel, Field

from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.questions import SessionRequest, SkillMetricsRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.workflow import ReportRequest

logger = logging.getLogger(__name__)
T = TypeVar("T")

MARKDOWN = "text/markdown"
JSON = "application/json"
NO_REPORT = "# Workflow report\n\nNo invocation with a workflow phase is recorded yet.\n"


def _service() -> Service:
    service: Service = get_context().lifespan_context["service"]
    return service


async def _told(work: Awaitable[T]) -> T:
    """What the work answers; its error as one that the client may read."""
    try:
        return await work
    except SkillsError as error:
        level = logging.INFO if isinstance(error, InputError) else logging.ERROR
        logger.log(level, "a resource was refused: %s", error)
        raise ResourceError(str(error)) from error


async def _report() -> ResourceResult:
    answer = await _told(_service().analyses.workflow.report(checked(ReportRequest)))
    return ResourceResult([ResourceContent(answer.markdown or NO_REPORT, mime_type=MARKDOWN)])


async def _metrics(skill: str) -> ResourceResult:
    async def work() -> BaseModel:
        name = checked(SkillMetricsRequest, skill_name=skill).skill_name
        answer = await _service().skill_metrics(name)
        if not answer.skills:
            raise InputError(f'no use of the skill "{skill}" is recorded.')
        return answer.skills[0]

    return _json(await _told(work()))


async def _session(session_id: str) -> ResourceResult:
    async def work() -> BaseModel:
        asked = checked(SessionRequest, session_id=session_id).session_id
        answer = await _service().session_summary(asked)
        if answer.reason is not None:
            raise InputError(f'no session "{session_id}" is recorded.')
        return answer

    return _json(await _told(work()))


def _json(answer: BaseModel) -> ResourceResult:
    return ResourceResult([ResourceContent(answer.model_dump_json(), mime_type=JSON)])


def _review_skills(
    days: Annotated[str, Field(description="How many days back to look.")] = "30",
) -> str:
    return (
        f"Go through how my agent skills did in the last {days} days. Call workflow_report with "
        f'{{"days": {days}}} and detect_anomalies; for each phase that is severe and each anomaly, '
        "look closer with skill_effectiveness, get_skill_trend and skill_metrics.\n\n"
        "Then tell me, shortest first: what has got worse and since when; the two or three phases "
        "where most work is lost or waits, with the figures that say so; which skill to use there "
        "instead, if one does surely better; and what to leave as it is. Quote rates with their n. "
        "Where n is below 20, or an interval spans most of what is possible, say that it is too "
        "early to tell."
    )


RESOURCES = (
    Resource.from_function(
        _report,
        uri="skills://report/workflow",
        name="workflow_report",
        description="How work goes, over everything recorded: the report of workflow_report.",
        mime_type=MARKDOWN,
    ),
)
TEMPLATES = (
    ResourceTemplate.from_function(
        _metrics,
        uri_template="skills://metrics/{skill*}",
        name="skill_metrics",
        description="How one skill does, over everything recorded, as JSON.",
        mime_type=JSON,
    ),
    ResourceTemplate.from_function(
        _session,
        uri_template="skills://sessions/{session_id*}",
        name="session_summary",
        description="What one session did, as JSON.",
        mime_type=JSON,
    ),
)
PROMPTS = (
    Prompt.from_function(
        _review_skills,
        name="review_skills",
        description="Go through the reports: what got worse, where work gets stuck, what to do.",
    ),
)

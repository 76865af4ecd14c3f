"""`POST /suggest`: the skill that is worth naming for a request, for half of the sessions.

The other half is not told, so that it shows what telling does. What was found, and whether it was
told, is spooled as an event of the session, which tells later what came of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from anyio import to_thread
from fastmcp import FastMCP
from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from session_buddy_skills import spool
from session_buddy_skills.ab_tests import AssignRequest, CreateTestRequest, OutcomeRequest
from session_buddy_skills.claude_code.invocations import id_of
from session_buddy_skills.claude_code.suggestions import SUGGESTION, Suggested
from session_buddy_skills.errors import InputError, SkillsError
from session_buddy_skills.fields import Name
from session_buddy_skills.http_bodies import body_of, object_of
from session_buddy_skills.recommendations import LongQuery
from session_buddy_skills.requests import Request, checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings

TEST = CreateTestRequest(
    test_name="skill-suggestions",
    control_strategy="silent",
    treatment_strategy="suggested",
    description=(
        "Whether the skill that the record speaks for is used, and completes, in the turn of a "
        "request. A user is a session here; abandoned means that it was not used."
    ),
)
HEADERS = {"Connection": "close"}


class SuggestRequest(Request):
    """A request of a user's, before the model sees it."""

    session_id: Name
    prompt_id: Name
    prompt: LongQuery = Field(default=None)


def add_suggesting(
    mcp: FastMCP[Any], service: Callable[[], Service], settings: Callable[[], Settings]
) -> None:
    """Add the route, which the hook asks with a deadline."""

    @mcp.custom_route("/suggest", methods=["POST"])
    async def suggest(request: HttpRequest) -> Response:
        try:
            asked = checked(SuggestRequest, **object_of(await body_of(request)))
            line = await _line(service(), settings(), asked)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400, HEADERS)
        except (SkillsError, OSError) as error:
            return JSONResponse({"error": str(error)}, 503, HEADERS)
        return JSONResponse({"line": line}, headers=HEADERS)


async def _line(service: Service, settings: Settings, asked: SuggestRequest) -> str | None:
    found = await service.recommender.suggest(asked.prompt or "")
    if found is None or found.skill_name in (asked.prompt or ""):
        return None
    tests = service.analyses.ab_tests
    await tests.create(TEST)
    user = checked(AssignRequest, test_name=TEST.test_name, user_id=asked.session_id)
    try:
        group = (await tests.assign(user)).test_group
    except InputError:  # The test was stopped: what was found out holds for all.
        return found.line
    event = {
        "hook_event_name": SUGGESTION,
        "at": datetime.now(UTC).isoformat(),
        "session_id": asked.session_id,
        "prompt_id": asked.prompt_id,
        "skill_name": found.skill_name,
        "test_group": group,
    }
    await to_thread.run_sync(spool.put, settings.locations.events, [event])
    return found.line if group == "treatment" else None


async def record_outcome(service: Service, session_id: str, found: Suggested) -> None:
    """Keep what came of a suggestion, told or not.

    Raises:
        InputError: the test was stopped, or another outcome is stored.
    """
    request = checked(
        OutcomeRequest,
        test_name=TEST.test_name,
        user_id=session_id,
        outcome=found.outcome,
        duration_seconds=found.duration_seconds,
        outcome_id=id_of(f"suggestion {found.prompt_id}"),
    )
    await service.analyses.ab_tests.record(request)

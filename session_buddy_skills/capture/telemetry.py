"""Claude Code's own telemetry, as events of the hooks that it stands for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from session_buddy_skills.capture.hook import REPLY_CHARS
from session_buddy_skills.claude_code.events import CALLS
from session_buddy_skills.claude_code.failures import words_of
from session_buddy_skills.claude_code.ordering import Event

Json = dict[str, Any]

REDACTED = "<REDACTED>"
"""Stands for a request where Claude Code was not told to log it."""
HIDDEN = ("custom_skill", "custom")
"""Stand for the name of a skill that is the user's own, likewise."""
_REFUSALS = {
    "config": "permission rules",
    "hook": "hook error",
    "user_reject": "doesn't want to proceed",
    "user_abort": "doesn't want to proceed",
}
"""Who refused a call, in words that a hook would have told of it."""
_GIVEN = {"skill": "skill_name", "subagent_type": "subagent_type"}
"""Fields of a call's input, and their names in what telemetry tells of it."""


def events_of(export: Json) -> Iterator[Event]:
    """What an export of logs (`ExportLogsServiceRequest`, as JSON) tells of skills.

    Records of other programs, and of a kind that tells nothing of skills, are passed over.
    """
    for resource in _each(export.get("resourceLogs")):
        for scope in _each(resource.get("scopeLogs")):
            for record in _each(scope.get("logRecords")):
                told = _attributes(record)
                kind, session = told.get("event.name"), told.get("session.id")
                handler = _HANDLERS.get(str(kind))
                if handler is None or not session or not told.get("event.timestamp"):
                    continue
                event = {
                    "at": str(told["event.timestamp"]).replace("Z", "+00:00"),
                    "session_id": str(session),
                    "prompt_id": told.get("prompt.id"),
                    # Unlike a hook, an export tells the same event once: none is a copy of another.
                    "sequence": told.get("event.sequence"),
                }
                if agent := told.get("agent_id"):
                    event["agent_id"] = agent
                for fields in handler(told):
                    yield event | fields


def _each(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _attributes(record: Json) -> Json:
    """Attributes by their names, each as text, number or truth."""
    found = {}
    for one in _each(record.get("attributes")):
        value = one.get("value")
        if isinstance(value, dict) and len(value) == 1:
            found[str(one.get("key"))] = next(iter(value.values()))
    return found


def _prompt(told: Json) -> Iterator[Json]:
    prompt = told.get("prompt")
    yield {
        "hook_event_name": "UserPromptSubmit",
        "prompt": None if prompt == REDACTED else prompt,
        "command_name": told.get("command_name"),
    }


def _skill(told: Json) -> Iterator[Json]:
    # Those that the model calls are told of as calls.
    if told.get("invocation_trigger") == "user-slash" and told.get("skill.name") not in HIDDEN:
        yield {
            "hook_event_name": "UserPromptExpansion",
            "expansion_type": "slash_command",
            "command_name": told.get("skill.name"),
        }


def _decision(told: Json) -> Iterator[Json]:
    if told.get("decision") == "reject":
        reason = _REFUSALS.get(str(told.get("source")), "permission rules")
        yield _call(told) | {"hook_event_name": "PostToolUseFailure", "error": reason}
    else:
        yield _call(told) | {"hook_event_name": "PreToolUse"}


def _result(told: Json) -> Iterator[Json]:
    call = _call(told)
    if str(told.get("success")).lower() != "true":
        error = words_of(str(told.get("error") or "")[:REPLY_CHARS])
        yield call | {"hook_event_name": "PostToolUseFailure", "error": error}
        return
    answer: Json = {"success": True}
    if told.get("tool_name") in CALLS[1:]:
        in_background = _object(told.get("tool_input")).get("run_in_background") is True
        answer = {"status": "async_launched" if in_background else "completed"}
    yield call | {"hook_event_name": "PostToolUse", "tool_response": answer}


def _call(told: Json) -> Json:
    """The call. Of one of another tool, or of one whose skill is not named, it tells no more than
    that there was one, so that the turn goes on.
    """
    name = told.get("tool_name")
    call: Json = {"tool_name": name, "tool_use_id": told.get("tool_use_id")}
    if name in CALLS and not (told.get("tool_input") or told.get("tool_parameters")):
        call["tool_name"] = None
    elif name in CALLS:
        given, named = _object(told.get("tool_input")), _object(told.get("tool_parameters"))
        called = {field: given.get(field, named.get(other)) for field, other in _GIVEN.items()}
        called["args"] = given.get("args")
        call["tool_input"] = {name: value for name, value in called.items() if value is not None}
    return call


def _object(text: Any) -> Json:
    try:
        value = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _response(told: Json) -> Iterator[Json]:
    """It ends the turn, unless a call comes after it."""
    if not told.get("agent_id"):
        yield {"hook_event_name": "Stop"}


def _error(told: Json) -> Iterator[Json]:
    if not told.get("agent_id"):
        code = told.get("status_code")
        yield {"hook_event_name": "StopFailure", "error": str(code or "unknown")}


def _subagent(_told: Json) -> Iterator[Json]:
    yield {"hook_event_name": "SubagentStop"}


_HANDLERS = {
    "user_prompt": _prompt,
    "skill_activated": _skill,
    "tool_decision": _decision,
    "tool_result": _result,
    "assistant_response": _response,
    "api_error": _error,
    "subagent_completed": _subagent,
}

"""Cursor, as of its SDK 1.0.32: subagents. No event of it tells of a skill.

Source: cursor.com/docs/hooks, and the code that runs hooks.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

_PLAIN = {"sessionStart": "SessionStart", "sessionEnd": "SessionEnd"}
_ENDS = {"aborted": "Interrupt", "error": "StopFailure"}


def events_of(told: Fields, _kind: str | None) -> list[Fields]:
    """What an event tells of subagents."""
    kind, roots = told.get("hook_event_name"), told.get("workspace_roots")
    base: Fields = {
        "session_id": told.get("parent_conversation_id") or told.get("conversation_id"),
        "prompt_id": told.get("generation_id"),
        "cwd": roots[0] if isinstance(roots, list) and roots else None,
    }
    if kind in _PLAIN:
        began = {"source": "startup"} if kind == "sessionStart" else {}
        return [base | {"hook_event_name": _PLAIN[kind]} | began]
    if kind == "beforeSubmitPrompt":
        return [base | {"hook_event_name": "UserPromptSubmit", "prompt": told.get("prompt")}]
    if kind == "stop":
        ended = {"hook_event_name": _ENDS.get(str(told.get("status")), "Stop"), "error": "error"}
        return [base | ended]
    if kind in ("subagentStart", "subagentStop"):
        # What it is asked with has an id of its own.
        del base["prompt_id"]
        return [base | _call(told)]
    return []


def _call(told: Fields) -> Fields:
    call: Fields = {
        "tool_name": "Agent",
        "tool_use_id": told.get("subagent_id"),
        "tool_input": {"subagent_type": told.get("subagent_type")},
    }
    if told["hook_event_name"] == "subagentStart":
        return call | {"hook_event_name": "PreToolUse"}
    status = told.get("status")
    if status == "completed":
        done = {"status": "completed"}
        return call | {"hook_event_name": "PostToolUse", "tool_response": done}
    failed = {"error": told.get("error_message") or "", "is_interrupt": status == "aborted"}
    return call | {"hook_event_name": "PostToolUseFailure"} | failed

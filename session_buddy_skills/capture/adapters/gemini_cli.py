"""Gemini CLI, as of 0.61: the tools `activate_skill` and `invoke_agent`.

Source: docs/hooks/reference.md of google-gemini/gemini-cli. No event has an id of its call, or says
that a call was made inside of a subagent.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

_CALLS = {
    "activate_skill": ("Skill", "skill", "name"),
    "invoke_agent": ("Agent", "subagent_type", "agent_name"),
}
"""Tools, what they are here, and how the input names what is called, here and there."""


def events_of(told: Fields, _kind: str | None) -> list[Fields]:
    """What an event tells of skills and subagents."""
    kind = told.get("hook_event_name")
    base = {"session_id": told.get("session_id"), "cwd": told.get("cwd")}
    base["sequence"] = told.get("timestamp")
    if kind == "BeforeAgent":
        # No prompt has an id; the time is one.
        asked = {"hook_event_name": "UserPromptSubmit", "prompt": told.get("prompt")}
        return [base | asked | {"prompt_id": told.get("timestamp")}]
    if kind == "AfterAgent":
        return [base | {"hook_event_name": "Stop"}]
    if kind in ("SessionStart", "SessionEnd"):
        why = {"source": told.get("source"), "reason": told.get("reason")}
        return [base | {"hook_event_name": kind} | why]
    if kind in ("BeforeTool", "AfterTool") and told.get("tool_name") in _CALLS:
        return [base | _call(told)]
    return []


def _call(told: Fields) -> Fields:
    tool, name, their_name = _CALLS[told["tool_name"]]
    given = told.get("tool_input")
    called = given.get(their_name) if isinstance(given, dict) else None
    call: Fields = {"tool_name": tool, "tool_input": {name: called}}
    if told["hook_event_name"] == "BeforeTool":
        return call | {"hook_event_name": "PreToolUse"}
    answer = told.get("tool_response")
    answer = answer if isinstance(answer, dict) else {}
    error, shown = answer.get("error"), answer.get("returnDisplay")
    state = shown.get("state") if isinstance(shown, dict) else None
    if error or state in ("error", "cancelled"):
        message = error.get("message") if isinstance(error, dict) else "the subagent failed"
        stopped = {"error": message, "is_interrupt": state == "cancelled"}
        return call | {"hook_event_name": "PostToolUseFailure"} | stopped
    done = {"success": True} if tool == "Skill" else {"status": "completed"}
    return call | {"hook_event_name": "PostToolUse", "tool_response": done}

"""Codex CLI, as of 0.171: subagents. No event of it tells of a skill.

Source: the schemas of its hooks' inputs, and what they were given. Ids of calls are told, which are
unique in a session alone; the session is that of the root agent everywhere.
"""

from __future__ import annotations

import json
from contextlib import suppress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

_SPAWN = "spawn_agent"
_AS_THEY_ARE = ("SessionStart", "SessionEnd", "UserPromptSubmit", "SubagentStart", "SubagentStop",
                "Stop", "Interrupt")  # fmt: skip
_FIELDS = ("session_id", "cwd", "hook_event_name", "source", "reason", "prompt", "agent_id")


def events_of(told: Fields, _kind: str | None) -> list[Fields]:
    """What an event tells of subagents."""
    kind = told.get("hook_event_name")
    event = {name: told[name] for name in _FIELDS if name in told}
    event["prompt_id"] = told.get("turn_id")
    if kind in _AS_THEY_ARE:
        # A subagent is asked as well; that is no request of the user's.
        return [] if kind == "UserPromptSubmit" and "agent_id" in told else [event]
    # With the newer kind of agents the tool's name has the name of their group before it. A call
    # that fails is told of before it alone, so what counts is that it was told of after it.
    if kind == "PostToolUse" and str(told.get("tool_name")).endswith(_SPAWN):
        return [event | _call(told)]
    return []


def _call(told: Fields) -> Fields:
    given = told.get("tool_input")
    called = given.get("agent_type") if isinstance(given, dict) else None
    answer: Fields = {"status": "async_launched"}
    with suppress(KeyError, TypeError, ValueError):  # The newer kind of agents does not tell.
        answer["agentId"] = json.loads(told["tool_response"])["agent_id"]
    return {
        "tool_name": "Agent",
        "tool_use_id": f"{told.get('session_id')}/{told.get('tool_use_id')}",
        "tool_input": {"subagent_type": called} if called else {},
        "tool_response": answer,
    }

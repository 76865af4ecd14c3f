"""GitHub Copilot CLI, as of 1.0.102: the tools `skill` and `task`, subagents, and `/skill`.

Source: its hooks reference, for events whose names are written like `preToolUse`; these do not say
which they are. No call has an id; what a subagent does bears the subagent's, and its own session.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Fields = dict[str, Any]

_CALLS = {"skill": ("Skill", "skill", "skill"), "task": ("Agent", "subagent_type", "agent_type")}
_PLAIN = {"sessionEnd": "SessionEnd", "subagentStart": "SubagentStart"}
_STOPS = {"agentStop", "subagentStop"}
_TYPED = '<skill-context name="'
"""How a request goes on that began with the skill's name and a slash."""
_STARTED = "with agent_id: "


def events_of(told: Fields, kind: str | None) -> list[Fields]:
    """What an event of that kind tells of skills and subagents."""
    agent = told.get("agentId")
    root = told.get("parentAgentId") if agent else None
    base: Fields = {"session_id": root or told.get("sessionId"), "cwd": told.get("cwd")}
    base["sequence"] = told.get("timestamp")
    if agent:
        base["agent_id"] = agent
    if kind in _PLAIN:
        return [base | {"hook_event_name": _PLAIN[kind], "reason": told.get("reason")}]
    if kind in _STOPS:
        return [base | {"hook_event_name": "SubagentStop" if agent else "Stop"}]
    if kind == "sessionStart":
        source = told.get("source")
        began = {"source": "startup" if source == "new" else source}
        return [base | {"hook_event_name": "SessionStart"} | began]
    if kind == "userPromptSubmitted":
        return [] if agent else _asked(told, base)
    if kind == "errorOccurred" and told.get("errorContext") == "model_call" and not agent:
        error = told.get("error")
        name = error.get("name") if isinstance(error, dict) else None
        return [base | {"hook_event_name": "StopFailure", "error": name}]
    if told.get("toolName") in _CALLS:
        return [base | call for call in _call(told, kind)]
    return []


def _asked(told: Fields, base: Fields) -> list[Fields]:
    prompt, asked = told.get("prompt"), base | {"prompt_id": str(told.get("timestamp"))}
    submitted = asked | {"hook_event_name": "UserPromptSubmit"}
    if not isinstance(prompt, str) or _TYPED not in prompt:
        return [submitted | {"prompt": prompt}]
    name = prompt.partition(_TYPED)[2].partition('"')[0]
    expanded = {"hook_event_name": "UserPromptExpansion", "expansion_type": "slash_command"}
    return [submitted | {"prompt": f"/{name}"}, asked | expanded | {"command_name": name}]


def _call(told: Fields, kind: str | None) -> list[Fields]:
    tool, name, their_name = _CALLS[told["toolName"]]
    given = told.get("toolArgs")
    if isinstance(given, str):
        given = json.loads(given)
    given = given if isinstance(given, dict) else {}
    call: Fields = {"tool_name": tool, "tool_input": {name: given.get(their_name)}}
    if kind == "preToolUse":
        return [call | {"hook_event_name": "PreToolUse"}]
    if kind == "postToolUseFailure":
        # In the words of Claude Code, by which kinds of failures are told apart.
        error = str(told.get("error")).replace("Skill not found", "Unknown skill")
        error = error.replace("Unknown agent_type", "Agent type")
        return [call | {"hook_event_name": "PostToolUseFailure", "error": error}]
    if kind != "postToolUse":
        return []
    answer: Fields = {"success": True}
    if tool == "Agent":
        answer = {"status": "completed"}
        if given.get("mode") == "background":
            result = told.get("toolResult")
            text = str(result.get("textResultForLlm")) if isinstance(result, dict) else ""
            agent = text.partition(_STARTED)[2].split(maxsplit=1)[:1]
            answer = {"status": "async_launched", "agentId": agent[0].rstrip(".,") if agent else ""}
    return [call | {"hook_event_name": "PostToolUse", "tool_response": answer}]

"""What kind of failure words tell of. The hook loads this: it needs nothing else."""

from __future__ import annotations

FAILURES = {
    "disable-model-invocation": "not_model_invocable",
    "Unknown skill": "unknown_skill",
    "InputValidationError": "invalid_input",
    "hook error": "blocked_by_hook",
    "blocked by hook": "blocked_by_hook",
    "permission rules": "denied_by_permission_rule",
    "Permission to use": "denied_by_permission_rule",
    "doesn't want to proceed": "rejected_by_user",
    "Agent type": "unknown_agent",
}
"""Words of a failure's text, and its kind; the first that is there counts."""
REFUSED = "<tool_use_error>"
LAUNCHED = "Launching skill"
FORKED = "(forked execution)"
IN_BACKGROUND = "Async agent launched"
_BEGINNINGS = (REFUSED, "PreToolUse:", "The user doesn't want", "Agent type", "Permission to use")
"""How what a call was answered with begins, if it could not be made."""


def words_of(text: str) -> str:
    """The words of a text that tell which failure it is; none if it is not a known one."""
    return next((words for words in FAILURES if words in text), "")


def told_by(tool: str, text: str) -> str:
    """What tells, of the text that a call was answered with, what became of it."""
    beginning = text[:400]
    if beginning.startswith((LAUNCHED, IN_BACKGROUND)):
        return LAUNCHED if beginning.startswith(LAUNCHED) else IN_BACKGROUND
    if tool == "Skill" and FORKED in beginning:
        return FORKED
    if beginning.startswith((*_BEGINNINGS, f"{tool} execution blocked")):
        return f"{REFUSED}{words_of(beginning)}"
    return "" if tool != "Skill" else REFUSED

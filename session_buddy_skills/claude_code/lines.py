"""One line of a Claude Code transcript, and what it says.

The format is Claude Code's own and changes; what is not known here is left alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from session_buddy_skills.claude_code.failures import FAILURES, words_of

Line = dict[str, Any]
Said = Literal["request", "slash", "notification", "interruption", "body", "nothing"]

KNOWN_TYPES = {
    "agent-name",
    "agent-setting",
    "ai-title",
    "api-request",
    "api-request-blob",
    "api-request-shape",
    "assistant",
    "atis-latch",
    "attachment",
    "cost-state",
    "custom-title",
    "file-history-snapshot",
    "last-prompt",
    "mode",
    "permission-mode",
    "pr-link",
    "progress",
    "queue-operation",
    "result",
    "summary",
    "system",
    "tag",
    "tools-used",
    "user",
}
_SLASH = re.compile(
    r"\s*<command-message>[^<]*</command-message>\s*<command-name>(/[^<]+)</command-name>"
    r"(?:\s*<command-args>(.*)</command-args>)?",
    re.DOTALL,
)
_NOT_ASKED = (
    "<command-name>",
    "<command-message>",
    "<local-command-",
    "<bash-",
    "<user-memory-input>",
)
"""How what is run in the program itself begins, without the model."""
_INTERRUPTED = "[Request interrupted by user"
_TASK = re.compile(
    r"<task-notification>.*<tool-use-id>([^<]+)</tool-use-id>.*<status>([^<]+)</status>", re.DOTALL
)


@dataclass(slots=True, frozen=True)
class Command:
    """A slash command: its name without the slash, and what was typed after it."""

    name: str
    arguments: str | None

    @property
    def prompt(self) -> str:
        """What was typed."""
        return f"/{self.name} {self.arguments}" if self.arguments else f"/{self.name}"


def time_of(line: Line) -> datetime | None:
    """When the line was written; None if it does not say."""
    try:
        time = datetime.fromisoformat(line["timestamp"])
    except (KeyError, TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def api_error_of(line: Line) -> str:
    """Which failure of the model's service a line tells of."""
    told = line.get("error")
    if isinstance(told, dict):
        told = told.get("type")
    return f"api_error:{plain(told) or line.get('apiErrorStatus') or 'unknown'}"


def session_of(line: Line) -> str:
    """The session that made the line; a copy in another one names it."""
    told = line.get("requestSessionId") or line.get("sessionId")
    return told if isinstance(told, str) else ""


def plain(value: Any) -> str | None:
    """Text that says something."""
    return value if isinstance(value, str) and value.strip() else None


def count_of(value: Any) -> int:
    """A whole number above 0, or 0."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def blocks_of(line: Line) -> list[Line]:
    """The parts of its message, text as one part."""
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []


def text_of(line: Line) -> str:
    """All text of its message."""
    texts = [one.get("text") for one in blocks_of(line) if one.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))


def said_by(line: Line, text: str) -> Said:
    """What a line of the user's side is, if it carries no result of a tool."""
    if line.get("isMeta"):
        return "nothing" if text.startswith("<local-command-caveat>") else "body"
    if line.get("isCompactSummary") or line.get("isVisibleInTranscriptOnly"):
        return "nothing"
    if text.startswith(_INTERRUPTED):
        return "interruption"
    origin = line.get("origin")
    kind = origin.get("kind") if isinstance(origin, dict) else None
    if kind == "task-notification" or text.lstrip().startswith("<task-notification>"):
        return "notification"
    if not line.get("promptSource"):
        if _SLASH.match(text):
            return "slash"
        if text.lstrip().startswith(_NOT_ASKED):
            return "nothing"
    return "request" if text.strip() or blocks_of(line) else "nothing"


def command_of(text: str) -> Command | None:
    """The command that tags, or a plain prompt that begins with a slash, stand for."""
    if match := _SLASH.match(text):
        return Command(match[1].strip().lstrip("/"), (match[2] or "").strip() or None)
    if match := re.match(r"/([\w.:-]+)(?:\s+(.*))?\Z", text.strip(), re.DOTALL):
        return Command(match[1], (match[2] or "").strip() or None)
    return None


def ended_task(text: str) -> tuple[str, str] | None:
    """The call whose background work a notification tells of, and how that ended."""
    match = _TASK.search(text)
    return (match[1].strip(), match[2].strip()) if match else None


def failure_of(line: Line, block: Line) -> str | None:
    """What kind of failure the result of a tool tells of; `interrupted` is one that did run."""
    told = line.get("toolUseResult")
    denial = line.get("toolDenialKind")
    if denial == "user-rejected":
        return "rejected_by_user" if line.get("toolDenialBeforeRun") else "interrupted"
    decision = line.get("permissionDecision")
    if denial and isinstance(decision, dict) and decision.get("source") == "hook":
        return "blocked_by_hook"
    if denial:
        return "denied_by_permission_rule"
    refused = isinstance(told, dict) and told.get("success") is False
    if not block.get("is_error") and not refused:
        return None
    text = f"{told if isinstance(told, str) else ''}\n{block.get('content')}"
    if _INTERRUPTED in text:
        return "interrupted"
    return FAILURES.get(words_of(text), "tool_error")

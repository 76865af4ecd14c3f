"""The recorded sessions of Claude Code, with what truly happened in them."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills.capture import hook
from session_buddy_skills.claude_code.events import HookedSession
from session_buddy_skills.claude_code.files import sessions_in
from session_buddy_skills.claude_code.invocations import invocation_of
from session_buddy_skills.claude_code.merging import merged
from session_buddy_skills.claude_code.ordering import Event, in_order, paired
from session_buddy_skills.claude_code.transcript import Transcript
from session_buddy_skills.claude_code.uses import Use
from session_buddy_skills.imports import ImportedInvocation

SCENES = Path(__file__).parents[3] / "shared" / "data" / "claude-code"
EXPECTED: dict[str, Any] = (
    json.loads((SCENES / "EXPECTED.json").read_bytes())["scenes"] if SCENES.exists() else {}
)
needs_scenes = pytest.mark.skipif(not EXPECTED, reason="../shared/data/claude-code is not there")

Told = tuple[object, ...]


def outcome_of(call: dict[str, Any]) -> tuple[str, str | None]:
    """The outcome that the truth about a call means."""
    launch, end = call["launch"], call.get("agent_end") or call["turn_end"]
    if launch.startswith("error:"):
        return "failed", launch.removeprefix("error:")
    if launch == "rejected_by_user":
        return "failed", launch
    if launch == "interrupted" or end.startswith("interrupted"):
        return "abandoned", None
    if end == "api_error":
        return "failed", "api_error"
    return ("completed", None) if end == "completed" else ("unknown", None)


def truth(call: dict[str, Any]) -> Told:
    outcome, error = outcome_of(call)
    called = call["name_as_called"]
    return (
        call["session_id"],
        call["resolved_name"] or called or "(unnamed)",
        called,
        call["args"],
        call["path"],
        call["agent_id"],
        call["prompt"],
        outcome,
        error,
    )


def told(one: ImportedInvocation) -> Told:
    error = one.error_type and one.error_type.split(":")[0]
    return (
        one.session_id,
        one.skill_name,
        one.called_as,
        one.arguments,
        one.called_by,
        one.agent_id,
        one.user_query,
        one.resolved_outcome.value,
        error,
    )


def key(row: Told) -> list[str]:
    return [str(value) for value in row]


def expected(scene: str) -> list[Told]:
    return sorted(map(truth, EXPECTED[scene]["true_invocations"]), key=key)


def events_of(scene: str) -> list[Event]:
    """What the hook would have spooled."""
    lines = (SCENES / scene / "hooks.jsonl").read_text().splitlines()
    told = [(one["captured_at"], hook._kept(one["stdin"])) for one in map(json.loads, lines)]
    return [kept | {"at": at} for at, kept in told if kept is not None]


def transcripts_of(scene: str) -> dict[str, Transcript]:
    """The transcripts by their sessions."""
    found = sessions_in(SCENES / scene / "transcript" / "projects")
    return {path.stem: Transcript(path, files) for path, files in found.items()}


def hooked(events: Iterable[Event]) -> dict[str, list[Use]]:
    """What hooks alone tell of each session, once the programs that ran them are gone."""
    sessions: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        sessions[event["session_id"]].append(event)
    found = {}
    for session, some in sessions.items():
        account = HookedSession()
        for event in paired(in_order(some)):
            account.take(event)
        account.ended = True
        found[session] = account.uses()
    return found


def account_of(
    hooks: dict[str, list[Use]], transcripts: dict[str, Transcript]
) -> list[ImportedInvocation]:
    """The invocations of all sessions, each once."""
    found = {}
    for session in hooks | transcripts:
        read = transcripts[session].uses if session in transcripts else []
        for use, _ in merged(hooks.get(session, []), read):
            one = invocation_of(
                use, session_id=session, project=None, full_names={}, noted=Counter()
            )
            found[one.invocation_id] = one
    return list(found.values())

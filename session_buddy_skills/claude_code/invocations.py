"""From the threads of a session to its invocations."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from uuid_utils.compat import uuid5

from session_buddy_skills.claude_code.turns import Thread
from session_buddy_skills.claude_code.uses import Use
from session_buddy_skills.errors import InputError
from session_buddy_skills.imports import NAMESPACE, ImportedInvocation
from session_buddy_skills.limits import NAME_CHARS, QUERY_CHARS
from session_buddy_skills.requests import checked

SOURCE = "claude-code"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_BACKGROUND = {"completed": "completed", "failed": "failed"}
"""What a notification says of a subagent, and the outcome; any other is that it was stopped."""
_STATES = {
    "completed": ("completed", None),
    "interrupted": ("abandoned", None),
    "api_error": ("failed", "api_error"),
}
"""How a subagent's last turn was left, and the outcome and error of the call that began it."""


def settled(main: Thread, threads: Mapping[str, Thread]) -> list[Use]:
    """All uses of a session whose threads are finished; `threads` are its subagents' by id."""
    every = (main, *threads.values())
    uses = [use for thread in every for use in thread.uses]
    told: dict[str, tuple[str, datetime | None]] = {}
    for thread in every:
        told |= thread.ended_in_background
    for use in uses:
        _end_of_background(use, told, threads)
    for use in uses:
        _stop_inner(use, threads)
    return uses


def invocation_of(
    use: Use,
    *,
    session_id: str,
    project: str | None,
    full_names: Mapping[str, str],
    noted: Counter[str],
    source: str = SOURCE,
) -> ImportedInvocation:
    """The invocation that a use is; what is worth telling of it is counted in `noted`.

    `session_id` is that of uses whose lines tell none.

    Raises:
        InputError: it cannot be one.
    """
    if use.started_at is None:
        raise InputError("no line tells when it was.")
    ended = use.ended_at
    if ended and ended < use.started_at:
        ended = use.started_at
    spent = use.tokens
    full = full_names.get(use.skill_name)
    return checked(
        ImportedInvocation,
        invocation_id=id_of(use.key, source),
        session_id=_clean(use.session_id) or session_id,
        skill_name=_clean(full if full and use.may_be(full) else use.skill_name),
        invoked_at=use.started_at,
        ended_at=ended,
        outcome=use.outcome,
        error_type=_clean(use.error_type),
        user_query=_text(use.prompt or None, noted),
        arguments=_text(use.arguments, noted),
        called_as=None if use.called_as is None else use.called_as[:NAME_CHARS],
        called_by=use.called_by,
        agent_id=_clean(use.agent_id),
        model=_clean(use.model),
        input_tokens=spent.input or None,
        output_tokens=spent.output or None,
        end_inferred=None if use.outcome == "pending" else use.end_inferred,
        project=_clean(project),
        source=source,
    )


def id_of(key: str, source: str = SOURCE) -> UUID:
    """The id of the use with that key, wherever it is told of."""
    return uuid5(NAMESPACE, json.dumps([source, key]))


def project_of(folder: str) -> str | None:
    """The project that a working folder is of: its last name."""
    return re.split(r"[/\\]", folder.rstrip("/\\"))[-1] or None


def _text(text: str | None, noted: Counter[str]) -> str | None:
    if text is None:
        return None
    whole = text.replace("\0", " ").encode(errors="replace").decode()
    if len(whole) > QUERY_CHARS:
        noted[f"texts that were cut to {QUERY_CHARS} characters"] += 1
    return whole[:QUERY_CHARS]


def _end_of_background(
    use: Use, ended: dict[str, tuple[str, datetime | None]], threads: Mapping[str, Thread]
) -> None:
    """How a call ended whose subagent went on after it, and what subagents spent."""
    thread = threads.get(use.runs or "")
    if thread is not None:
        use.tokens.add(thread.tokens)
        use.model = use.model or thread.model
    if use.outcome is not None:
        return
    if told := ended.get(use.key):
        use.end(_BACKGROUND.get(told[0], "abandoned"), told[1], inferred=False)
    elif thread is not None and thread.last_state in _STATES:
        outcome, error = _STATES[thread.last_state]
        use.end(outcome, thread.last_at, inferred=True, error=error)
    else:
        use.end("unknown", None, inferred=True)


def _stop_inner(use: Use, threads: Mapping[str, Thread]) -> None:
    """What a subagent was at when its caller was interrupted was interrupted with it."""
    thread = threads.get(use.runs or "")
    if thread is not None and use.outcome == "abandoned":
        for inner in thread.uses:
            if inner.outcome == "unknown":
                inner.outcome, inner.ended_at = "abandoned", use.ended_at


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    return _CONTROL.sub(" ", text.encode(errors="replace").decode()).strip()[:NAME_CHARS]

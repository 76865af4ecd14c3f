"""What came of skills that were suggested, or would have been."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from session_buddy_skills.claude_code.ordering import Event, in_order
from session_buddy_skills.claude_code.uses import Use

SUGGESTION = "Suggestion"
"""The kind of event that a server adds when the record speaks for a skill."""
_ENDS = ("Stop", "StopFailure", "SessionEnd")


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion whose turn is over."""

    prompt_id: str
    skill_name: str
    outcome: str
    """As its use in that turn ended; abandoned where there was none."""
    duration_seconds: float | None


def outcomes_of(events: Iterable[Event], uses: Sequence[Use]) -> list[Suggested]:
    """The suggestions among the events of a session, by what its uses tell of them."""
    ordered = list(in_order(events))
    found = []
    for number, event in enumerate(ordered):
        if event.get("hook_event_name") != SUGGESTION:
            continue
        end = next((one for one in ordered[number:] if _is_over(one, event["prompt_id"])), None)
        if end is None:
            continue
        began, ended = (datetime.fromisoformat(one["at"]) for one in (event, end))
        used = [
            use
            for use in uses
            if use.skill_name == event["skill_name"]
            and use.started_at is not None
            and began <= use.started_at <= ended
        ]
        if used and used[0].outcome == "pending":
            continue
        outcome = used[0].outcome if used else None
        seconds = None
        if used and used[0].started_at and used[0].ended_at:
            seconds = max(0.0, (used[0].ended_at - used[0].started_at).total_seconds())
        found.append(
            Suggested(event["prompt_id"], event["skill_name"], outcome or "abandoned", seconds)
        )
    return found


def _is_over(event: Event, prompt_id: str) -> bool:
    kind = event.get("hook_event_name")
    if kind == "UserPromptSubmit":
        return event.get("prompt_id") != prompt_id
    return kind in _ENDS and "agent_id" not in event

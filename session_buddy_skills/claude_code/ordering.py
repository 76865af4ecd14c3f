"""Events of a session in the order in which they happened, each once.

A hook stamps its event when it runs, and those that Claude Code does not wait for may run a little
later than others: within a second what belongs first is first.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

Event = dict[str, Any]
"""`at`, an ISO 8601 time with its zone, and the fields of the hook's input."""

AGAIN = timedelta(seconds=5)
"""What says the same within so long is the same event, sent twice."""
LATE = timedelta(seconds=1)
"""How much later than it happened an event may be stamped."""
_ASKED = ("UserPromptSubmit", "UserPromptExpansion")
_ENDED = ("Stop", "StopFailure")

Timed = tuple[datetime, Event]


def in_order(events: Iterable[Event]) -> Iterator[Event]:
    """The events as they happened, each once."""
    once = _once(events)
    places = [_place(once, number) for number in range(len(once))]
    for number in sorted(range(len(once)), key=lambda one: (*places[one], one)):
        yield once[number][1]


def _once(events: Iterable[Event]) -> list[Timed]:
    last: dict[str, datetime] = {}
    timed = [(datetime.fromisoformat(event["at"]), event) for event in events]
    found = []
    for at, event in sorted(timed, key=lambda one: one[0]):
        said = json.dumps({**event, "at": None}, sort_keys=True)
        if said not in last or at - last[said] > AGAIN:
            last[said] = at
            found.append((at, event))
    return found


def _place(events: Sequence[Timed], number: int) -> tuple[datetime, int]:
    """When an event happened, as far as those around it tell, and its rank among its equals."""
    at, event = events[number]
    kind = event.get("hook_event_name")
    if kind == "SessionStart":
        # Before what was asked since, but not before what went on already.
        known = {one.get("prompt_id") for time, one in events[:number] if at - time > LATE}
        before = _near(events, number, -1, until="SessionEnd")
        new = [time for time, one in before if one.get("prompt_id") not in known]
        return min(new, default=at), 0
    if kind == "SessionEnd":
        after = _near(events, number, 1, until="SessionStart")
        return max((time for time, one in after if one.get("prompt_id")), default=at), 5
    prompt, agent = event.get("prompt_id"), event.get("agent_id")
    if kind in _ASKED and prompt is not None:
        same = [one for one in _near(events, number, -1) if _of(one, prompt, agent)]
        first = not any(one[1].get("hook_event_name") == kind for one in same)
        return (min((one for one, _ in same), default=at) if first else at), _ASKED.index(kind) + 1
    if kind in _ENDED or kind == "SubagentStop":
        same = [one for one in _near(events, number, 1) if _of(one, prompt, agent)]
        last = not any(one[1].get("hook_event_name") == kind for one in same)
        at = max((one for one, _ in same), default=at) if last else at
        return _before_the_next(events, number, at, prompt), 4
    return _before_the_next(events, number, at, prompt), 3


def _before_the_next(
    events: Sequence[Timed], number: int, at: datetime, prompt: str | None
) -> datetime:
    """A late event of a turn belongs before the next request, if it is not a subagent's."""
    if prompt is None or events[number][1].get("agent_id") is not None:
        return at
    for one, event in _near(events, number, -1):
        if event.get("hook_event_name") in _ASKED and event.get("prompt_id") != prompt:
            seen = any(
                _of(earlier, prompt, None) for earlier in events[:number] if earlier[0] < one
            )
            if seen:
                at = min(at, one - timedelta(microseconds=1))
    return at


def _of(timed: Timed, prompt: str | None, agent: str | None) -> bool:
    """Whether an event is of that turn, or of that subagent in it."""
    event = timed[1]
    return event.get("prompt_id") == prompt and event.get("agent_id") == agent


def _near(events: Sequence[Timed], number: int, step: int, until: str | None = None) -> list[Timed]:
    """Events within a second before (-1) or after (1), up to one of a kind."""
    found = []
    place = number + step
    while 0 <= place < len(events) and abs(events[place][0] - events[number][0]) <= LATE:
        if until is not None and events[place][1].get("hook_event_name") == until:
            break
        found.append(events[place])
        place += step
    return found


_OF_CALLS = ("PreToolUse", "PostToolUse", "PostToolUseFailure")


def paired(events: Iterable[Event]) -> Iterator[Event]:
    """The events in their order, with an id for each call that has none, as in other programs.

    What ends a call ends the first that began with the same input.
    """
    open_calls: dict[str, list[str]] = defaultdict(list)
    for event in events:
        kind = event.get("hook_event_name")
        if event.get("program") and kind in _OF_CALLS and not event.get("tool_use_id"):
            called = [event.get(name) for name in ("agent_id", "tool_name", "tool_input")]
            waiting = open_calls[json.dumps(called, sort_keys=True)]
            key = f"{event.get('session_id')}/{event['at']}"
            if kind == "PreToolUse":
                waiting.append(key)
            elif waiting:
                key = waiting.pop(0)
            yield event | {"tool_use_id": key}
        else:
            yield event

"""What a group of writes means, given what is stored. Pure: no clock, no database.

A write may be sent again: it is accepted without effect when all that it states agrees with what is
stored, and refused when anything differs. What a write leaves out is not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from session_buddy_skills.errors import ConflictError, InputError, UnknownInvocationError, shown
from session_buddy_skills.models import END_FIELDS, Invocation, Outcome


@dataclass(slots=True)
class Put:
    """Store this invocation, or its end if its start is stored; `stated` came from the caller."""

    invocation: Invocation
    stated: Mapping[str, Any]
    new_id: bool
    """The id was made here just now, so nothing stored can have it."""


@dataclass(slots=True)
class End:
    """End the invocation of that id, or the newest pending one of that skill in that session."""

    invocation_id: UUID | None
    session_id: str | None
    skill_name: str | None
    stated: Mapping[str, Any]
    received_at: datetime


Write = Put | End | tuple[Put, ...]


@dataclass(slots=True)
class Written:
    """One invocation as it is after a write."""

    invocation: Invocation
    new: bool
    changed: bool
    was: Invocation | None = None
    """As it was before, where it need not have been pending."""


class Ledger:
    """The stored invocations that a group of writes concerns, and what the writes make of them."""

    def __init__(self, stored: Iterable[Invocation]) -> None:
        self._stored = {row.invocation_id: row for row in stored}
        self._rows = dict(self._stored)
        self._by_use: dict[tuple[str, str], list[UUID]] = {}
        for row in self._rows.values():
            self._by_use.setdefault((row.session_id, row.skill_name), []).append(row.invocation_id)

    @property
    def inserted(self) -> list[Invocation]:
        """Invocations that the writes added."""
        if not self._stored:
            return list(self._rows.values())
        return [row for key, row in self._rows.items() if key not in self._stored]

    @property
    def updated(self) -> list[Invocation]:
        """Stored invocations that the writes changed."""
        return [self._rows[key] for key, row in self._stored.items() if self._rows[key] is not row]

    @property
    def acted_on(self) -> list[Invocation]:
        """Of the updated, those that have other follow-up actions than before."""
        return [
            row
            for row in self.updated
            if row.follow_up_actions != self._stored[row.invocation_id].follow_up_actions
        ]

    def holds(self, row: Invocation) -> bool:
        """Whether the invocation is stored just so; the text of its query is not compared."""
        stored = self._stored.get(row.invocation_id)
        return stored is not None and stored == replace(row, user_query=stored.user_query)

    def is_pending(self, invocation_id: UUID) -> bool:
        """Whether the invocation is stored and has not ended."""
        row = self._rows.get(invocation_id)
        return row is not None and row.outcome is Outcome.PENDING

    def put(self, write: Put) -> Written:
        """Store an invocation.

        Raises:
            ConflictError: it is stored with other content.
        """
        new = write.invocation
        stored = None if write.new_id else self._rows.get(new.invocation_id)
        if stored is None:
            self._add(new)
            return Written(new, new=True, changed=True)
        ends_now = stored.outcome is Outcome.PENDING and new.outcome is not Outcome.PENDING
        if ends_now:
            _require_same(stored, _start_of(write.stated))
            ended = _ended(stored, write.stated)
        else:
            same_end = new.outcome is not Outcome.PENDING
            _require_same(stored, write.stated if same_end else _start_of(write.stated))
            ended = stored
        self._rows[new.invocation_id] = ended
        return Written(ended, new=False, changed=ends_now)

    def put_all(self, writes: Iterable[Put]) -> list[Written]:
        """Store all of the invocations, or none.

        Raises:
            ConflictError: one is stored with other content; the message gives its place.
        """
        before: dict[UUID, Invocation | None] = {}
        done = []
        for place, write in enumerate(writes):
            if not write.new_id:
                key = write.invocation.invocation_id
                before.setdefault(key, self._rows.get(key))
            try:
                done.append(self.put(write))
            except InputError as error:
                made_here = {one.invocation.invocation_id: None for one in done if one.new}
                self._restore(made_here | before)
                raise type(error)(f"invocations[{place}]: {error}") from error
        return done

    def end(self, write: End) -> Written:
        """End an invocation.

        Raises:
            UnknownInvocationError: there is none to end.
            ConflictError: it has ended with other content.
        """
        stored = self._find(write)
        if stored.outcome is not Outcome.PENDING:
            _require_same(stored, write.stated)
            return Written(stored, new=False, changed=False)
        _require_same(stored, _start_of(write.stated))
        ended = _ended(stored, write.stated, write.received_at)
        self._rows[stored.invocation_id] = ended
        return Written(ended, new=False, changed=True)

    def _add(self, row: Invocation) -> None:
        self._rows[row.invocation_id] = row
        self._by_use.setdefault((row.session_id, row.skill_name), []).append(row.invocation_id)

    def _restore(self, before: Mapping[UUID, Invocation | None]) -> None:
        for key, row in before.items():
            if row is not None:
                self._rows[key] = row
            elif added := self._rows.pop(key, None):
                self._by_use[added.session_id, added.skill_name].remove(key)

    def _find(self, write: End) -> Invocation:
        if write.invocation_id is not None:
            if write.invocation_id not in self._rows:
                raise UnknownInvocationError(
                    f"invocation_id {shown(write.invocation_id)} is not stored; "
                    "send its start first, with track_invocation."
                )
            return self._rows[write.invocation_id]
        uses = self._by_use.get((write.session_id or "", write.skill_name or ""), [])
        if not uses:
            raise UnknownInvocationError(
                f"skill_name {shown(write.skill_name)} has no invocation in session_id "
                f"{shown(write.session_id)}; send its start first, with track_invocation."
            )
        rows = [self._rows[key] for key in uses]
        pending = [row for row in rows if row.outcome is Outcome.PENDING]
        return max(pending or rows, key=lambda row: (row.invoked_at, row.invocation_id))


_ENDING = {"outcome", *END_FIELDS}


def _start_of(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in stated.items() if name not in _ENDING}


def _require_same(stored: Invocation, stated: Mapping[str, Any]) -> None:
    for name, value in stated.items():
        if getattr(stored, name) != value:
            raise ConflictError(
                f"invocation_id {shown(stored.invocation_id)} is stored with {name} "
                f"{shown(_plain(getattr(stored, name)))}, not {shown(_plain(value))}."
            )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _ended(
    row: Invocation, stated: Mapping[str, Any], received_at: datetime | None = None
) -> Invocation:
    end = {name: value for name, value in stated.items() if name in _ENDING}
    ended_at, duration = end_times(
        row.invoked_at, end.get("ended_at"), end.get("duration_seconds"), received_at
    )
    return replace(row, **{**end, "ended_at": ended_at, "duration_seconds": duration})


def end_times(
    invoked_at: datetime,
    ended_at: datetime | None,
    duration_seconds: float | None,
    received_at: datetime | None = None,
) -> tuple[datetime | None, float | None]:
    """When an invocation ended and how many seconds it ran; the one not stated follows.

    `received_at` is when the end was reported as it happened; None for an account given later. It
    says nothing where the caller's clock is ahead of this one.

    Raises:
        InputError: it would have ended before it started.
    """
    if ended_at is not None and ended_at < invoked_at:
        raise InputError(
            f"ended_at must not be before invoked_at {shown(invoked_at)}, not {shown(ended_at)}."
        )
    if ended_at is None and received_at is not None and received_at >= invoked_at:
        ended_at = received_at
    if ended_at is None and received_at is None and duration_seconds is not None:
        ended_at = invoked_at + timedelta(seconds=duration_seconds)
    if duration_seconds is None and ended_at is not None:
        duration_seconds = (ended_at - invoked_at).total_seconds()
    return ended_at, duration_seconds

"""Invocations that are told of while they run, by more than one witness."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

from session_buddy_skills.models import Invocation
from session_buddy_skills.storage.database import Connection
from session_buddy_skills.storage.import_plan import ENDING, OPEN
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.retrying import write_in_turn
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.writing import (
    delete_rows,
    from_row,
    insert_rows,
    stored_whole,
    texts_of,
)

_TOLD = (
    "invocation_id",
    "session_id",
    "skill_name",
    "invoked_at",
    "user_query",
    "source",
    "arguments",
    "called_as",
    "called_by",
    "agent_id",
    "model",
    "input_tokens",
    "output_tokens",
)
"""What witnesses tell beside the end."""
_END = tuple(name for name in ENDING if name not in (*_TOLD, "follow_up_actions"))
"""What they tell of the end."""
SAME_WITHIN = timedelta(seconds=5)
"""Most that two witnesses of one slash command differ in when it was."""


class CaptureStore:
    """Writes what is known of invocations so far."""

    def __init__(
        self, store: InvocationStore, on_written: Callable[[Sequence[Written]], None]
    ) -> None:
        self._store = store
        self._on_written = on_written

    async def keep(self, told: Sequence[tuple[Invocation, UUID | None]]) -> int:
        """Store what is not stored, and correct what is stored otherwise; how many changed.

        Each comes with the id that it was stored under before, if that was another. What an import
        has stored of a slash command under the id of its line is found by its time. An outcome that
        is known is never replaced by one that is not. All of it or nothing.
        """
        written: list[Written] = []

        async def work(connection: Connection) -> int:
            known = await _known(connection, told)
            written.clear()
            gone = []
            for one, _ in told:
                stored = known[one.invocation_id]
                better = _corrected(_joined(stored), one) if stored else one
                if stored != [better]:
                    gone += [old.invocation_id for old in stored]
                    was = stored[-1] if stored else None
                    written.append(Written(better, new=was is None, changed=True, was=was))
            if gone:
                await delete_rows(connection, gone)
                # They are no longer what an import alone has brought: its undo leaves them.
                await connection.execute("forget_import_notes", {"invocation_ids": gone})
            await insert_rows(connection, [one.invocation for one in written])
            return len(written)

        # Imports write the same rows, and must not come in between.
        changed = await self._store.writer.between(
            lambda: write_in_turn(self._store.database, "imports", work)
        )
        self._on_written(written)
        return changed


async def _known(
    connection: Connection, told: Sequence[tuple[Invocation, UUID | None]]
) -> dict[UUID, list[Invocation]]:
    """What is stored of each, by its id: under a former id, and under its own."""
    formers = {one.invocation_id: former for one, former in told if former}
    ids = {one.invocation_id for one, _ in told}.union(formers.values())
    rows = await stored_whole(connection, ids)
    found = {row["invocation_id"] for row in rows}.union(formers)
    new = [one for one, _ in told if one.invocation_id not in found]
    if imported := await _imported(connection, new, ids):
        rows += await stored_whole(connection, imported.values())
        formers |= imported
    texts = await texts_of(connection, rows)
    stored = {row["invocation_id"]: from_row(row, texts) for row in rows}
    own = (one.invocation_id for one, _ in told)
    return {one: [stored[key] for key in (formers.get(one), one) if key in stored] for one in own}


async def _imported(
    connection: Connection, new: Sequence[Invocation], told_of: Container[UUID]
) -> dict[UUID, UUID]:
    """The ids under which an import has stored slash commands that are told of by their prompts.

    Of a session and skill those are the same that are nearest in time.
    """
    slash = [one for one in new if one.called_by == "slash"]
    if not slash:
        return {}
    sessions = list({one.session_id for one in slash})
    rows = await connection.fetch("imported_slash_commands", {"session_ids": sessions})
    apart = [
        (abs(row["invoked_at"] - one.invoked_at), one.invocation_id, row["invocation_id"])
        for one in slash
        for row in rows
        if (row["session_id"], row["skill_name"]) == (one.session_id, one.skill_name)
        and row["invocation_id"] not in told_of
    ]
    found: dict[UUID, UUID] = {}
    for distance, own, imported in sorted(apart):
        if distance <= SAME_WITHIN and own not in found and imported not in found.values():
            found[own] = imported
    return found


def _joined(known: Sequence[Invocation]) -> Invocation:
    """What is stored of one use under two ids, with all that others said of either."""
    first, *others = sorted(known, key=_said_by_others, reverse=True)
    for other in others:
        missing = [item.name for item in fields(first) if getattr(first, item.name) in (None, ())]
        first = replace(first, **{name: getattr(other, name) for name in missing})
    return first


def _corrected(old: Invocation, new: Invocation) -> Invocation:
    """What is stored, with what is told; what others said of it stays."""
    better = {name: value for name in _TOLD if (value := getattr(new, name)) is not None}
    if old.project is None:
        better["project"] = new.project
    knows_more = new.outcome not in OPEN or old.outcome in OPEN
    if knows_more and not _said_by_others(old):
        better |= {name: getattr(new, name) for name in _END}
    return replace(old, **better)


def _said_by_others(one: Invocation) -> bool:
    """Whether somebody stated how it ended: witnesses always say whether they infer that."""
    return one.outcome not in OPEN and one.end_inferred is None

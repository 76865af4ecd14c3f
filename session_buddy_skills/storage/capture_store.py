"""Invocations that are told of while they run, by more than one witness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

from session_buddy_skills.models import Invocation
from session_buddy_skills.storage.database import Connection
from session_buddy_skills.storage.import_plan import ENDING, OPEN
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.retrying import write_in_turn
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.writing import from_row, insert_rows, texts_of

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

        Each comes with the id that it was stored under before, if that was another; under which an
        import has stored a slash command that was told of without one is found out. An outcome that
        is known is never replaced by one that is not. All of it or nothing.
        """
        written: list[Written] = []

        async def work(connection: Connection) -> int:
            formers = {one.invocation_id: former for one, former in told if former}
            formers |= await _imported(connection, [one for one, _ in told], formers)
            ids = [*(one.invocation_id for one, _ in told), *formers.values()]
            rows = await connection.fetch("stored_by_id", {"invocation_ids": ids})
            texts = await texts_of(connection, rows)
            stored = {row["invocation_id"]: from_row(row, texts) for row in rows}
            written.clear()
            gone = []
            for new, _ in told:
                own = new.invocation_id
                known = [stored[key] for key in (formers.get(own), own) if key in stored]
                better = _corrected(_joined(known), new) if known else new
                if known != [better]:
                    gone += [one.invocation_id for one in known]
                    was = known[-1] if known else None
                    written.append(Written(better, new=was is None, changed=True, was=was))
            if gone:
                await connection.execute("delete_invocations", {"invocation_ids": gone})
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


async def _imported(
    connection: Connection, told: Sequence[Invocation], formers: Mapping[UUID, UUID]
) -> dict[UUID, UUID]:
    """The ids that slash commands, told of by their prompts alone, have by their lines.

    Where an import has read the transcript before, telemetry and hooks tell of them once more.
    """
    slash = [one for one in told if one.called_by == "slash" and one.invocation_id not in formers]
    if not slash:
        return {}
    sessions = list({one.session_id for one in slash})
    rows = await connection.fetch("slash_commands", {"session_ids": sessions})
    told_of = {one.invocation_id for one in told}.union(formers.values())
    free = [row for row in rows if row["invocation_id"] not in told_of]
    found: dict[UUID, UUID] = {}
    for one in slash:
        near = [
            row
            for row in free
            if (row["session_id"], row["skill_name"]) == (one.session_id, one.skill_name)
            and abs(row["invoked_at"] - one.invoked_at) <= SAME_WITHIN
        ]
        if near:
            row = min(near, key=lambda row: abs(row["invoked_at"] - one.invoked_at))
            free.remove(row)
            found[one.invocation_id] = row["invocation_id"]
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

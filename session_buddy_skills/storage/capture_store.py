"""Invocations that are told of while they run, by more than one witness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from session_buddy_skills.models import Invocation, Outcome
from session_buddy_skills.storage.database import Connection
from session_buddy_skills.storage.import_plan import ENDING
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.retrying import write_in_turn
from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.writing import from_row, insert_rows, texts_of

_OPEN = (Outcome.PENDING, Outcome.UNKNOWN)
_TOLD = (
    "invocation_id",
    "session_id",
    "skill_name",
    "invoked_at",
    "user_query",
    "project",
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
_KEPT = ("follow_up_actions",)
"""What belongs to an end, and is not for them to tell."""


class CaptureStore:
    """Writes what is known of invocations so far."""

    def __init__(
        self, store: InvocationStore, on_written: Callable[[Sequence[Written]], None]
    ) -> None:
        self._store = store
        self._on_written = on_written

    async def keep(self, told: Sequence[tuple[Invocation, UUID | None]]) -> int:
        """Store what is not stored, and correct what is stored otherwise; how many changed.

        Each comes with the id that it was stored under before, if that was another. An outcome that
        is known is never replaced by one that is not. All of it or nothing.
        """
        written: list[Written] = []

        async def work(connection: Connection) -> int:
            ids = [key for one, former in told for key in (one.invocation_id, former) if key]
            rows = await connection.fetch("stored_by_id", {"invocation_ids": ids})
            texts = await texts_of(connection, rows)
            stored = {row["invocation_id"]: from_row(row, texts) for row in rows}
            written.clear()
            gone = []
            for new, former in told:
                known = [stored[key] for key in (new.invocation_id, former) if key in stored]
                better = _corrected(known[0], new) if known else new
                if known != [better]:
                    gone += [one.invocation_id for one in known]
                    written.append(Written(better, new=not known, changed=True))
            if gone:
                await connection.execute("delete_invocations", {"invocation_ids": gone})
            await insert_rows(connection, [one.invocation for one in written])
            return len(written)

        # Imports write the same rows, and must not come in between.
        changed = await self._store.writer.between(
            lambda: write_in_turn(self._store.database, "imports", work)
        )
        self._on_written(written)
        return changed


def _corrected(old: Invocation, new: Invocation) -> Invocation:
    told = {name: getattr(new, name) for name in _TOLD}
    better = {name: value for name, value in told.items() if value is not None}
    if new.outcome not in _OPEN or old.outcome in _OPEN:
        better |= {name: getattr(new, name) for name in ENDING if name not in (*_TOLD, *_KEPT)}
    return replace(old, **better)

"""What importing some invocations comes to, given what is stored, and how that is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from pydantic import TypeAdapter

from session_buddy_skills.imports import LEGACY_SESSION
from session_buddy_skills.models import Invocation, Outcome
from session_buddy_skills.storage.database import Connection
from session_buddy_skills.storage.ledger import Written
from session_buddy_skills.storage.writing import from_row, stored_whole, texts_of

INVOCATION = TypeAdapter(Invocation)
OPEN = (Outcome.PENDING, Outcome.UNKNOWN)
ENDING = (
    "outcome",
    "ended_at",
    "duration_seconds",
    "error_type",
    "follow_up_actions",
    "model",
    "input_tokens",
    "output_tokens",
    "end_inferred",
)
"""What the end of an invocation adds to one that was stored without."""


@dataclass(slots=True)
class Kept:
    """What became of some invocations."""

    added: int = 0
    completed: int = 0
    unchanged: int = 0
    differing: int = 0
    """Of the unchanged, those that are stored with another time or in another session."""


@dataclass(slots=True)
class Plan:
    """What is to become of some invocations."""

    added: list[Invocation]
    completed: list[tuple[Invocation, Invocation]]
    """Those that were stored without their end, and what they become."""
    unchanged: list[Invocation]
    repeated: int
    """How many came twice."""
    differing: int = 0
    renamed: list[tuple[UUID, Invocation]] = field(default_factory=list)
    """Former ids, and what is stored under them with its own."""

    @property
    def gone(self) -> list[UUID]:
        """Ids of what is stored and is written anew, or under another id."""
        return [one.invocation_id for one, _ in self.completed] + [key for key, _ in self.renamed]

    @property
    def rows(self) -> list[Invocation]:
        """All that is to be written."""
        completed = {new.invocation_id: new for _, new in self.completed}
        renamed = [one for _, one in self.renamed if one.invocation_id not in completed]
        return [*self.added, *completed.values(), *renamed]

    @property
    def counts(self) -> Kept:
        """How many of each."""
        again = len(self.unchanged) + self.repeated
        return Kept(len(self.added), len(self.completed), again, self.differing)

    @property
    def written(self) -> list[Written]:
        """What is new or changed by it."""
        new = [Written(one, new=True, changed=True) for one in self.added]
        return new + [Written(one, new=False, changed=True, was=old) for old, one in self.completed]


async def plan_of(
    connection: Connection, invocations: Sequence[Invocation], formers: Mapping[UUID, UUID]
) -> Plan:
    """What storing them comes to, given what is stored, be it under a former id."""
    unique = {one.invocation_id: one for one in reversed(invocations)}
    others = {formers[key] for key in unique if key in formers}
    rows = await stored_whole(connection, [*unique, *others])
    changing = [row for row in rows if row["outcome"] in OPEN or row["invocation_id"] in others]
    texts = await texts_of(connection, changing)
    stored = {row["invocation_id"]: from_row(row, texts) for row in rows}
    plan = Plan([], [], [], len(invocations) - len(unique))
    for key in dict.fromkeys(one.invocation_id for one in invocations):
        new, old = unique[key], stored.get(key)
        if old is None and (former := stored.get(formers.get(key, key))) is not None:
            old = replace(former, invocation_id=key)
            plan.renamed.append((former.invocation_id, old))
        if old is None:
            plan.added.append(new)
        elif old.outcome in OPEN and new.outcome not in OPEN:
            plan.completed.append((old, _completed(old, new)))
        else:
            plan.unchanged.append(new)
            plan.differing += _began_otherwise(old, new)
    return plan


def _began_otherwise(old: Invocation, new: Invocation) -> bool:
    sessions = (old.session_id, new.session_id)
    legacy = all(one.startswith(LEGACY_SESSION) for one in sessions)
    return old.invoked_at != new.invoked_at or (sessions[0] != sessions[1] and not legacy)


def _completed(old: Invocation, new: Invocation) -> Invocation:
    told = {name: getattr(new, name) for name in ENDING}
    return replace(old, **{name: value for name, value in told.items() if value not in (None, ())})


async def note(connection: Connection, run_id: UUID, plan: Plan) -> None:
    """Note what a run brought and found; of copies in several files of it, the first."""
    changes = {one.invocation_id: ("added", "") for one in plan.added}
    changes |= {
        old.invocation_id: ("completed", INVOCATION.dump_json(old).decode())
        for old, _ in plan.completed
    }
    changes |= {one.invocation_id: ("unchanged", "") for one in plan.unchanged}
    if found := [key for key, (change, _) in changes.items() if change != "added"]:
        ids = {"run_id": run_id, "invocation_ids": found}
        noted = await connection.fetch("import_records_known", ids)
        ended = [
            row["invocation_id"]
            for row in noted
            if row["change"] == "unchanged" and changes[row["invocation_id"]][0] == "completed"
        ]
        gone = {"run_id": run_id, "invocation_ids": ended}
        await connection.execute("delete_import_notes", gone)
        for row in noted:
            if row["invocation_id"] not in ended:
                del changes[row["invocation_id"]]
    if changes:
        lists = {
            "invocation_ids": [str(key) for key in changes],
            "changes": [change for change, _ in changes.values()],
            "befores": [before for _, before in changes.values()],
        }
        await connection.execute("insert_import_records", {"run_id": run_id} | lists)

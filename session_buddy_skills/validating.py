"""Holds the source of an import against what is stored of it."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic_core import to_json

from session_buddy_skills.errors import shown
from session_buddy_skills.import_reports import Compared, Validation
from session_buddy_skills.imports import LEGACY_SESSION, Source
from session_buddy_skills.models import Invocation

EXAMPLES_TOLD = 10


@dataclass(slots=True)
class Sums:
    """Counts by skill and outcome, sums of durations, first and last times."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    first: dict[str, datetime] = field(default_factory=dict)
    last: dict[str, datetime] = field(default_factory=dict)

    def see(self, one: Invocation) -> None:
        """Count one more."""
        name = one.skill_name
        self.counts[name, one.outcome] += 1
        if one.duration_seconds is not None:
            self.seconds[name].append(one.duration_seconds)
        self.first[name] = min(self.first.get(name, one.invoked_at), one.invoked_at)
        self.last[name] = max(self.last.get(name, one.invoked_at), one.invoked_at)

    def figures(self) -> dict[str, float | int | str]:
        """Each figure by what it is of; sums do not depend on the order."""
        found: dict[str, float | int | str] = {
            f"{name}, {outcome}": n for (name, outcome), n in self.counts.items()
        }
        found |= {f"{name}, seconds": sum(sorted(some)) for name, some in self.seconds.items()}
        found |= {f"{name}, first": time.isoformat() for name, time in self.first.items()}
        return found | {f"{name}, last": time.isoformat() for name, time in self.last.items()}


def digest(one: Invocation) -> bytes:
    """128 bits of BLAKE2b over every field; sessions that are called after a file are alike."""
    fields = asdict(one)
    if one.session_id.startswith(LEGACY_SESSION):
        fields["session_id"] = LEGACY_SESSION
    return hashlib.blake2b(to_json(fields), digest_size=16).digest()


class Comparing:
    """Takes in the source's invocations, and answers how they differ from those stored."""

    def __init__(self, stored: dict[UUID, bytes], sums: Sums) -> None:
        self._stored = stored
        self._sums = sums
        self._source = Sums()
        self._seen: set[UUID] = set()
        self._equal = 0
        self.odd: dict[UUID, Invocation] = {}
        """Some of the source's invocations that are not stored as they are there."""
        self._differing = self._missing = 0
        self._changed: list[str] = []
        self._differences: list[str] = []

    @property
    def records(self) -> int:
        """How many records of the source were seen."""
        return len(self._seen)

    def see(self, invocations: Iterable[Invocation]) -> None:
        """Compare some; of one that is in several files, the first counts."""
        for one in invocations:
            if one.invocation_id in self._seen:
                continue
            self._seen.add(one.invocation_id)
            self._source.see(one)
            stored = self._stored.get(one.invocation_id)
            if stored == digest(one):
                self._equal += 1
                continue
            self._differing += stored is not None
            self._missing += stored is None
            if len(self.odd) < EXAMPLES_TOLD:
                self.odd[one.invocation_id] = one

    def file(self, source: Source, digest_then: str) -> None:
        """Note what is to be told of a file that was read."""
        if source.digest != digest_then:
            self._changed.append(str(source.path))
        self._differences += source.differences()

    def cannot_read(self, reason: str) -> None:
        """Note that a file is not there to be compared."""
        self._changed.append(reason)

    def result(self, run_id: UUID, stored: Iterable[Invocation]) -> Validation:
        """What was found; `stored` are those of the odd ones that are."""
        by_id = {one.invocation_id: one for one in stored}
        ours, theirs = self._source.figures(), self._sums.figures()
        names = sorted(ours.keys() | theirs.keys())
        return Validation(
            run_id=run_id,
            records=self.records,
            equal=self._equal,
            missing=self._missing,
            surplus=len(self._stored.keys() - self._seen),
            differing=self._differing,
            examples=[_example(one, by_id.get(key)) for key, one in self.odd.items()],
            figures=[
                Compared(of=name, source=ours.get(name), stored=theirs.get(name))
                for name in names
                if ours.get(name) != theirs.get(name)
            ],
            figures_compared=len(names),
            changed_files=self._changed,
            differences=self._differences,
        )


def _example(source: Invocation, stored: Invocation | None) -> str:
    name = f"{source.skill_name} of {source.invoked_at.isoformat()} ({source.invocation_id})"
    if stored is None:
        return f"{name} is not stored"
    ours, theirs = asdict(source), asdict(stored)
    different = [
        f"{field} is {shown(ours[field])} in the source, {shown(theirs[field])} stored"
        for field in ours
        if ours[field] != theirs[field]
    ]
    return f"{name}: {'; '.join(different)}"

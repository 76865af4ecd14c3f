"""Any interleaving of starts, ends and repeats leads to the state of a plain model in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck
from hypothesis import strategies as st

from session_buddy_skills.errors import InputError
from session_buddy_skills.models import BatchRequest, CompleteRequest, Invocation, TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from session_buddy_skills.settings import Settings
from tests.generated import run_cases
from tests.invocations import all_invocations

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
CASES = 150
KEYS = range(1, 6)
SKILLS = ["a", "b"]
SESSIONS = ["s", "t"]
OUTCOMES = ["completed", "failed", "abandoned", "unknown"]


@dataclass
class Model:
    """The rules of recording over a plain dict; every operation answers whether it was taken."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def start(self, start: dict[str, Any]) -> bool:
        row = self.rows.get(start["id"])
        if row is None:
            self.rows[start["id"]] = start | {"outcome": "pending", "seconds": None}
            return True
        return all(row[name] == start[name] for name in ("session", "skill", "at", "query"))

    def end(self, row: dict[str, Any] | None, outcome: str, seconds: float) -> bool:
        if row is None:
            return False
        if row["outcome"] == "pending":
            row.update(outcome=outcome, seconds=seconds)
            return True
        return (row["outcome"], row["seconds"]) == (outcome, seconds)

    def newest(self, session: str, skill: str) -> dict[str, Any] | None:
        uses = [r for r in self.rows.values() if (r["session"], r["skill"]) == (session, skill)]
        pending = [r for r in uses if r["outcome"] == "pending"]
        return max(pending or uses, key=lambda r: (r["at"], r["id"]), default=None)

    def apply(self, operation: tuple[Any, ...]) -> bool:
        match operation:
            case ("start", start):
                return self.start(start)
            case ("end_id", key, outcome, seconds):
                return self.end(self.rows.get(key), outcome, seconds)
            case ("end_use", session, skill, outcome, seconds):
                return self.end(self.newest(session, skill), outcome, seconds)
            case ("batch", wholes):
                before = {key: dict(row) for key, row in self.rows.items()}
                for start, outcome, seconds in wholes:
                    taken = self.start(start)
                    taken = taken and (
                        outcome is None or self.end(self.rows[start["id"]], outcome, seconds)
                    )
                    if not taken:
                        self.rows = before
                        return False
                return True
        raise AssertionError(operation)


@dataclass(frozen=True)
class Own:
    """The ids and sessions of a case, apart from those of the others in its database."""

    case: int

    def id(self, key: int) -> UUID:
        return UUID(int=self.case * 256 + key)

    def key(self, row: Invocation) -> int:
        return row.invocation_id.int % 256

    def session(self, name: str) -> str:
        return f"{name} {self.case}"

    def has(self, row: Invocation) -> bool:
        """By either, so that a row with a wrong one is seen."""
        return row.invocation_id.int // 256 == self.case or row.session_id.endswith(f" {self.case}")


def start_fields(own: Own, start: dict[str, Any]) -> dict[str, Any]:
    return {
        "invocation_id": own.id(start["id"]),
        "session_id": own.session(start["session"]),
        "skill_name": start["skill"],
        "invoked_at": start["at"],
        "user_query": start["query"],
    }


async def send(service: Service, own: Own, operation: tuple[Any, ...]) -> bool:
    try:
        match operation:
            case ("start", start):
                await service.track_invocation(checked(TrackRequest, **start_fields(own, start)))
            case ("end_id", key, outcome, seconds):
                fields = {"outcome": outcome, "duration_seconds": seconds}
                await service.complete_invocation(
                    checked(CompleteRequest, invocation_id=own.id(key), **fields)
                )
            case ("end_use", session, skill, outcome, seconds):
                fields = {"outcome": outcome, "duration_seconds": seconds}
                await service.complete_invocation(
                    checked(
                        CompleteRequest,
                        session_id=own.session(session),
                        skill_name=skill,
                        **fields,
                    )
                )
            case ("batch", wholes):
                invocations = [
                    start_fields(own, start)
                    | ({"outcome": outcome, "duration_seconds": seconds} if outcome else {})
                    for start, outcome, seconds in wholes
                ]
                await service.record_invocations(checked(BatchRequest, invocations=invocations))
    except InputError:
        return False
    return True


starts = st.fixed_dictionaries(
    {
        "id": st.sampled_from(KEYS),
        "session": st.sampled_from(SESSIONS),
        "skill": st.sampled_from(SKILLS),
        "at": st.sampled_from([EPOCH, EPOCH + timedelta(hours=1)]),
        "query": st.sampled_from(["q", "r"]),
    }
)
outcomes = st.sampled_from(OUTCOMES)
seconds = st.sampled_from([0.0, 1.5])
operations = st.one_of(
    st.tuples(st.just("start"), starts),
    st.tuples(st.just("end_id"), st.sampled_from(KEYS), outcomes, seconds),
    st.tuples(
        st.just("end_use"), st.sampled_from(SESSIONS), st.sampled_from(SKILLS), outcomes, seconds
    ),
    st.tuples(
        st.just("batch"),
        st.lists(st.tuples(starts, st.none() | outcomes, seconds), min_size=1, max_size=4),
    ),
)
# Operations in one group arrive together and so share a transaction.
groups_of_operations = st.lists(
    st.lists(operations, min_size=1, max_size=6), min_size=1, max_size=6
)


def test_any_interleaving_leads_to_the_state_of_the_model(settings: Settings) -> None:
    allowed = HealthCheck.too_slow, HealthCheck.data_too_large
    run_cases(settings, check, CASES, allowed, groups=groups_of_operations)


async def check(service: Service, project: str, groups: list[list[tuple[Any, ...]]]) -> None:
    model, own = Model(), Own(int(project.removeprefix("p")))
    for group in groups:
        taken = await asyncio.gather(*(send(service, own, one) for one in group))
        assert taken == [model.apply(one) for one in group]
    rows = [row for row in await all_invocations(service) if own.has(row)]
    assert len(rows) == len(model.rows)
    assert {
        own.key(row): {
            "id": own.key(row),
            "session": row.session_id[0],
            "skill": row.skill_name,
            "at": row.invoked_at,
            "query": row.user_query,
            "outcome": row.outcome.value,
            "seconds": row.duration_seconds,
        }
        for row in rows
    } == model.rows

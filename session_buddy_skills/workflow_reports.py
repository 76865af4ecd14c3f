"""Reports on phases of workflows: asked of the record, counted in SQL, judged here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from session_buddy_skills.analytics.bottlenecks import bottleneck_score, severity, slowness
from session_buddy_skills.models import Outcome
from session_buddy_skills.reports import rate
from session_buddy_skills.results import Duration
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.workflow import (
    Bottleneck,
    BottleneckAnswer,
    BottleneckRequest,
    Effectiveness,
    EffectivenessAnswer,
    EffectivenessRequest,
    NoAnswer,
    ScopedRequest,
)

Row = dict[str, Any]
_COUNTS = ("total_invocations", *(f"{outcome.value}_count" for outcome in Outcome))


class WorkflowReports:
    """Every report on phases, once."""

    def __init__(self, store: InvocationStore) -> None:
        self._store = store

    async def effectiveness(self, request: EffectivenessRequest) -> EffectivenessAnswer:
        """How each skill does in each phase; with a `reason` if there is nothing to tell."""
        fewest = request.min_invocations or 1
        parameters = scope(request) | {
            "workflow_phase": request.workflow_phase,
            "min_invocations": fewest,
        }
        rows, anything = await self._rows("effectiveness_of_skills", parameters)
        skills = [Effectiveness(skill_name=row["skill_name"], **_counted(row)) for row in rows]
        skills.sort(key=_surest_first)
        reason: NoAnswer = "nothing_in_scope" if fewest == 1 else "below_threshold"
        return EffectivenessAnswer(skills=skills, reason=_why(skills, anything, reason))

    async def bottlenecks(self, request: BottleneckRequest) -> BottleneckAnswer:
        """How far each phase holds work back; with a `reason` if there is nothing to tell."""
        rows, anything = await self._rows("phases", scope(request))
        least = request.min_abandonment_rate or 0.0
        found = [one for one in _bottlenecks(rows) if _abandoned(one) >= least]
        found.sort(key=lambda one: (-one.bottleneck_score, one.workflow_phase or ""))
        reason: NoAnswer = "below_threshold" if rows else "nothing_in_scope"
        return BottleneckAnswer(bottlenecks=found, reason=_why(found, anything, reason))

    async def _rows(self, query: str, parameters: Row) -> tuple[list[Row], bool]:
        """The rows of a query, and whether anything is recorded at all."""

        async def work(reader: InvocationReader) -> tuple[list[Row], bool]:
            rows = await reader.rows(query, parameters)
            return rows, bool(rows) or (await reader.counts())["total_invocations"] > 0

        return await self._store.read(work)


def scope(request: ScopedRequest) -> Row:
    """The parameters of a query that say which part of the record is asked about."""
    since = request.since
    if request.days is not None:
        since = datetime.now(UTC) - timedelta(days=request.days)
    return {
        "session_id": request.session_id,
        "project": request.project,
        "since": since,
        "until": request.until,
    }


def _why(found: Sequence[object], anything: bool, reason: NoAnswer) -> NoAnswer | None:
    if found:
        return None
    return reason if anything else "no_history"


def _counted(row: Row) -> Row:
    timed = row["timed_invocations"]
    mean = row["total_duration_seconds"] / timed if timed else None
    return {
        "workflow_phase": row["workflow_phase"],
        **{name: row[name] for name in _COUNTS},
        "completion_rate": rate(row["completed_count"], _decided(row)),
        "avg_duration_seconds": mean,
        "duration": Duration(
            n=timed,
            mean_seconds=mean,
            p50_seconds=row["p50_duration_seconds"],
            p95_seconds=row["p95_duration_seconds"],
        )
        if mean is not None
        else None,
    }


def _decided(row: Row) -> int:
    decided: int = row["completed_count"] + row["failed_count"] + row["abandoned_count"]
    return decided


def _surest_first(one: Effectiveness) -> tuple[float, int, str, str]:
    low = one.completion_rate.low if one.completion_rate else -1.0
    return -low, -one.total_invocations, one.skill_name, one.workflow_phase or ""


def _abandoned(one: Bottleneck) -> float:
    return one.abandonment_rate.value if one.abandonment_rate else 0.0


def _bottlenecks(rows: Sequence[Row]) -> list[Bottleneck]:
    seconds = sum(row["total_duration_seconds"] or 0.0 for row in rows)
    timed = sum(row["timed_invocations"] for row in rows)
    return [_bottleneck(row, seconds, timed) for row in rows]


def _bottleneck(row: Row, seconds: float, timed: int) -> Bottleneck:
    decided = _decided(row)
    loss = rate(row["failed_count"] + row["abandoned_count"], decided)
    # Sums of parts may exceed the whole by a rounding.
    time_share = min(1.0, (row["total_duration_seconds"] or 0.0) / seconds) if seconds else 0.0
    slow = slowness(time_share, row["timed_invocations"] / timed) if timed else 0.0
    score = bottleneck_score(loss.low if loss else 0.0, slow)
    return Bottleneck(
        **_counted(row),
        abandonment_rate=rate(row["abandoned_count"], decided),
        loss_rate=loss,
        time_share=time_share,
        bottleneck_score=score,
        severity=severity(score),
    )

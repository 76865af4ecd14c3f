"""Reports on phases of workflows: asked of the record, counted in SQL, judged in `findings`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread

from session_buddy_skills import findings
from session_buddy_skills.rendering import workflow_markdown
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.workflow import (
    Bottleneck,
    BottleneckAnswer,
    BottleneckRequest,
    EffectivenessAnswer,
    EffectivenessRequest,
    HeatmapAnswer,
    HeatmapRequest,
    NoAnswer,
    ReportAnswer,
    ReportRequest,
    ScopedRequest,
    SpanRequest,
    TransitionsAnswer,
    TransitionsRequest,
    WorkflowFindings,
)

Row = dict[str, Any]
_EVERY_SKILL = {"workflow_phase": None}


class WorkflowReports:
    """Every report on phases, once.

    What takes more than a few milliseconds is judged in a thread, since writes must not wait.
    """

    def __init__(self, store: InvocationStore) -> None:
        self._store = store

    async def effectiveness(self, request: EffectivenessRequest) -> EffectivenessAnswer:
        """How each skill does in each phase; with a `reason` if there is nothing to tell."""
        fewest = request.min_invocations or 1
        parameters = scope(request) | {"workflow_phase": request.workflow_phase}
        rows, anything = await rows_of(self._store, "effectiveness_of_skills", parameters)
        enough = [row for row in rows if row["total_invocations"] >= fewest]
        skills = await to_thread.run_sync(findings.effectiveness, enough)
        reason: NoAnswer = "below_threshold" if rows else "nothing_in_scope"
        return EffectivenessAnswer(skills=skills, reason=why_empty(skills, anything, reason))

    async def bottlenecks(self, request: BottleneckRequest) -> BottleneckAnswer:
        """How far each phase holds work back; with a `reason` if there is nothing to tell."""
        rows, anything = await rows_of(self._store, "phases", scope(request))
        least = request.min_abandonment_rate or 0.0
        found = [one for one in findings.bottlenecks(rows) if _abandoned(one) >= least]
        reason: NoAnswer = "below_threshold" if rows else "nothing_in_scope"
        return BottleneckAnswer(bottlenecks=found, reason=why_empty(found, anything, reason))

    async def transitions(self, request: TransitionsRequest) -> TransitionsAnswer:
        """What follows what in sessions; with a `reason` if there is nothing to tell."""
        rows, anything = await rows_of(self._store, "transitions", scope(request))
        transitions, self_loops = findings.steps(rows)
        reason = why_empty(rows, anything, "nothing_in_scope")
        return TransitionsAnswer(transitions=transitions, self_loops=self_loops, reason=reason)

    async def heatmap(self, request: HeatmapRequest) -> HeatmapAnswer:
        """Skills by phases, the most used ones; with a `reason` if there is nothing to tell."""
        rows, anything = await rows_of(
            self._store, "effectiveness_of_skills", scope(request) | _EVERY_SKILL
        )
        found = await to_thread.run_sync(findings.heatmap, rows, request)
        return found.model_copy(
            update={"reason": why_empty(found.cells, anything, "nothing_in_scope")}
        )

    async def report(self, request: ReportRequest) -> ReportAnswer:
        """The whole report, of one state of the record."""

        async def work(reader: InvocationReader) -> tuple[list[Row], list[Row], list[Row], bool]:
            part = scope(request)
            phases = await reader.rows("phases", part)
            if not phases:
                return [], [], [], (await reader.counts())["total_invocations"] > 0
            skills = await reader.rows("effectiveness_of_skills", part | _EVERY_SKILL)
            return phases, skills, await reader.rows("transitions", part), True

        phases, skills, pairs, anything = await self._store.read(work)
        if not phases:
            return ReportAnswer(reason=why_empty([], anything, "nothing_in_scope"))
        found = await to_thread.run_sync(_findings, phases, skills, pairs)
        if request.format == "markdown":
            return ReportAnswer(markdown=workflow_markdown(found))
        return ReportAnswer(findings=found)


def _findings(phases: list[Row], skills: list[Row], pairs: list[Row]) -> WorkflowFindings:
    transitions, self_loops = findings.steps(pairs)
    return WorkflowFindings(
        total_invocations=sum(row["total_invocations"] for row in phases),
        without_phase=sum(
            row["total_invocations"] for row in skills if row["workflow_phase"] is None
        ),
        phases=findings.phases(phases),
        bottlenecks=findings.bottlenecks(phases),
        transitions=transitions,
        self_loops=self_loops,
        best_skills=findings.best_skills(findings.effectiveness(skills)),
    )


async def rows_of(store: InvocationStore, query: str, parameters: Row) -> tuple[list[Row], bool]:
    """The rows of a query, and whether anything is recorded at all."""

    async def work(reader: InvocationReader) -> tuple[list[Row], bool]:
        rows = await reader.rows(query, parameters)
        return rows, bool(rows) or (await reader.counts())["total_invocations"] > 0

    return await store.read(work)


def scope(request: ScopedRequest) -> Row:
    """The parameters of a query that say which part of the record is asked about."""
    return span(request) | {"session_id": request.session_id}


def span(request: SpanRequest) -> Row:
    """The same, of a query that knows no sessions."""
    since = request.since
    if request.days is not None:
        since = datetime.now(UTC) - timedelta(days=request.days)
    return {"project": request.project, "since": since, "until": request.until}


def why_empty(found: Sequence[object], anything: bool, reason: NoAnswer) -> NoAnswer | None:
    """The reason, if nothing was found; no_history if nothing is recorded at all."""
    if found:
        return None
    return reason if anything else "no_history"


def _abandoned(one: Bottleneck) -> float:
    return one.abandonment_rate.value if one.abandonment_rate else 0.0

"""Reports on phases of workflows: asked of the record, counted in SQL, judged in `findings`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from anyio import to_thread

from session_buddy_skills import findings
from session_buddy_skills.git_metrics import MeanGitMetrics
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
        fewest, part = request.min_invocations or 1, scope(request)
        of_phase = part | {"workflow_phase": request.workflow_phase}

        async def work(reader: InvocationReader) -> EffectivenessAnswer:
            rows, anything = await read_rows(reader, "effectiveness_of_skills", of_phase)
            enough = [row for row in rows if row["total_invocations"] >= fewest]
            shown = (await to_thread.run_sync(findings.surest_first, enough))[: request.limit]
            skills = findings.effectiveness(await _with_details(reader, shown, part))
            reason: NoAnswer = "below_threshold" if rows else "nothing_in_scope"
            return EffectivenessAnswer(
                skills=skills,
                left_out=len(enough) - len(shown),
                reason=why_empty(skills, anything, reason),
            )

        return await self._store.read(work)

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
        part = scope(request)

        async def work(reader: InvocationReader) -> tuple[list[Row], int, bool]:
            skills = "effectiveness_of_skills"
            rows, anything = await read_rows(reader, skills, part | _EVERY_SKILL)
            shown, left_out = findings.most_used(rows, request.limit)
            if request.metric == "duration":
                shown = await _with_details(reader, shown, part)
            return shown, left_out, anything

        rows, left_out, anything = await self._store.read(work)
        found = await to_thread.run_sync(findings.heatmap, rows, left_out, request)
        return found.model_copy(
            update={"reason": why_empty(found.cells, anything, "nothing_in_scope")}
        )

    async def report(self, request: ReportRequest) -> ReportAnswer:
        """The whole report, of one state of the record."""

        part = scope(request)

        async def work(reader: InvocationReader) -> _Counted:
            phases, anything = await read_rows(reader, "phases", part)
            [git] = await reader.rows("git_metrics_of_sessions", part)
            if not phases:
                return _Counted(anything, git=git)
            skills = await reader.rows("effectiveness_of_skills", part | _EVERY_SKILL)
            surest = await to_thread.run_sync(findings.two_surest, skills)
            without_phase = (row for row in skills if row["workflow_phase"] is None)
            return _Counted(
                anything,
                phases,
                await _with_details(reader, surest, part),
                await reader.rows("transitions", part),
                sum(row["total_invocations"] for row in without_phase),
                git,
            )

        counted = await self._store.read(work)
        if not counted.phases and not counted.git["sessions"]:
            return ReportAnswer(reason=why_empty([], counted.anything, "nothing_in_scope"))
        found = await to_thread.run_sync(_findings, counted)
        if request.format == "markdown":
            return ReportAnswer(markdown=workflow_markdown(found))
        return ReportAnswer(findings=found)


@dataclass(slots=True)
class _Counted:
    """What a report rests on."""

    anything: bool
    phases: Sequence[Row] = ()
    surest: Sequence[Row] = ()
    pairs: Sequence[Row] = ()
    without_phase: int = 0
    git: Row = field(default_factory=lambda: {"sessions": 0})


def _findings(counted: _Counted) -> WorkflowFindings:
    transitions, self_loops = findings.steps(counted.pairs)
    return WorkflowFindings(
        total_invocations=sum(row["total_invocations"] for row in counted.phases),
        without_phase=counted.without_phase,
        phases=findings.phases(counted.phases),
        bottlenecks=findings.bottlenecks(counted.phases),
        transitions=transitions,
        self_loops=self_loops,
        best_skills=findings.best_skills(counted.surest),
        git=MeanGitMetrics(**counted.git) if counted.git["sessions"] else None,
    )


async def _with_details(reader: InvocationReader, rows: Sequence[Row], part: Row) -> list[Row]:
    """Rows of skills in phases with what else is told of them in this part of the record."""
    pairs = [(row["skill_name"], row["workflow_phase"] or "") for row in rows]
    names = {"skill_names": [one for one, _ in pairs], "workflow_phases": [one for _, one in pairs]}
    found = await reader.rows("details_of_skills", part | names) if rows else []
    details = {(row["skill_name"], row["phase"]): row for row in found}
    return [details[pair] | row for row, pair in zip(rows, pairs, strict=True)]


async def rows_of(store: InvocationStore, query: str, parameters: Row) -> tuple[list[Row], bool]:
    """The rows of a query, and whether anything is recorded at all."""

    return await store.read(partial(read_rows, query=query, parameters=parameters))


async def read_rows(
    reader: InvocationReader, query: str, parameters: Row
) -> tuple[list[Row], bool]:
    """Likewise, beside what else is read of the same state."""
    rows = await reader.rows(query, parameters)
    return rows, bool(rows) or (await reader.counts())["total_invocations"] > 0


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

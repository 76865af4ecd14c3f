"""Reports on what has changed: counted in SQL, judged, and remembered as episodes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from anyio import to_thread

from session_buddy_skills import change_findings
from session_buddy_skills.analytics.anomalies import Observed, judge
from session_buddy_skills.changes import (
    AcknowledgeRequest,
    AnomaliesAnswer,
    AnomaliesRequest,
    Anomaly,
    TrendAnswer,
    TrendRequest,
)
from session_buddy_skills.errors import InputError
from session_buddy_skills.storage.anomaly_store import AnomalyStore, Asked
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.workflow import NoAnswer

Row = dict[str, Any]


class ChangeReports:
    """Every report on changes, once."""

    def __init__(self, store: InvocationStore) -> None:
        self._store = store
        self._anomalies = AnomalyStore(store.database)

    async def anomalies(self, request: AnomaliesRequest) -> AnomaliesAnswer:
        """What deviates from the baseline now; with a `reason` if nothing does."""
        now = datetime.now(UTC)
        observed, anything = await self.observed(request, now)
        verdicts = await to_thread.run_sync(judge, observed)
        found = {
            change_findings.key(one): one for one in verdicts if one.is_anomaly(request.threshold)
        }
        values = {key: change_findings.values(one) for key, one in found.items()}
        normal = change_findings.back_to_normal(verdicts) - found.keys()
        asked = Asked(request.project, request.time_window_hours, request.baseline_hours)
        open_rows, ended = await self._anomalies.settle(asked, values, normal, now)
        tested = {change_findings.key(one): one for one in verdicts}
        told = [change_findings.anomaly(row, tested) for row in open_rows]
        now_found = [one for one in told if (one.skill_name, one.anomaly_type) in found]
        reason: NoAnswer | None = None
        if not now_found:
            nothing: NoAnswer = "below_threshold" if verdicts else "nothing_in_scope"
            reason = nothing if anything else "no_history"
        return AnomaliesAnswer(
            anomalies=sorted(now_found, key=lambda one: (one.p_value, one.skill_name)),
            still_open=[one for one in told if (one.skill_name, one.anomaly_type) not in found],
            resolved=[change_findings.anomaly(row, {}) for row in ended],
            tests=len(verdicts),
            reason=reason,
        )

    async def observed(
        self, request: AnomaliesRequest, now: datetime
    ) -> tuple[list[Observed], bool]:
        """What each skill did in both windows, and whether anything is recorded at all."""
        window = timedelta(hours=request.time_window_hours)
        split = now - window
        since = split - timedelta(hours=request.baseline_hours)
        places = int(request.baseline_hours // request.time_window_hours)
        span = {"since": since, "until": now, "project": request.project}
        halves = span | {"split": split}

        async def work(reader: InvocationReader) -> tuple[change_findings.Counted | None, bool]:
            rows = await reader.rows("recent_and_baseline", halves)
            if not rows:
                return None, (await reader.counts())["total_invocations"] > 0
            counted = (
                rows,
                await reader.rows("recent_and_baseline_durations", halves),
                await reader.rows("recent_and_baseline_phases", halves),
                await reader.rows(
                    "uses_by_window", halves | {"window_seconds": window.total_seconds()}
                ),
                await reader.rows("used_before", {"since": since, "project": request.project}),
            )
            return counted, True

        counted, anything = await self._store.read(work)
        if counted is None:
            return [], anything
        return await to_thread.run_sync(change_findings.put_together, counted, places), anything

    async def acknowledge(self, request: AcknowledgeRequest) -> Anomaly:
        """Note that somebody knows of an anomaly.

        Raises:
            InputError: there is no such anomaly.
        """
        now = datetime.now(UTC)
        row = await self._anomalies.acknowledge(request.anomaly_id, request.note, now)
        if row is None:
            raise InputError(f'no anomaly "{request.anomaly_id}" is known.')
        return change_findings.anomaly(row, {})

    async def trend(self, request: TrendRequest) -> TrendAnswer:
        """How a skill does from day to day; with a `reason` if there is nothing to tell."""
        now = datetime.now(UTC)
        since = change_findings.midnight(now - timedelta(days=request.days))
        span = {"since": since, "project": request.project}

        async def work(reader: InvocationReader) -> tuple[list[Row], bool, bool]:
            rows = await reader.rows("days_of_skill", span | {"skill_name": request.skill_name})
            before = await reader.rows("used_before", span)
            older = any(row["skill_name"] == request.skill_name for row in before)
            return rows, older, bool(rows) or bool(await reader.metrics(request.skill_name))

        rows, older, known = await self._store.read(work)
        first = since if older else min((row["day"] for row in rows), default=now)
        today = change_findings.midnight(now)
        values = change_findings.day_values(rows, request.metric, first, today)
        answer = change_findings.trend(request, values)
        if not answer.values:
            reason = "nothing_in_scope" if known else "no_such_skill"
            return answer.model_copy(update={"reason": reason})
        return answer

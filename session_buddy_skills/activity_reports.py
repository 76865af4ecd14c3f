"""Reports on what was done when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from session_buddy_skills.activity import (
    BEGINNING_CHARS,
    Hour,
    HourlyAnswer,
    HourlyRequest,
    RealTimeAnswer,
    RealTimeRequest,
    RecentAnswer,
    RecentRequest,
    SessionActivity,
    SessionsAnswer,
    SessionsRequest,
    SkillFreshness,
    SkillHealth,
    SkillHealthRequest,
    SkillNow,
)
from session_buddy_skills.reports import rate
from session_buddy_skills.storage.store import InvocationReader, InvocationStore
from session_buddy_skills.wording import beginning
from session_buddy_skills.workflow_reports import read_rows, rows_of, why_empty

Row = dict[str, Any]
HOUR = timedelta(hours=1)
UNKNOWN = {"session_id": "no_such_session", "skill_name": "no_such_skill"}
"""Why nothing is found where nothing at all is recorded of what a field names."""


class ActivityReports:
    """Every report on what was done when, once."""

    def __init__(self, store: InvocationStore) -> None:
        self._store = store

    async def hourly(self, request: HourlyRequest, now: datetime | None = None) -> HourlyAnswer:
        """The last hours one by one, up to `now`; with a `reason` if all are empty."""
        present = (now or datetime.now(UTC)).replace(minute=0, second=0, microsecond=0)
        hours = [present - HOUR * n for n in range(request.hours - 1, -1, -1)]
        name = request.skill_name
        parameters = {
            "skill_name": name,
            "project": request.project,
            "since": hours[0],
            "until": present + HOUR,
        }

        async def work(reader: InvocationReader) -> tuple[list[Row], str | None]:
            if rows := await reader.rows("hours", parameters):
                return rows, None
            if (await reader.counts())["total_invocations"] == 0:
                return [], "no_history"
            known = name is None or await reader.metrics(name)
            return [], "nothing_in_scope" if known else "no_such_skill"

        rows, reason = await self._store.read(work)
        found = {row["hour_timestamp"]: row for row in rows}
        return HourlyAnswer.model_validate(
            {"hours": [_hour(hour, name, found.get(hour)) for hour in hours], "reason": reason}
        )

    async def real_time(
        self, request: RealTimeRequest, now: datetime | None = None
    ) -> RealTimeAnswer:
        """What is in use up to `now`; with a `reason` if nothing is."""
        until = now or datetime.now(UTC)
        since = until - timedelta(hours=request.window_hours)
        parameters = {"since": since, "until": until, "project": request.project}
        rows, anything = await rows_of(self._store, "skills_in_window", parameters)
        return RealTimeAnswer(
            top_skills=[_skill_now(row) for row in rows[: request.limit]],
            skills_left_out=max(0, len(rows) - request.limit),
            total_invocations=sum(row["invocation_count"] for row in rows),
            since=since,
            reason=why_empty(rows, anything, "nothing_in_scope"),
        )

    async def sessions(self, request: SessionsRequest) -> SessionsAnswer:
        """The sessions of late; with a `reason` if there are none."""
        parameters = {"limit": request.limit, "project": request.project}
        rows, anything = await rows_of(self._store, "recent_sessions", parameters)
        sessions = [
            SessionActivity(
                **{name: row[name] for name in row if name in SessionActivity.model_fields},
                completion_rate=rate(row["completed_count"], row["decided_count"]),
            )
            for row in rows
        ]
        reason = why_empty(sessions, anything, "nothing_in_scope")
        return SessionsAnswer(sessions=sessions, reason=reason)

    async def recent(self, request: RecentRequest) -> RecentAnswer:
        """Single invocations, newest first; with a `reason` if there are none."""
        parameters = request.model_dump() | {"chars": BEGINNING_CHARS + 1}

        async def work(reader: InvocationReader) -> tuple[list[Row], str | None]:
            rows, anything = await read_rows(reader, "recent_invocations", parameters)
            if rows or not anything:
                return rows, None if rows else "no_history"
            everything = dict.fromkeys(parameters) | {"limit": 1, "chars": 1}
            for name, unknown in UNKNOWN.items():
                alone = everything | {name: parameters[name]}
                if not await reader.rows("recent_invocations", alone):
                    return [], unknown
            return [], "nothing_in_scope"

        rows, reason = await self._store.read(work)
        for row in rows:
            for name in ("user_query", "arguments"):
                row[name] = row[name] and beginning(row[name], BEGINNING_CHARS)
        return RecentAnswer.model_validate({"invocations": rows, "reason": reason})

    async def skill_health(
        self, request: SkillHealthRequest, now: datetime | None = None
    ) -> SkillHealth:
        """Which skills are no longer used."""
        present = now or datetime.now(UTC)
        rows = await self._store.rows("last_uses")
        return SkillHealth([_freshness(row, present, request.threshold_days) for row in rows])


def _hour(hour: datetime, skill_name: str | None, row: Row | None) -> Hour:
    counts = row or {"completed_count": 0, "decided_count": 0}
    return Hour(
        hour_timestamp=hour,
        skill_name=skill_name,
        invocation_count=row["invocation_count"] if row else 0,
        completed_count=counts["completed_count"],
        completion_rate=rate(counts["completed_count"], counts["decided_count"]),
        avg_duration_seconds=_mean(row) if row else None,
        unique_sessions=row["unique_sessions"] if row else 0,
    )


def _freshness(row: Row, now: datetime, threshold_days: int) -> SkillFreshness:
    if row["last_invoked"] is None:
        return SkillFreshness(status="unused", days_since_use=None, **row)
    since = now - row["last_invoked"]
    return SkillFreshness(
        status="stale" if since >= timedelta(days=threshold_days) else "fresh",
        days_since_use=round(max(since, timedelta()) / timedelta(days=1), 2),
        **row,
    )


def _skill_now(row: Row) -> SkillNow:
    return SkillNow(
        skill_name=row["skill_name"],
        invocation_count=row["invocation_count"],
        completed_count=row["completed_count"],
        pending_count=row["pending_count"],
        completion_rate=rate(row["completed_count"], row["decided_count"]),
        avg_duration=_mean(row),
        last_invocation_at=row["last_invocation_at"],
    )


def _mean(row: Row) -> float | None:
    timed: int = row["timed_invocations"]
    return row["total_duration_seconds"] / timed if timed else None

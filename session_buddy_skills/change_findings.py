"""Rows on changes that were counted in SQL, judged and put into the form that is answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from session_buddy_skills.analytics.anomalies import TYPES, Observed, Verdict, Window
from session_buddy_skills.analytics.trends import weighted_line
from session_buddy_skills.changes import (
    Anomaly,
    DayValue,
    TrendAnswer,
    TrendMetric,
    TrendRequest,
)
from session_buddy_skills.storage.anomaly_store import Key

Row = dict[str, Any]
Rows = list[Row]
Counted = tuple[Rows, Rows, Rows, Rows, Rows]
"""Outcomes, durations, phases and uses of both windows, and skills that were used before."""

NORMAL_P = 0.05
"""The p-value above which a test says that things are back to normal."""
FEWEST_DAYS = 3
FEWEST_RUNS = 10
SIGNIFICANT = 0.05
SMALLEST_START = 1e-9
"""Below which a change is no share of it."""


def put_together(counted: Counted, places: int) -> list[Observed]:
    """One of each skill, from rows of `storage/sql/changes.sql`.

    A skill that is newer than the baseline has no usual use: its buckets are empty.
    """
    windows, durations, phases, uses, used_before = counted
    outcomes = {(row["skill_name"], row["recent"]): row for row in windows}
    bins, kinds = _counted(durations, "bin"), _counted(phases, "workflow_phase")
    counts: dict[str, dict[int, int]] = defaultdict(dict)
    for row in uses:
        counts[row["skill_name"]][row["place"]] = row["n"]
    older = {row["skill_name"] for row in used_before}
    observed = []
    for name in sorted({row["skill_name"] for row in windows}):
        by_bin, by_kind, by_place = bins.get(name, {}), kinds.get(name, {}), counts[name]
        recent, baseline = (
            Window(
                completed=row["completed_count"] if row else 0,
                decided=row["decided_count"] if row else 0,
                durations=_column(by_bin, half),
                median_seconds=row["p50_duration_seconds"] if row else None,
                phases=_column(by_kind, half),
            )
            for half, row in ((half, outcomes.get((name, half))) for half in (True, False))
        )
        before = range(1, places + 1) if name in older else range(0)
        buckets = np.array([by_place.get(place, 0) for place in before], np.float64)
        observed.append(Observed(name, recent, baseline, by_place.get(0, 0), buckets))
    return observed


def day_values(
    rows: Sequence[Row], metric: TrendMetric, first: datetime, today: datetime
) -> list[DayValue]:
    """The metric day by day; a day without runs has no rate and no duration, but a use of 0."""
    if metric == "completion_rate":
        return [
            DayValue(
                day=row["day"],
                value=row["completed_count"] / row["decided_count"],
                n=row["decided_count"],
            )
            for row in rows
            if row["decided_count"]
        ]
    if metric == "duration":
        return [
            DayValue(day=row["day"], value=row["p50_duration_seconds"], n=row["timed_invocations"])
            for row in rows
            if row["timed_invocations"]
        ]
    counted = {row["day"]: row["total_invocations"] for row in rows}
    # The day that is not over has seen only a part of its use.
    days = [first + timedelta(days=n) for n in range((today - first).days)]
    return [DayValue(day=day, value=counted.get(day, 0), n=counted.get(day, 0)) for day in days]


def trend(request: TrendRequest, values: list[DayValue]) -> TrendAnswer:
    """A line through the values; days of use all weigh the same."""
    n = sum(one.n for one in values)
    answer = TrendAnswer(
        skill_name=request.skill_name,
        metric=request.metric,
        trend="insufficient_data",
        n=n,
        values=values,
    )
    if len(values) < FEWEST_DAYS or n < FEWEST_RUNS:
        return answer
    days = np.array([(one.day - values[0].day) / timedelta(days=1) for one in values])
    weights = [1 if request.metric == "usage" else one.n for one in values]
    runs, found = np.array(weights, np.float64), np.array([one.value for one in values])
    mean = float(np.average(found, weights=runs))
    # By chance alone, a share of n varies by p(1-p)/n, and a count by its mean.
    least = {"completion_rate": mean * (1 - mean), "usage": mean}.get(request.metric, 0.0)
    line = weighted_line(days, found, runs, least)
    better = line.slope < 0 if request.metric == "duration" else line.slope > 0
    highest = 1.0 if request.metric == "completion_rate" else np.inf
    start, end = (float(np.clip(one, 0.0, highest)) for one in (line.start, line.end))
    change = 100 * (end - start) / start if start > SMALLEST_START else None
    direction = "improving" if better else "declining"
    return answer.model_copy(
        update={
            "trend": direction if line.p_value < SIGNIFICANT else "stable",
            "slope": line.slope,
            "slope_low": line.low,
            "slope_high": line.high,
            "p_value": line.p_value,
            "start_value": start,
            "end_value": end,
            "change_percent": change,
            "confidence": 1 - line.p_value,
        }
    )


def midnight(time: datetime) -> datetime:
    """The beginning of its day."""
    return time.replace(hour=0, minute=0, second=0, microsecond=0)


def _counted(rows: Iterable[Row], kind: str) -> dict[str, dict[Any, dict[bool, int]]]:
    """By skill and kind, in the order of the kinds: the runs in each half."""
    found: dict[str, dict[Any, dict[bool, int]]] = defaultdict(dict)
    for row in sorted(rows, key=lambda row: row[kind]):
        found[row["skill_name"]].setdefault(row[kind], {})[row["recent"]] = row["n"]
    return found


def _column(counts: dict[Any, dict[bool, int]], half: bool) -> Any:
    return np.array([halves.get(half, 0) for halves in counts.values()], np.float64)


def key(one: Verdict) -> Key:
    """What an episode of it is known by."""
    return one.skill_name, one.anomaly_type


def values(one: Verdict) -> Row:
    """What is kept of it."""
    return {
        "baseline_value": one.baseline,
        "observed_value": one.observed,
        "deviation_score": one.deviation.score,
        "p_value": one.deviation.p_value,
    }


def back_to_normal(verdicts: Iterable[Verdict]) -> set[Key]:
    """What is not there any more, of what was tested: either direction, or the other one."""
    normal = set()
    for one in verdicts:
        for kind in TYPES[one.measure]:
            if one.deviation.p_value > NORMAL_P or kind != one.anomaly_type:
                normal.add((one.skill_name, str(kind)))
    return normal


def anomaly(row: Row, tested: dict[Key, Verdict]) -> Anomaly:
    """A stored episode, with what this call found of it."""
    verdict = tested.get((row["skill_name"], row["anomaly_type"]))
    return Anomaly(
        **{name: row[name] for name in row if name in Anomaly.model_fields},
        adjusted_p_value=verdict.adjusted_p_value if verdict else None,
        recent_n=verdict.recent_n if verdict else None,
        baseline_n=verdict.baseline_n if verdict else None,
    )

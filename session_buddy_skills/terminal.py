"""Answers as text for a terminal: tables, and charts of a line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from session_buddy_skills.activity import RealTimeAnswer, RecentAnswer, Recorded, SessionsAnswer
from session_buddy_skills.changes import AnomaliesAnswer, Anomaly, TrendAnswer
from session_buddy_skills.community import DependenciesAnswer
from session_buddy_skills.limits import NAME_CHARS
from session_buddy_skills.rendering import (
    MOST_CHARS,
    NOT_KNOWN,
    percent,
    rate_text,
    seconds_text,
    table,
)
from session_buddy_skills.results import SessionSummary, SkillMetrics
from session_buddy_skills.wording import beginning, counted, one_line

STEPS = "▁▂▃▄▅▆▇█"
BAR_CHARS = 20
INFERRED = "*"


def sparkline(values: Sequence[float]) -> str:
    """Values as a row of bars, from the lowest to the highest."""
    low, high = min(values, default=0.0), max(values, default=0.0)
    spread = high - low
    places = [(value - low) / spread if spread else 0.5 for value in values]
    return "".join(STEPS[round(place * (len(STEPS) - 1))] for place in places)


def bar(share: float) -> str:
    """A share from 0 to 1 as a bar."""
    return "█" * max(1, round(share * BAR_CHARS)) if share > 0 else ""


def time_text(time: datetime | None) -> str:
    """A time to the minute, in UTC."""
    return f"{time:%Y-%m-%d %H:%M}" if time else NOT_KNOWN


def top_text(answer: RealTimeAnswer) -> str:
    """The most used skills, with bars."""
    most = max((one.invocation_count for one in answer.top_skills), default=1)
    rows = [
        [
            one.skill_name,
            bar(one.invocation_count / most),
            f"{one.invocation_count:,}",
            rate_text(one.completion_rate),
            seconds_text(one.avg_duration),
            time_text(one.last_invocation_at),
        ]
        for one in answer.top_skills
    ]
    headers = ["skill", "", "used", "completion rate", "mean", "last used (UTC)"]
    total = counted(answer.total_invocations, "invocation")
    total = f"{total} since {time_text(answer.since)} UTC."
    if answer.skills_left_out:
        total += f" {answer.skills_left_out} more skills are not shown."
    return f"{table(headers, rows, texts=2)}\n\n{total}"


def skill_text(skill: SkillMetrics) -> str:
    """One skill."""
    lines = [
        f"{skill.skill_name}: {counted(skill.total_invocations, 'invocation')}, from "
        f"{time_text(skill.first_invoked)} to {time_text(skill.last_invoked)} UTC",
        f"completion rate   {rate_text(skill.completion_rate)}",
        f"outcomes          {skill.completed_invocations} completed, "
        f"{skill.failed_invocations} failed, {skill.abandoned_invocations} abandoned, "
        f"{skill.pending_invocations} running, {skill.unknown_invocations} unknown",
    ]
    if skill.duration is not None:
        lines.append(
            f"duration          p50 {seconds_text(skill.duration.p50_seconds)}, "
            f"p95 {seconds_text(skill.duration.p95_seconds)}, n {skill.duration.n}"
        )
    for name, counts in (
        ("phases", skill.workflow_phases),
        ("paths", skill.workflow_paths),
        ("errors", skill.common_errors),
        ("then", skill.follow_up_actions),
    ):
        if counts:
            told = ", ".join(f"{value} {n}" for value, n in list(counts.items())[:8])
            lines.append(f"{name:18}{told}")
    return "\n".join(lines)


def session_text(session: SessionSummary) -> str:
    """One session."""
    return "\n".join(
        [
            f"{session.session_id}: {counted(session.total_invocations, 'invocation')}, from "
            f"{time_text(session.first_invoked)} to {time_text(session.last_invoked)} UTC",
            f"outcomes  {session.completed_invocations} completed, "
            f"{session.failed_invocations} failed, {session.abandoned_invocations} abandoned, "
            f"{session.pending_invocations} running, {session.unknown_invocations} unknown",
            f"time      {seconds_text(session.total_duration_seconds)}",
            "skills    " + ", ".join(f"{name} {n}" for name, n in session.skills_by_count.items()),
        ]
    )


def sessions_text(answer: SessionsAnswer) -> str:
    """The sessions of late."""
    rows = [
        [
            one.session_id,
            f"{one.total_invocations:,}",
            str(one.total_skills_used),
            str(one.pending_count),
            rate_text(one.completion_rate),
            time_text(one.last_invoked),
        ]
        for one in answer.sessions
    ]
    headers = ["session", "used", "skills", "running", "completion rate", "last (UTC)"]
    # Whole, since one is to be asked for by its id.
    return table(headers, rows, most=NAME_CHARS)


def recent_text(answer: RecentAnswer) -> str:
    """Single invocations."""
    rows = [
        [
            f"{one.invoked_at:%Y-%m-%d %H:%M:%S}",
            one.skill_name,
            _outcome(one),
            seconds_text(one.duration_seconds),
            beginning(one_line(one.user_query or one.arguments or NOT_KNOWN), MOST_CHARS - 1),
        ]
        for one in answer.invocations
    ]
    headers = ["began (UTC)", "skill", "outcome", "took", "request, or arguments"]
    text = table(headers, rows, texts=5)
    if any(one.end_inferred for one in answer.invocations):
        text += f"\n\n{INFERRED} concluded from what came after; nothing says when it ended."
    return f"{text}\n\nThe session, the project and the rest of each are in --json."


def _outcome(one: Recorded) -> str:
    told = f"{one.outcome.value}{INFERRED if one.end_inferred else ''}"
    return f"{told}: {one.error_type}" if one.error_type else told


def anomalies_text(answer: AnomaliesAnswer) -> str:
    """What has changed, what is still open, and what is over."""
    parts = []
    if answer.anomalies:
        parts.append(_anomalies(answer.anomalies))
    else:
        nothing = f"Nothing deviates in {answer.tests} tests."
        parts.append(nothing if answer.tests else "No skill has enough runs to be tested.")
    if answer.still_open:
        parts += ["Still open, not found just now:", _anomalies(answer.still_open)]
    if answer.resolved:
        parts += ["Back to normal:", _anomalies(answer.resolved)]
    return "\n\n".join(parts)


def _anomalies(anomalies: Sequence[Anomaly]) -> str:
    rows = [
        [
            one.skill_name,
            one.anomaly_type,
            _measured(one, one.baseline_value),
            _measured(one, one.observed_value),
            f"{one.deviation_score:+.1f}",
            f"{one.p_value:.1g}",
            time_text(one.detected_at),
            "yes" if one.acknowledged_at else "no",
            str(one.anomaly_id),
        ]
        for one in anomalies
    ]
    headers = ["skill", "what", "was", "is", "score", "p", "first found (UTC)", "known", "id"]
    return table(headers, rows, texts=2)


def _measured(one: Anomaly, value: float | None) -> str:
    if value is None:
        return NOT_KNOWN
    if one.anomaly_type.startswith("duration"):
        return seconds_text(value)
    return f"{value:.1f}" if one.anomaly_type.startswith("usage") else percent(value)


def trend_text(answer: TrendAnswer) -> str:
    """A trend, with its days as a chart."""
    words = answer.trend.replace("_", " ")
    lines = [f"{answer.skill_name}, {answer.metric.replace('_', ' ')}: {words} (n {answer.n})"]
    if answer.values:
        first, last = answer.values[0], answer.values[-1]
        chart = sparkline([one.value for one in answer.values])
        lines.append(f"{first.day:%Y-%m-%d} {chart} {last.day:%Y-%m-%d}")
    if answer.slope is not None and answer.p_value is not None:
        lines.append(
            f"slope {answer.slope:+.3g} a day ({answer.slope_low:+.3g} to "
            f"{answer.slope_high:+.3g}), p {answer.p_value:.2g}; from {answer.start_value:.3g} "
            f"to {answer.end_value:.3g}"
        )
    return "\n".join(lines)


def dependencies_text(answer: DependenciesAnswer) -> str:
    """Skills that are used together."""
    rows = [
        [
            one.skill_a,
            one.skill_b,
            one.relationship_type,
            f"{one.lift_score:.2f} ({one.lift_low:.2f}-{one.lift_high:.2f})",
            f"{one.co_occurrence_count:,}",
            f"{one.adjusted_p_value:.1g}",
            f"{one.a_first_count}:{one.b_first_count}",
        ]
        for one in answer.dependencies
    ]
    headers = ["a", "b", "relationship", "lift", "sessions", "adjusted p", "a first : b first"]
    text = table(headers, rows, texts=3)
    if answer.pairs_left_out:
        text += f"\n\n{answer.pairs_left_out} more pairs are not shown."
    return text

"""Reports as text, that reads well in a terminal and in a chat."""

from __future__ import annotations

from collections.abc import Sequence

from session_buddy_skills.git_metrics import MeanGitMetrics
from session_buddy_skills.results import Rate
from session_buddy_skills.wording import counted, one_line
from session_buddy_skills.workflow import (
    BestSkill,
    Bottleneck,
    HeatmapAnswer,
    HeatmapCell,
    PhaseCounts,
    SelfLoop,
    Transition,
    WorkflowFindings,
)

NOT_KNOWN = "-"
LEVELS = ".:=+*#%@"
"""Marks of a heatmap from the lowest value to the highest, by how much ink each has."""
LEGENDS = {
    "count": "invocations",
    "completion_rate": "completed of those that completed, failed or were abandoned, in %",
    "duration": "median duration",
}
SHOWN_TRANSITIONS = 15
MOST_CHARS = 40
"""Of a name in a table."""


def table(
    headers: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1, *, most: int = MOST_CHARS
) -> str:
    """A Markdown table with even columns; all but the first `texts` columns are numbers."""
    cells = [[_cell(cell, most) for cell in row] for row in (headers, *rows)]
    widths = [max(3, *(len(row[n]) for row in cells)) for n in range(len(headers))]

    def line(row: Sequence[str]) -> str:
        even = [
            cell.ljust(width) if n < texts else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return f"| {' | '.join(even)} |"

    rule = ["-" * width if n < texts else "-" * (width - 1) + ":" for n, width in enumerate(widths)]
    return "\n".join([line(cells[0]), line(rule), *(line(row) for row in cells[1:])])


def percent(share: float) -> str:
    """A share from 0 to 1, as 42 %."""
    return f"{share * 100:.0f} %"


def rate_text(rate: Rate | None) -> str:
    """A rate with its interval and n, as 92 % (85-96, n 80)."""
    if rate is None:
        return NOT_KNOWN
    low, high = round(rate.low * 100), round(rate.high * 100)
    return f"{percent(rate.value)} ({low}-{high}, n {rate.n})"


def seconds_text(seconds: float | None) -> str:
    """Seconds as people say them: 20 ms, 0.8 s, 42 s, 3.5 min, 2.1 h."""
    if seconds is None:
        return NOT_KNOWN
    if 0 < seconds < 0.0995:
        return f"{seconds * 1_000:.2g} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5_970 else f"{seconds / 3_600:.1f} h"


def heatmap_text(heatmap: HeatmapAnswer) -> str:
    """Skills by phases: each value with a mark for how high it is."""
    if not heatmap.cells:
        return ""
    found = {(one.skill_name, one.workflow_phase): one for one in heatmap.cells}
    values = [one.value for one in heatmap.cells if one.value is not None]
    low, high = min(values, default=0.0), max(values, default=0.0)

    def cell(skill: str, phase: str) -> str:
        one = found.get((skill, phase))
        return "" if one is None else _marked(heatmap.metric, one, low, high)

    rows = [[skill, *(cell(skill, phase) for phase in heatmap.phases)] for skill in heatmap.skills]
    unit = LEGENDS[heatmap.metric]
    spread = f"{_value(heatmap.metric, low)} to {_value(heatmap.metric, high)}"
    legend = (
        f"Each value: {unit}.\n"
        f"The mark before it, of {LEVELS}, says where it lies from {spread}.\n"
        f"Empty: not used there; {NOT_KNOWN}: used, value not known."
    )
    if heatmap.skills_left_out:
        legend += f"\n{heatmap.skills_left_out} more skills are not shown."
    return f"{table(['skill', *heatmap.phases], rows)}\n\n{legend}"


def workflow_markdown(findings: WorkflowFindings) -> str:
    """The report on workflows."""
    parts = ["# Workflow report"]
    if findings.phases:
        parts += _of_phases(findings)
    else:
        parts.append("No use of a skill in a workflow phase is recorded here.")
    if findings.git is not None:
        parts += ["## Work with git", _git(findings.git)]
    return "\n\n".join(parts) + "\n"


def _of_phases(findings: WorkflowFindings) -> list[str]:
    return [
        f"{_invocations(findings)} Rates are of what completed, failed or was abandoned, with 95 % "
        "intervals.",
        "## What works in which phase",
        _phases(findings.phases),
        "## Where work gets stuck",
        "The score (0 to 1) rises where a phase loses work or takes more than its share of the "
        "time.",
        _bottlenecks(findings.bottlenecks),
        "## What follows what",
        _transitions(findings.transitions, findings.self_loops),
        "## The surest skill of each phase",
        _best(findings.best_skills),
    ]


def _git(git: MeanGitMetrics) -> str:
    told = {
        "commits per hour": _number(git.commit_velocity),
        "branches": _number(git.branch_count),
        "merges without conflicts": _share(git.merge_success_rate),
        "commits in conventional form": _share(git.conventional_compliance),
        "workflow efficiency (0 to 100)": _number(git.workflow_efficiency),
    }
    sessions = "one session" if git.sessions == 1 else f"{git.sessions:,} sessions"
    heading = f"Means over {sessions} that told of it, of what each told last."
    return f"{heading}\n\n{table(['measure', 'mean'], [list(one) for one in told.items()])}"


def _number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:,.1f}"


def _share(value: float | None) -> str:
    return NOT_KNOWN if value is None else percent(value)


def _invocations(findings: WorkflowFindings) -> str:
    counts = (
        counted(findings.total_invocations, "invocation"),
        counted(len(findings.phases), "phase"),
    )
    told = " in ".join(counts) + "."
    if findings.without_phase:
        told += f" {findings.without_phase:,} more have no phase and are not in this report."
    return told


def _phases(phases: Sequence[PhaseCounts]) -> str:
    headers = ["phase", "used", "completed", "failed", "abandoned", "completion rate", "p50", "p95"]
    rows = [
        [
            one.workflow_phase,
            f"{one.total_invocations:,}",
            f"{one.completed_count:,}",
            f"{one.failed_count:,}",
            f"{one.abandoned_count:,}",
            rate_text(one.completion_rate),
            seconds_text(one.duration.p50_seconds if one.duration else None),
            seconds_text(one.duration.p95_seconds if one.duration else None),
        ]
        for one in phases
    ]
    return table(headers, rows)


def _bottlenecks(bottlenecks: Sequence[Bottleneck]) -> str:
    headers = ["phase", "severity", "score", "loses", "abandons", "share of time"]
    rows = [
        [
            one.workflow_phase,
            one.severity,
            f"{one.bottleneck_score:.2f}",
            rate_text(one.loss_rate),
            rate_text(one.abandonment_rate),
            percent(one.time_share),
        ]
        for one in bottlenecks
    ]
    return table(headers, rows, texts=2)


def _transitions(transitions: Sequence[Transition], self_loops: Sequence[SelfLoop]) -> str:
    if not transitions and not self_loops:
        return "No session has two invocations with a phase."
    parts = []
    if transitions:
        headers = ["from", "to", "most often with", "times", "of all that leave", "median gap"]
        rows = [
            [
                one.from_phase,
                one.to_phase,
                one.most_common_skill,
                f"{one.invocation_count:,}",
                rate_text(one.probability),
                seconds_text(one.median_gap_seconds),
            ]
            for one in transitions[:SHOWN_TRANSITIONS]
        ]
        parts.append(table(headers, rows, texts=3))
        if len(transitions) > SHOWN_TRANSITIONS:
            parts.append(f"{len(transitions) - SHOWN_TRANSITIONS} rarer ones are not shown.")
    if self_loops:
        stays = [f"{one.workflow_phase} {percent(one.probability.value)}" for one in self_loops]
        parts.append(f"Steps that stay in their phase: {', '.join(stays)}.")
    return "\n\n".join(parts)


def _best(best: Sequence[BestSkill]) -> str:
    if not best:
        return "No run has completed yet."
    lines = [
        f"- {_code(one.workflow_phase)}: **{_code(one.skill_name)}**. {one.evidence}"
        for one in best
    ]
    return "\n".join(lines)


def _marked(metric: str, one: HeatmapCell, low: float, high: float) -> str:
    if one.value is None:
        return NOT_KNOWN
    place = (one.value - low) / (high - low) if high > low else 1.0
    return f"{LEVELS[round(place * (len(LEVELS) - 1))]} {_value(metric, one.value)}"


def _value(metric: str, value: float) -> str:
    if metric == "duration":
        return seconds_text(value)
    return f"{value * 100:.0f}" if metric == "completion_rate" else f"{value:,.0f}"


def _code(name: str) -> str:
    """A name that no Markdown in it can change."""
    return f"`` {name} ``" if "`" in name else f"`{name}`"


def _cell(text: str, most: int) -> str:
    text = one_line(text)
    # Cut in the middle, since names often differ in their ends.
    half = (most - 1) // 2
    cut = text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
    return cut.replace("|", "\\|")

"""The reports in a terminal: each command asks what a tool answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from session_buddy_skills.cli.asking import ask
from session_buddy_skills.errors import InputError

F = TypeVar("F", bound=Callable[..., None])
NOTHING = {
    "no_history": "nothing is recorded yet",
    "nothing_in_scope": "nothing is recorded in this part",
    "below_threshold": "nothing reaches what was asked for",
}
UNKNOWN = {
    "no_such_skill": "no use of such a skill is recorded; `skills list` tells which there are.",
    "no_such_session": "no such session is recorded; `sessions` tells which are.",
}

as_json = click.option("--json", "as_json", is_flag=True, help="The whole answer, as JSON.")
project = click.option("--project", help="One project alone.")


def _scope(command: F) -> F:
    for option in (
        click.option("--session", "session_id", help="One session alone."),
        project,
        click.option("--days", type=float, help="The last so many days.  [default: all]"),
    ):
        command = option(command)
    return command


def show(
    answer: dict[str, Any], as_json: bool, text: Callable[[], str], *, of_phases: bool = False
) -> None:
    """Print an answer, or say why there is nothing in it."""
    if as_json:
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    elif answer.get("reason") in UNKNOWN:
        raise InputError(UNKNOWN[answer["reason"]])
    elif of_phases and answer.get("reason") == "nothing_in_scope":
        click.echo("nothing with a workflow phase is recorded in this part")
    elif answer.get("reason") in NOTHING:
        click.echo(NOTHING[answer["reason"]])
    else:
        click.echo(text().rstrip())


@click.command()
@_scope
@as_json
@click.pass_obj
def report(options: dict[str, object], /, as_json: bool, **where: Any) -> None:
    """How work goes: phases, bottlenecks, what follows what, the surest skills."""
    from session_buddy_skills.workflow import ReportRequest

    asked = where | {"format": "json" if as_json else "markdown"}
    answer = ask(
        options,
        "workflow_report",
        lambda service, request: service.analyses.workflow.report(request),
        ReportRequest,
        asked,
    )
    show(answer, as_json, lambda: str(answer["markdown"]), of_phases=True)


@click.command()
@click.argument("name")
@as_json
@click.pass_obj
def skill(options: dict[str, object], name: str, as_json: bool) -> None:
    """One skill: outcomes, durations, phases, errors."""
    from session_buddy_skills.questions import SkillMetricsRequest
    from session_buddy_skills.results import SkillMetricsAnswer
    from session_buddy_skills.terminal import skill_text

    answer = ask(
        options,
        "skill_metrics",
        lambda service, request: service.skill_metrics(request.skill_name),
        SkillMetricsRequest,
        {"skill_name": name},
    )
    show(answer, as_json, lambda: skill_text(SkillMetricsAnswer.model_validate(answer).skills[0]))


@click.command()
@click.option("--hours", type=float, default=24.0, show_default=True, help="The recent window.")
@click.option("--baseline", type=float, default=168.0, show_default=True, help="Hours before it.")
@click.option("--threshold", type=float, default=2.0, show_default=True, help="Least deviation.")
@project
@as_json
@click.pass_obj
def anomalies(
    options: dict[str, object],
    hours: float,
    baseline: float,
    threshold: float,
    project: str | None,
    as_json: bool,
) -> None:
    """What has changed in the last hours."""
    from session_buddy_skills.changes import AnomaliesAnswer, AnomaliesRequest
    from session_buddy_skills.terminal import anomalies_text

    answer = ask(
        options,
        "detect_anomalies",
        lambda service, request: service.analyses.changes.anomalies(request),
        AnomaliesRequest,
        {
            "time_window_hours": hours,
            "baseline_hours": baseline,
            "threshold": threshold,
            "project": project,
        },
    )
    told = answer if answer["reason"] == "no_history" else answer | {"reason": None}
    show(
        answer if as_json else told,
        as_json,
        lambda: anomalies_text(AnomaliesAnswer.model_validate(answer)),
    )


@click.command()
@click.argument("name")
@click.option(
    "--metric",
    type=click.Choice(["completion_rate", "duration", "usage"]),
    default="completion_rate",
    show_default=True,
    help="What of it.",
)
@click.option("--days", type=float, default=30.0, show_default=True, help="The last so many.")
@project
@as_json
@click.pass_obj
def trend(
    options: dict[str, object],
    name: str,
    metric: str,
    days: float,
    project: str | None,
    as_json: bool,
) -> None:
    """Whether a skill gets better or worse from day to day."""
    from session_buddy_skills.changes import TrendAnswer, TrendRequest
    from session_buddy_skills.terminal import trend_text

    answer = ask(
        options,
        "get_skill_trend",
        lambda service, request: service.analyses.changes.trend(request),
        TrendRequest,
        {"skill_name": name, "metric": metric, "days": days, "project": project},
    )
    show(answer, as_json, lambda: trend_text(TrendAnswer.model_validate(answer)))


@click.command()
@click.option(
    "--metric",
    type=click.Choice(["count", "completion_rate", "duration"]),
    default="count",
    show_default=True,
    help="What of each skill in each phase.",
)
@click.option("--limit", type=int, default=20, show_default=True, help="Most skills to show.")
@_scope
@as_json
@click.pass_obj
def heatmap(
    options: dict[str, object], /, metric: str, limit: int, as_json: bool, **where: Any
) -> None:
    """Skills by phases."""
    from session_buddy_skills.workflow import HeatmapRequest

    answer = ask(
        options,
        "phase_heatmap",
        lambda service, request: service.analyses.workflow.heatmap(request),
        HeatmapRequest,
        where | {"metric": metric, "limit": limit},
    )
    show(answer, as_json, lambda: str(answer["text"]), of_phases=True)


@click.command()
@click.argument("name", required=False)
@click.option("--min-lift", type=float, default=1.0, show_default=True, help="Least lift.")
@click.option("--limit", type=int, default=20, show_default=True, help="Most pairs to show.")
@_scope
@as_json
@click.pass_obj
def deps(
    options: dict[str, object],
    /,
    name: str | None,
    min_lift: float,
    limit: int,
    as_json: bool,
    **where: Any,
) -> None:
    """Skills that are used in the same sessions."""
    from session_buddy_skills.community import DependenciesAnswer, DependenciesRequest
    from session_buddy_skills.terminal import dependencies_text

    answer = ask(
        options,
        "get_skill_dependencies",
        lambda service, request: service.analyses.community.dependencies(request),
        DependenciesRequest,
        where | {"skill_name": name, "min_lift": min_lift, "limit": limit},
    )
    show(answer, as_json, lambda: dependencies_text(DependenciesAnswer.model_validate(answer)))


REPORTS = (report, skill, anomalies, trend, heatmap, deps)

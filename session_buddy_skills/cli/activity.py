"""What was done of late, in a terminal."""

from __future__ import annotations

from typing import Any

import click

from session_buddy_skills.cli.asking import ask
from session_buddy_skills.cli.reports import as_json, project, show


@click.command()
@click.option("--hours", type=float, default=24.0, show_default=True, help="The last so many.")
@click.option("--limit", type=int, default=10, show_default=True, help="Most skills to show.")
@project
@as_json
@click.pass_obj
def top(
    options: dict[str, object], hours: float, limit: int, project: str | None, as_json: bool
) -> None:
    """The most used skills of late."""
    from session_buddy_skills.activity import RealTimeAnswer, RealTimeRequest
    from session_buddy_skills.terminal import top_text

    answer = ask(
        options,
        "get_real_time_metrics",
        lambda service, request: service.analyses.activity.real_time(request),
        RealTimeRequest,
        {"window_hours": hours, "limit": limit, "project": project},
    )
    show(answer, as_json, lambda: top_text(RealTimeAnswer.model_validate(answer)))


@click.command()
@click.argument("session_id", required=False)
@click.option("--limit", type=int, default=20, show_default=True, help="Most sessions to show.")
@project
@as_json
@click.pass_obj
def sessions(
    options: dict[str, object],
    session_id: str | None,
    limit: int,
    project: str | None,
    as_json: bool,
) -> None:
    """The sessions of late, or one of them."""
    from session_buddy_skills.activity import SessionsAnswer, SessionsRequest
    from session_buddy_skills.questions import SessionRequest
    from session_buddy_skills.results import SessionSummary
    from session_buddy_skills.terminal import session_text, sessions_text

    if session_id is not None:
        if project is not None:
            raise click.UsageError("a session is asked for by its id alone, without --project")
        one = ask(
            options,
            "session_summary",
            lambda service, request: service.session_summary(request.session_id),
            SessionRequest,
            {"session_id": session_id},
        )
        show(one, as_json, lambda: session_text(SessionSummary.model_validate(one)))
        return
    answer = ask(
        options,
        "recent_sessions",
        lambda service, request: service.analyses.activity.sessions(request),
        SessionsRequest,
        {"limit": limit, "project": project},
    )
    show(answer, as_json, lambda: sessions_text(SessionsAnswer.model_validate(answer)))


@click.command()
@click.option("--session", "session_id", help="One session alone.")
@click.option("--skill", "skill_name", help="One skill alone.")
@click.option("--limit", type=int, default=20, show_default=True, help="Most uses to show.")
@project
@as_json
@click.pass_obj
def recent(options: dict[str, object], /, as_json: bool, **asked: Any) -> None:
    """Single uses of skills, newest first."""
    from session_buddy_skills.activity import RecentAnswer, RecentRequest
    from session_buddy_skills.terminal import recent_text

    answer = ask(
        options,
        "recent_invocations",
        lambda service, request: service.analyses.activity.recent(request),
        RecentRequest,
        asked,
    )
    show(answer, as_json, lambda: recent_text(RecentAnswer.model_validate(answer)))


ACTIVITY = (recent, top, sessions)

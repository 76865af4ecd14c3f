"""What crackerjack uses: its tracker protocol, and its agents' runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from session_buddy_skills.bridge.channels import Backend
from session_buddy_skills.bridge.fields import (
    NEEDED_TO_ASK,
    QUESTION,
    TEXT_OR_NONE,
    are_texts,
    check_setup,
    given,
    stated,
)
from session_buddy_skills.bridge.recorder import DEADLINE, Recorder, Status
from session_buddy_skills.bridge.skills_bridge import Recommended
from session_buddy_skills.bridge.tracked_work import TrackedWork, text_of, told_by

Completer = Callable[..., None]
SOURCE = "crackerjack"


class SkillsTracker:
    """Satisfies crackerjack's `SkillsTrackerProtocol`: synchronous, from any thread or loop."""

    def __init__(self, session_id: str, recorder: Recorder, deadline: float = DEADLINE) -> None:
        check_setup(session_id=session_id, deadline=deadline)
        self.session_id = session_id
        self.workflow_phase: str | None = None
        """The phase under way, as a `WorkflowObserver` tells it; for runs that state none."""
        self.deadline = deadline
        self.recorder = recorder
        self._off = recorder.off

    def track_invocation(
        self,
        skill_name: str,
        user_query: str | None = None,
        alternatives_considered: list[str] | None = None,
        selection_rank: int | None = None,
        workflow_phase: str | None = None,
    ) -> Completer | None:
        """A use of a skill starts; call the answer when it has ended. None when tracking is off.

        Raises:
            TypeError: an argument is of a wrong type.
        """
        if (
            self._off
            # Where nothing is recorded nearly all calls cost no more than this look at their types;
            # what it does not know is looked at as if it were recorded.
            and skill_name.__class__ is str
            and user_query.__class__ in TEXT_OR_NONE
            and (selection_rank is None or selection_rank.__class__ is int)
            and workflow_phase.__class__ in TEXT_OR_NONE
            and (alternatives_considered is None or are_texts(alternatives_considered))
        ):
            return None
        run = self.recorder.start(
            {
                "skill_name": skill_name,
                "session_id": self.session_id,
                "user_query": user_query,
                "alternatives_considered": alternatives_considered,
                "selection_rank": selection_rank,
                "workflow_phase": stated(workflow_phase, self.workflow_phase),
                "source": SOURCE,
            }
        )
        if self._off:
            return None

        def completer(
            *,
            completed: bool = True,
            follow_up_actions: list[str] | None = None,
            error_type: str | None = None,
        ) -> None:
            run.end(completed=completed, follow_up_actions=follow_up_actions, error_type=error_type)

        return completer

    def get_recommendations(
        self, user_query: str, limit: int = 5, workflow_phase: str | None = None
    ) -> list[dict[str, object]]:
        """The skills that fit, best first; empty, with a `reason`, without an answer in time."""
        return self.recommend_skills(user_query, limit, None, workflow_phase)

    def recommend_skills(
        self,
        user_query: str,
        limit: int = 5,
        session_id: str | None = None,
        workflow_phase: str | None = None,
    ) -> list[dict[str, object]]:
        """Likewise, for another session."""
        asked = {
            "user_query": user_query,
            "limit": limit,
            "session_id": stated(session_id, self.session_id),
            "workflow_phase": workflow_phase,
        }
        arguments = given(asked, QUESTION, NEEDED_TO_ASK)
        return Recommended(*self.recorder.ask("recommend_skills", arguments, self.deadline))

    def is_enabled(self) -> bool:
        """Whether what is recorded goes anywhere."""
        return self.recorder.enabled

    def get_backend(self) -> str:
        """What was asked for, and what it came to."""
        return self.recorder.name

    def is_connected(self) -> bool:
        """Whether the last delivery or question was answered."""
        return self.recorder.connected

    def status(self) -> Status:
        """How the bridge stands."""
        return self.recorder.status()

    def close(self) -> None:
        """End the session: runs without an end become unknown; the rest goes out or is spooled."""
        self.recorder.close()


def create_skills_tracker(
    session_id: str,
    enabled: bool = True,
    backend: Backend = "auto",
    db_path: Path | None = None,
    mcp_server_url: str | None = None,
) -> SkillsTracker:
    """crackerjack's factory; `db_path` is the database that `direct` opens, and the spool's place.

    Without a url the server of that database is looked for, and no other delivered to.

    Raises:
        InputError: there is no such backend, the url is not one, or the session has no name.
        TypeError: an argument is of a wrong type.
    """
    check_setup(
        session_id=session_id, enabled=enabled, db_path=db_path, mcp_server_url=mcp_server_url
    )
    chosen: Backend = backend if enabled else "off"
    return SkillsTracker(session_id, Recorder(chosen, url=mcp_server_url, database=db_path))


@cache
def _nothing() -> Recorder:
    return Recorder("off")


def tracked_agent(
    tracker: SkillsTracker | None,
    agent_name: str,
    *,
    issue: object = None,
    candidates: Sequence[object] | None = (),
    workflow_phase: str | None = None,
) -> TrackedWork:
    """Track an agent's run: `with tracked_agent(…) as run: run.result = agent.fix(issue)`.

    `issue.message` is the request. Among `candidates` (agents, names, or pairs of one with a
    score), best first, the agent has its rank, and the others are the alternatives. Nothing is
    tracked without a tracker, or with another's that is not enabled, as crackerjack's own.

    Raises:
        TypeError: it is another's and enabled, or none at all.
    """
    if not isinstance(tracker, SkillsTracker):
        if tracker is not None and not _is_disabled(tracker):
            raise TypeError(f"tracker must be what create_skills_tracker() gave, not {tracker!r}")
        return TrackedWork(_nothing(), {"skill_name": agent_name, "session_id": ""})
    fields: dict[str, Any] = {
        "skill_name": agent_name,
        "session_id": tracker.session_id,
        "workflow_phase": stated(workflow_phase, tracker.workflow_phase),
        "source": SOURCE,
    }
    if issue is not None and (message := told_by(issue, "message")) is not None:
        fields["user_query"] = text_of(message)
    if candidates:
        fields["alternatives_considered"] = others = []
        for rank, candidate in enumerate(candidates, 1):
            name = _named(candidate)
            if name != agent_name:
                others.append(name)
            else:
                fields.setdefault("selection_rank", rank)
    return TrackedWork(tracker.recorder, fields)


def _is_disabled(tracker: object) -> bool:
    is_enabled = getattr(tracker, "is_enabled", None)
    return callable(is_enabled) and is_enabled() is False


def _named(candidate: object) -> str:
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, tuple) and candidate:
        return _named(candidate[0])
    name = told_by(candidate, "name")
    return text_of(candidate if name is None else name)

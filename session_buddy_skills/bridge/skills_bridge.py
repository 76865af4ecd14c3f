"""The bridge for asynchronous programs.

anyio, and asyncio with it, is loaded with the first bridge: not by who imports this.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from session_buddy_skills.bridge.channels import HEALTH_SECONDS, Backend
from session_buddy_skills.bridge.fields import (
    NEEDED_TO_ASK,
    QUESTION,
    TEXT_OR_NONE,
    check_setup,
    given,
    stated,
)
from session_buddy_skills.bridge.link import UNREACHABLE
from session_buddy_skills.bridge.recorder import DEADLINE, Recorder, Status
from session_buddy_skills.bridge.runs import OUTCOMES, Outcome, Run
from session_buddy_skills.bridge.tracked_work import TrackedWork


class Recommended(list[dict[str, Any]]):
    """What is recommended, best first; where it is empty, `reason` says why."""

    def __init__(self, answer: dict[str, Any] | None, reason: str | None) -> None:
        found = answer or {}
        super().__init__(found.get("recommendations", []))
        self.reason: str | None = reason or found.get("reason")
        self.recommendation_id: str | None = found.get("recommendation_id")
        """Handed to `track` with the skill that was chosen, it tells what it was chosen from."""


class SkillsBridge:
    """Records uses of skills and asks which fits, without ever getting in the way.

    Recording puts an event on a queue and returns; it raises nothing but a TypeError, where the
    call itself is wrong. Questions are answered within `deadline` seconds, or with nothing and a
    reason.
    """

    def __init__(
        self,
        session_id: str,
        *,
        backend: Backend = "mcp",
        url: str | None = None,
        database: str | Path | None = None,
        data_dir: Path | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        """`database` and `data_dir` say where the spool is, and what `direct` opens.

        Without a `url` the server of that database is looked for, and no other delivered to.

        Raises:
            InputError: there is no such backend, the url is not one, the session has no name, or
                the deadline is over at once.
            TypeError: an argument is of a wrong type.
        """
        import anyio  # noqa: F401 - here, where no deadline runs

        check_setup(session_id=session_id, deadline=deadline)
        self.session_id = session_id
        self.deadline = deadline
        self.recorder = Recorder(backend, url=url, database=database, data_dir=data_dir)
        self._off = self.recorder.off

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def track(
        self,
        skill_name: str,
        *,
        user_query: str | None = None,
        workflow_phase: str | None = None,
        **fields: Any,
    ) -> Run:
        """A use of a skill starts; `fields` are the others of `track_invocation`.

        Raises:
            TypeError: there is no such field, or it is of a wrong type.
        """
        if (
            self._off
            # Where nothing is recorded the usual calls cost no more than this look at their types;
            # what it does not know is looked at as if it were recorded. So in `complete`.
            and not fields
            and skill_name.__class__ is str
            and user_query.__class__ in TEXT_OR_NONE
            and workflow_phase.__class__ in TEXT_OR_NONE
        ):
            return self.recorder.no_run
        return self.recorder.start(
            {
                "skill_name": skill_name,
                "session_id": self.session_id,
                "user_query": user_query,
                "workflow_phase": workflow_phase,
                **fields,
            }
        )

    async def complete(
        self,
        run: Run,
        outcome: Outcome | None = None,
        *,
        completed: bool | None = None,
        **fields: Any,
    ) -> None:
        """It has ended: `outcome` or `completed`, and what else `Run.end` takes.

        Raises:
            TypeError: likewise, or `run` is not what `track` gave.
        """
        if (
            self._off
            and not fields
            and run.__class__ is Run
            and (
                completed.__class__ is bool
                if outcome is None
                else completed is None and outcome.__class__ is str and outcome in OUTCOMES
            )
        ):
            return
        if not isinstance(run, Run):
            raise TypeError(f"run must be what track() gave, not {run!r}")
        run.end(outcome, completed=completed, **fields)

    def run(self, skill_name: str, **fields: Any) -> TrackedWork:
        """Track a piece of work: `async with bridge.run("pytest-run") as run:`."""
        return TrackedWork(
            self.recorder, {"skill_name": skill_name, "session_id": self.session_id, **fields}
        )

    async def recommend(
        self,
        user_query: str,
        *,
        limit: int = 5,
        session_id: str | None = None,
        workflow_phase: str | None = None,
        project: str | None = None,
        user_id: str | None = None,
    ) -> Recommended:
        """The skills that fit, at this point of the session.

        Raises:
            TypeError: an argument is of a wrong type.
        """
        asked = {
            "user_query": user_query,
            "limit": limit,
            "session_id": stated(session_id, self.session_id),
            "workflow_phase": workflow_phase,
            "project": project,
            "user_id": user_id,
        }
        arguments = given(asked, QUESTION, NEEDED_TO_ASK)
        return Recommended(*await self._ask("recommend_skills", arguments))

    async def workflow_recommendations(self, session_id: str | None = None) -> Recommended:
        """What usually comes next and works, given what the session did."""
        asked = {"session_id": stated(session_id, self.session_id)}
        return Recommended(*await self._ask("get_workflow_recommendations", given(asked, QUESTION)))

    async def health(self) -> dict[str, Any]:
        """What `health_check` answers; with `status` "unreachable" and a reason if nothing does."""
        answer, reason = await self._ask("health_check", {}, HEALTH_SECONDS)
        found: dict[str, Any] = answer or {"status": "unreachable", "reason": reason}
        return found

    def status(self) -> Status:
        """How the bridge stands."""
        return self.recorder.status()

    def is_enabled(self) -> bool:
        """Whether what is recorded goes anywhere."""
        return self.recorder.enabled

    async def close(self) -> None:
        """End the session: runs without an end become unknown; the rest goes out or is spooled."""
        from anyio import CancelScope, to_thread

        with CancelScope(shield=True):  # it takes a second at most, and who is cancelled ends too
            await to_thread.run_sync(self.recorder.close)

    async def _ask(
        self, tool: str, arguments: dict[str, Any], seconds: float | None = None
    ) -> tuple[Any, str | None]:
        from anyio import move_on_after, to_thread

        within = seconds or self.deadline
        with move_on_after(within):
            return await to_thread.run_sync(
                self.recorder.ask, tool, arguments, within, abandon_on_cancel=True
            )
        return None, UNREACHABLE

"""Tells the record of the phases of crackerjack's workflow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from session_buddy_skills.bridge.crackerjack import SOURCE, SkillsTracker
from session_buddy_skills.bridge.fields import END, START, given
from session_buddy_skills.bridge.runs import Outcome, Run
from session_buddy_skills.bridge.tracked_work import broken_off_by

Started = tuple[str, Run]


class WorkflowObserver:
    """Tells the phases of crackerjack's workflow as they start and end, as skills of that name."""

    def __init__(self, tracker: SkillsTracker, workflow_path: str | None = None) -> None:
        """`workflow_path` is the same for all that it tells.

        Raises:
            TypeError: the tracker is none of ours, or the path is no text.
        """
        if not isinstance(tracker, SkillsTracker):
            raise TypeError(f"tracker must be what create_skills_tracker() gave, not {tracker!r}")
        given({"workflow_path": workflow_path}, START)
        self._tracker = tracker
        self._workflow_path = workflow_path
        self._running: list[Started] = []
        self._by_name: dict[str, Started] = {}
        """Of these, the ones of which nothing but the phase's name will tell the end."""

    @contextmanager
    def phase(self, phase: str) -> Iterator[None]:
        """A phase, from its start to its end; it may run several times at once.

        It has failed if the block raises, and is abandoned where that is cancelled or interrupted.
        """
        started = self._start(phase)
        try:
            yield
        except BaseException as error:
            self._end(started, *broken_off_by(type(error)))
            raise
        self._end(started, "completed")

    def phase_started(self, phase: str) -> None:
        """A phase starts; runs that state no phase belong to it until it ends.

        Where it was started before, and never ended, that has come to an end nobody told of.
        """
        started = self._start(phase)
        before = self._by_name.pop(phase, None)
        self._by_name[phase] = started
        if before is not None:
            before[1].lapse()
            self._over(before)

    def phase_ended(
        self, phase: str, *, success: bool = True, error_type: str | None = None
    ) -> None:
        """A phase has ended, without success it has failed; one that was not started is ignored.

        Raises:
            TypeError: an argument is of a wrong type.
        """
        given({"skill_name": phase}, START)
        given({"error_type": error_type}, END)
        if not isinstance(success, bool):
            raise TypeError(f"success must be True or False, not {success!r}")
        started = self._by_name.pop(phase, None)
        if started is not None:
            self._end(started, "completed" if success else "failed", error_type)

    def _start(self, phase: str) -> Started:
        run = self._tracker.recorder.start(
            {
                "skill_name": phase,
                "session_id": self._tracker.session_id,
                "workflow_phase": phase,
                "workflow_path": self._workflow_path,
                "source": SOURCE,
            }
        )
        started = phase, run
        self._tracker.workflow_phase = phase
        self._running.append(started)
        return started

    def _end(self, started: Started, outcome: Outcome, error_type: str | None = None) -> None:
        started[1].end(outcome, error_type=error_type)
        self._over(started)

    def _over(self, started: Started) -> None:
        self._running.remove(started)
        if self._tracker.workflow_phase == started[0]:
            # Phases may overlap: of those that go on, the one that started last.
            last = self._running[-1:]
            self._tracker.workflow_phase = last[0][0] if last else None

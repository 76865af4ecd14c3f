"""What crackerjack's agents and workflow tell: runs around them, and phases."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills import spool
from session_buddy_skills.bridge import (
    SkillsBridge,
    WorkflowObserver,
    create_skills_tracker,
    tracked_agent,
)
from session_buddy_skills.locations import Locations
from tests.bridge.conftest import NewTracker, settled, wait_until
from tests.bridge.test_faults import NOBODY, metrics
from tests.conftest import ServerProcess


@dataclass
class Agent:
    name: str


@dataclass
class Issue:
    message: str


@dataclass
class FixResult:
    success: bool


class NoOpTracker:
    def is_enabled(self) -> bool:
        return False


@pytest.mark.parametrize("tracker", [None, NoOpTracker()])
def test_without_a_tracker_an_agent_runs_all_the_same(tracker: Any) -> None:
    with tracked_agent(tracker, "agent", candidates=None) as run:
        run.result = {"success": True}
        with pytest.raises(AttributeError):
            run.succeeded = True  # type: ignore[attr-defined]
    assert run.run.ended
    with pytest.raises(TypeError, match="skill_name must be text, not 7"):
        tracked_agent(tracker, 7).__enter__()  # type: ignore[arg-type]


async def test_what_is_no_tracker_is_said_at_once(data_dir: Path) -> None:
    async with SkillsBridge("s", url=NOBODY) as bridge:
        for wrong in (bridge, "s", 7):
            with pytest.raises(TypeError, match="what create_skills_tracker\\(\\) gave, not "):
                tracked_agent(wrong, "agent")  # type: ignore[arg-type]


@dataclass
class LintResult:
    success: bool = False
    error_type: str = "LintError"


class Broken:
    @property
    def success(self) -> bool:
        raise RuntimeError("not known")


def test_what_a_result_says_of_its_failure_is_kept(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    for result in (LintResult(), {"success": False, "error_type": "LintError"}, Broken()):
        with tracked_agent(tracker, "told", issue=Broken()) as run:
            run.result = result
    wait_until(lambda: settled(tracker.recorder))
    found = metrics(shared_server)["told"]
    assert found["common_errors"] == {"LintError": 2}
    assert found["unknown_invocations"] == 1


class Unnamed:
    @property
    def name(self) -> str:
        raise RuntimeError("no name")

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Untold:
    message = Unnamed()


@pytest.mark.parametrize("enabled", [True, False])
def test_what_others_cannot_tell_ends_nothing(
    enabled: bool, shared_server: ServerProcess, shared_dir: Path
) -> None:
    name = f"untold {enabled}"
    tracker = create_skills_tracker("s", enabled, "mcp", mcp_server_url=shared_server.url)
    with tracked_agent(tracker, name, issue=Untold(), candidates=[Unnamed(), name]) as run:
        run.follow_up_actions = [Unnamed()]  # type: ignore[list-item]
    with pytest.raises(OSError, match="its own"), tracked_agent(tracker, name) as run:
        run.follow_up_actions = 7  # type: ignore[assignment]
        raise OSError("its own")
    with pytest.raises(TypeError, match="not iterable"), tracked_agent(tracker, name) as run:
        run.follow_up_actions = 7  # type: ignore[assignment]
    tracker.close()
    if enabled:
        found = metrics(shared_server)[name]
        assert (found["completed_invocations"], found["failed_invocations"]) == (1, 1)
        assert found["follow_up_actions"] == {"Unnamed": 1}


def test_a_cancelled_phase_is_abandoned_and_others_go_on(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    observer = WorkflowObserver(tracker)
    observer.phase_started("tests")
    for error in (asyncio.CancelledError, KeyboardInterrupt):
        with pytest.raises(error), observer.phase("cleaning"):
            raise error
        assert tracker.workflow_phase == "tests"
    observer.phase_ended("tests")
    assert tracker.workflow_phase is None
    wait_until(lambda: settled(tracker.recorder))
    assert metrics(shared_server)["cleaning"]["abandoned_invocations"] == 2


def test_phases_that_run_twice_at_once_or_never_end(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    observer = WorkflowObserver(tracker)
    with (
        observer.phase("linting"),
        pytest.raises(OSError, match="x"),
        observer.phase("linting"),
    ):
        raise OSError("x")
    with observer.phase("linting"):
        observer.phase_started("linting")
        observer.phase_started("linting")
        observer.phase_ended("linting", success=False)
        observer.phase_ended("linting")
        assert tracker.workflow_phase == "linting"
    assert tracker.workflow_phase is None
    wait_until(lambda: settled(tracker.recorder))
    found = metrics(shared_server)["linting"]
    assert (found["completed_invocations"], found["failed_invocations"]) == (2, 2)
    assert found["unknown_invocations"] == 1


@pytest.mark.parametrize("backend", ["mcp", "off"])
def test_phases_are_told_alike_whether_or_not_they_are_recorded(
    backend: Any, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(NOBODY, backend=backend)
    with pytest.raises(TypeError, match="workflow_path must be text, not 7"):
        WorkflowObserver(new_tracker(NOBODY), 7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="tracker must be what create_skills_tracker"):
        WorkflowObserver(tracker.recorder)  # type: ignore[arg-type]
    observer = WorkflowObserver(tracker)
    with observer.phase("outer"):
        with observer.phase("inner"):
            observer.phase_started("told")
            for wrong in ({"success": "no"}, {"error_type": 5}):
                with pytest.raises(TypeError, match=f"{next(iter(wrong))} must be"):
                    observer.phase_ended("told", **wrong)
            with pytest.raises(TypeError, match="skill_name must be text, not 7"):
                observer.phase_ended(7)  # type: ignore[arg-type]
            assert tracker.workflow_phase == "told"
            observer.phase_ended("told")
            assert tracker.workflow_phase == "inner"
        assert tracker.workflow_phase == "outer"
    assert tracker.workflow_phase is None


def test_phases_of_many_threads(new_tracker: NewTracker, data_dir: Path) -> None:
    tracker = new_tracker(NOBODY)
    observer = WorkflowObserver(tracker)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(lambda n: _phases(observer, f"phase-{n}", 2_000), range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert tracker.workflow_phase is None
    tracker.close()
    read = [spool.read(path) for path in spool.waiting(Locations(data_dir).spool)]
    outcomes = {
        record["invocation_id"]: record["outcome"]
        for found in read
        for record in found.records
        if record.get("outcome")
    }
    assert len(outcomes) == 4 * 2_000 * 2
    assert set(outcomes.values()) == {"completed"}


def _phases(observer: WorkflowObserver, name: str, count: int) -> None:
    for _ in range(count):
        with observer.phase(name):
            observer.phase_started(name)
            observer.phase_ended(name)


async def test_agents_and_phases_of_crackerjack(
    shared_server: ServerProcess, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    observer = WorkflowObserver(tracker, "comprehensive")
    observer.phase_started("fast_hooks")
    candidates = [(Agent("RefactoringAgent"), 0.9), (Agent("FormattingAgent"), 0.7)]
    issue = Issue("line too long")
    with tracked_agent(tracker, "FormattingAgent", issue=issue, candidates=candidates) as run:
        run.result = FixResult(success=True)
    async with tracked_agent(tracker, "FormattingAgent", issue=issue) as run:
        run.result = FixResult(success=False)
    with (
        pytest.raises(OSError, match="x"),
        tracked_agent(tracker, "FormattingAgent", workflow_phase="tests"),
    ):
        raise OSError("x")
    observer.phase_ended("fast_hooks", success=False, error_type="HookFailed")
    observer.phase_ended("never started")
    with pytest.raises(RuntimeError), observer.phase("commit"):
        raise RuntimeError("workflow-task-failed: commit")
    await asyncio.to_thread(wait_until, lambda: settled(tracker.recorder))
    found = await asyncio.to_thread(metrics, shared_server)
    agent = found["FormattingAgent"]
    assert (agent["completed_invocations"], agent["failed_invocations"]) == (1, 2)
    assert agent["workflow_phases"] == {"fast_hooks": 2, "tests": 1}
    assert agent["avg_selection_rank"] == 2
    assert agent["common_errors"] == {"OSError": 1}
    assert found["fast_hooks"]["common_errors"] == {"HookFailed": 1}
    assert found["commit"]["common_errors"] == {"RuntimeError": 1}
    assert found["fast_hooks"]["workflow_paths"] == {"comprehensive": 1}

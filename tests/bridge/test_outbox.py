"""What keeps a caller from ever being hurt: threads that cannot start, trials that go unheard."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from session_buddy_skills import spool
from session_buddy_skills.bridge import SkillsTracker
from session_buddy_skills.bridge.breaker import TRYING_SECONDS, Breaker
from session_buddy_skills.locations import Locations
from tests.bridge.test_faults import NOBODY, use


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_longer_each_time_and_lets_one_through() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    waits = []
    for _ in range(12):
        assert breaker.allows()
        breaker.failed()
        assert not breaker.allows()
        waits.append(breaker.seconds_left)
        states = {breaker.state}
        clock.now += breaker.seconds_left
        assert states | {breaker.state} == {"open", "half-open"}
    for number, seconds in enumerate(waits):
        usual = min(30.0, 0.5 * 2**number)
        assert 0.5 * usual <= seconds <= 1.5 * usual
    assert breaker.allows()
    assert not breaker.allows()
    breaker.succeeded()
    assert breaker.state == "closed"
    assert breaker.allows()


def test_a_trial_of_which_nothing_is_heard_is_given_up() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    breaker.failed()
    clock.now += breaker.seconds_left
    assert breaker.allows()
    clock.now += TRYING_SECONDS - 0.1
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.allows()


def test_without_threads_what_is_told_is_spooled_at_the_end(
    new_tracker: Callable[..., SkillsTracker], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    tracker = new_tracker(NOBODY)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        use(tracker, 20)
        found = tracker.get_recommendations("q")
        assert (found, found.reason) == ([], "server_unreachable")  # type: ignore[attr-defined]
        assert "can't start new thread" in (tracker.status().last_error or "")
        tracker.close()
    [path] = spool.waiting(Locations(data_dir).spool)
    assert len(spool.read(path).records) == 20


def test_an_argument_that_cannot_be_sent_is_said_and_nothing_else_suffers(
    new_tracker: Callable[..., SkillsTracker],
) -> None:
    tracker = new_tracker(NOBODY)
    with pytest.raises(TypeError, match="not JSON serializable"):
        tracker.recorder.ask("recommend_skills", {"user_query": {1, 2}}, 0.2)
    assert tracker.status().breaker == "closed"


def test_a_thread_without_work_ends_and_the_next_use_starts_another(
    new_tracker: Callable[..., SkillsTracker], data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("session_buddy_skills.bridge.outbox.IDLE_SECONDS", 0.2)
    tracker = new_tracker(NOBODY, backend="direct")
    for count in (1, 2, 3):
        use(tracker, 1)
        for thread in threading.enumerate():
            if thread.name == "session-buddy-skills bridge":
                thread.join(20)
                assert not thread.is_alive()
        assert (tracker.status().queued, tracker.status().delivered) == (0, count)

"""The bridge on a real server: what is told, asked and refused; from threads, loops and forks."""

from __future__ import annotations

import asyncio
import enum
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import anyio
import httpx2
import psutil
import pytest

from session_buddy_skills.bridge import (
    SkillsBridge,
    create_skills_tracker,
    outbox,
    tracked_agent,
)
from session_buddy_skills.errors import InputError
from session_buddy_skills.locations import Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.spooling import SpoolIntake
from tests.bridge.conftest import NewTracker, settled, wait_until
from tests.bridge.test_faults import NOBODY, metrics
from tests.conftest import ROOT, ServerProcess, environment, start_server
from tests.invocations import all_invocations


async def stored(data_dir: Path) -> Counter[tuple[str, str]]:
    """The uses that a server on this folder would have, by skill and outcome."""
    settings = Settings.load(data_dir=data_dir)
    async with open_service(settings, recommending=False) as service:
        await SpoolIntake(service, settings.locations.spool).take_in()
        return Counter((one.skill_name, one.outcome) for one in await all_invocations(service))


def ask(server: ServerProcess, tool: str, **arguments: Any) -> Any:
    return httpx2.post(f"{server.url}/tools/{tool}", json=arguments, timeout=30).json()


async def test_what_is_told_is_recorded(shared_server: ServerProcess, data_dir: Path) -> None:
    async with SkillsBridge("told", url=shared_server.url) as bridge:
        run = await bridge.track(
            "failing",
            user_query="run the tests",
            alternatives_considered=["tox", "nox"],
            selection_rank=1,
            workflow_phase="tests",
            project="p",
        )
        await bridge.complete(run, outcome="failed", error_type="builtins.OSError")
        async with bridge.run("working", user_query="lint this") as work:
            work.follow_up_actions.append("commit")
        with pytest.raises(ZeroDivisionError):
            async with bridge.run("raising"):
                _ = 1 / 0
        with anyio.move_on_after(0.05):
            async with bridge.run("too slow"):
                await anyio.sleep(5)
        forgotten = await bridge.track("forgotten")
        assert not forgotten.ended
    assert settled(bridge.recorder)
    summary = ask(shared_server, "session_summary", session_id="told")
    assert summary["total_invocations"] == 5
    found = metrics(shared_server)
    assert found["failing"]["common_errors"] == {"builtins.OSError": 1}
    assert found["failing"]["avg_selection_rank"] == 1
    assert found["working"]["follow_up_actions"] == {"commit": 1}
    assert found["raising"]["common_errors"] == {"ZeroDivisionError": 1}
    assert found["too slow"]["abandoned_invocations"] == 1
    assert 0.03 < found["too slow"]["duration"]["p50_seconds"] < 4
    assert found["forgotten"]["unknown_invocations"] == 1


async def test_questions_are_answered(server: ServerProcess, data_dir: Path) -> None:
    async with SkillsBridge("asking", url=server.url, deadline=20) as bridge:
        assert (await bridge.recommend("run the tests")).reason == "no_skills"
        for _ in range(3):
            async with bridge.run("pytest-run", user_query="run the tests"):
                pass
            async with bridge.run("commit", user_query="commit this"):
                pass
        wait_until(lambda: settled(bridge.recorder))
        async with bridge.run("pytest-run", user_query="run the tests"):
            pass
        found = await bridge.recommend("run the tests", limit=3)
        for _ in range(100):  # what is recorded is taken in in the background
            if found:
                break
            await anyio.sleep(0.1)
            found = await bridge.recommend("run the tests", limit=3)
        assert found[0]["skill_name"] == "pytest-run"
        assert {"similarity_score", "completed", "duration_seconds", "workflow_phase"} <= set(
            found[0]
        )
        async with bridge.run("chosen", recommendation_id=found.recommendation_id):
            pass
        wait_until(lambda: settled(bridge.recorder))
        nexts = await bridge.workflow_recommendations()
        assert isinstance(nexts, list)
        assert nexts or nexts.reason
        assert (await bridge.health())["status"] == "ok"
        status = bridge.status()
        assert (status.backend, status.connected, status.breaker) == ("mcp", True, "closed")
        assert bridge.is_enabled()
        refused = await bridge.recommend("q", limit=0)
        assert refused.reason == "limit must be at least 1, not 0."


async def test_without_a_server_there_is_an_empty_answer_with_its_reason(data_dir: Path) -> None:
    async with SkillsBridge("alone", url=NOBODY) as bridge:
        assert (await bridge.recommend("q"), (await bridge.recommend("q")).reason) == (
            [],
            "server_unreachable",
        )
        assert (await bridge.health())["status"] == "unreachable"
        assert bridge.is_enabled()  # the spool takes what is told
        assert not bridge.status().connected


def test_calls_share_one_connection(shared_server: ServerProcess) -> None:
    client = McpHttp(shared_server.url)
    ports = set()
    for _ in range(3):
        client.call_tool("health_check", {}, 5)
        assert client._connection.sock is not None
        ports.add(client._connection.sock.getsockname()[1])
    client.close()
    assert len(ports) == 1


@pytest.mark.parametrize("backend", ["mcp", "direct", "auto", "off"])
async def test_a_call_that_is_wrong_is_said_at_once(backend: Any, data_dir: Path) -> None:
    async with SkillsBridge("wrong", backend=backend, url=NOBODY) as bridge:
        with pytest.raises(TypeError, match="unexpected keyword argument 'query'"):
            await bridge.track("k", query="q")
        with pytest.raises(TypeError, match="skill_name must be text, not 7"):
            await bridge.track(7)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="selection_rank must be a whole number, not '1'"):
            await bridge.track("k", selection_rank="1")
        with pytest.raises(TypeError, match="alternatives_considered must be a list of texts"):
            await bridge.track("k", alternatives_considered="tox")
        with pytest.raises(TypeError, match="recommendation_id must be a UUID or its text, not 5"):
            await bridge.track("k", recommendation_id=5)
        with pytest.raises(TypeError, match="selection_rank must be a whole number of at most 64"):
            await bridge.track("k", selection_rank=10**5_000)
        for field in ("user_query", "workflow_phase", "project", "session_id"):
            with pytest.raises(TypeError, match=f"{field} must be text, not 7"):
                await bridge.track("k", **{field: 7})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="run must be what track\\(\\) gave, not 'k'"):
            await bridge.complete("k", completed=True)  # type: ignore[arg-type]
        run = await bridge.track("k")
        with pytest.raises(TypeError, match="needs an outcome"):
            await bridge.complete(run)
        for outcome in ("done", 7, ["completed"]):
            with pytest.raises(TypeError, match="outcome must be one of completed, failed"):
                await bridge.complete(run, outcome)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="needs an outcome, or completed as True or False"):
            await bridge.complete(run, completed=1)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="rating must be a whole number"):
            await bridge.complete(run, "completed", rating="5")
        with pytest.raises(TypeError, match="unexpected keyword argument 'why'"):
            await bridge.complete(run, "completed", why="5")
        for wrong in ("x", False):
            with pytest.raises(TypeError, match="completed must be left out, or agree with"):
                await bridge.complete(run, "completed", completed=wrong)  # type: ignore[arg-type]
        assert not run.ended or backend == "off"
        await bridge.complete(run, "completed", completed=True)
        assert run.ended
        with pytest.raises(TypeError, match="user_query must be text, not None"):
            await bridge.recommend(None)  # type: ignore[arg-type]
        for question in (
            bridge.recommend("q", session_id=0),  # type: ignore[arg-type]
            bridge.workflow_recommendations([]),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError, match=r"session_id must be text, not (0|\[\])"):
                await question
    tracker = create_skills_tracker("wrong", backend=backend, mcp_server_url=NOBODY)
    for phase in (0, False, b""):
        with pytest.raises(TypeError, match="workflow_phase must be text, not"):
            tracker.track_invocation("k", workflow_phase=phase)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="user_query must be text, not None"):
        tracker.recommend_skills(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="session_id must be text, not 0"):
        tracker.recommend_skills("q", session_id=0)  # type: ignore[arg-type]
    tracker.close()
    for session_id in (7, None):
        with pytest.raises(TypeError, match="session_id must"):
            SkillsBridge(session_id, backend=backend)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="session_id must"):
            create_skills_tracker(session_id, backend=backend)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="backend must be one of mcp, direct, auto, off"):
        SkillsBridge("wrong", backend="http")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="the server's address must be like http"):
        SkillsBridge("wrong", url="ftp://x")
    with pytest.raises(InputError, match=r"the server's address is none: .*'local host'"):
        SkillsBridge("wrong", url="http://local host:8678")
    for field in ("url", "database", "data_dir", "deadline"):
        with pytest.raises(TypeError, match=f"{field} must be"):
            SkillsBridge("wrong", backend=backend, **{field: []})  # type: ignore[arg-type]
    for field in ("enabled", "db_path", "mcp_server_url"):
        with pytest.raises(TypeError, match=f"{field} must be"):
            create_skills_tracker("wrong", **{"backend": backend, field: 3})
    with pytest.raises(InputError, match="session_id must not be empty"):
        create_skills_tracker(" ", backend=backend)
    for deadline in (0, -1, float("nan"), float("inf"), 10**400):
        with pytest.raises(InputError, match="deadline must be more than 0 and at most 86400 "):
            SkillsBridge("wrong", backend=backend, deadline=deadline)


def test_off_records_nothing_and_says_so(data_dir: Path) -> None:
    tracker = create_skills_tracker("s", enabled=False)
    assert tracker.track_invocation("k") is None
    assert tracker.track_invocation("k", "why", ["other"], 1, "test") is None
    for wrong in ({"skill_name": 7}, {"user_query": 7}, {"alternatives_considered": "tox"},
                  {"alternatives_considered": ["tox", 7]}, {"alternatives_considered": {"tox"}},
                  {"selection_rank": "1"}, {"selection_rank": True},
                  {"workflow_phase": 7}):  # fmt: skip
        with pytest.raises(TypeError, match=f"{next(iter(wrong))} must be"):
            tracker.track_invocation(**{"skill_name": "k"} | wrong)
    assert tracker.get_recommendations("q") == []
    assert (tracker.is_enabled(), tracker.is_connected(), tracker.get_backend()) == (
        False, False, "off",
    )  # fmt: skip
    tracker.close()
    assert not Locations(data_dir).spool.exists()


async def test_a_bridge_that_is_off_keeps_nothing(data_dir: Path) -> None:
    async with SkillsBridge("s", backend="off") as bridge:
        run = await bridge.track("k", user_query="why", workflow_phase="test", project="p")
        await bridge.complete(run, completed=False, error_type="E")
        await bridge.complete(await bridge.track("k"), "completed")
        async with bridge.run("k") as work:
            work.error_type = "E"
        assert bridge.status().queued == 0
        assert not bridge.is_enabled()
    assert not Locations(data_dir).spool.exists()


@runtime_checkable
class SkillsTrackerProtocol(Protocol):
    """What crackerjack asks of a tracker, by its names (DESIGN §7)."""

    def track_invocation(
        self,
        skill_name: str,
        user_query: str | None = None,
        alternatives_considered: list[str] | None = None,
        selection_rank: int | None = None,
        workflow_phase: str | None = None,
    ) -> Callable[..., None] | None: ...
    def get_recommendations(
        self, user_query: str, limit: int = 5, workflow_phase: str | None = None
    ) -> list[dict[str, object]]: ...
    def recommend_skills(
        self,
        user_query: str,
        limit: int = 5,
        session_id: str | None = None,
        workflow_phase: str | None = None,
    ) -> list[dict[str, object]]: ...
    def is_enabled(self) -> bool: ...
    def get_backend(self) -> str: ...
    def is_connected(self) -> bool: ...


async def test_crackerjacks_protocol_inside_a_running_loop(
    shared_server: ServerProcess, new_tracker: NewTracker
) -> None:
    tracker: SkillsTrackerProtocol = new_tracker(shared_server.url)
    assert isinstance(tracker, SkillsTrackerProtocol)
    first = tracker.track_invocation("twice", "a", ["x"], 2, "tests")
    second = tracker.track_invocation(skill_name="twice", user_query="b")
    assert first is not None
    assert second is not None
    first(completed=False, follow_up_actions=["retry"], error_type="E")
    second()
    second(completed=False)  # only the first end counts
    await asyncio.to_thread(wait_until, tracker.is_connected)
    found = (await asyncio.to_thread(metrics, shared_server))["twice"]
    assert (found["completed_invocations"], found["failed_invocations"]) == (1, 1)
    assert found["common_errors"] == {"E": 1}
    assert found["workflow_phases"] == {"tests": 1}


def test_many_threads_record_at_once(shared_server: ServerProcess, new_tracker: NewTracker) -> None:
    tracker = new_tracker(shared_server.url)

    def work() -> None:
        for _ in range(250):
            completer = tracker.track_invocation("threads")
            assert completer is not None
            completer()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    wait_until(lambda: settled(tracker.recorder))
    assert metrics(shared_server)["threads"]["completed_invocations"] == 2_000


def test_a_burst_beyond_the_queue_is_spooled_not_dropped(
    new_tracker: NewTracker, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From four threads, that take from a full queue beside the one that delivers."""
    monkeypatch.setattr(outbox, "QUEUED_MOST", 300)
    monkeypatch.setattr(outbox, "LINGER", 0.001)
    tracker = new_tracker(NOBODY)

    def work() -> None:
        for _ in range(4_000):
            tracker.recorder.start({"skill_name": "burst", "session_id": "s"}).end("completed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    tracker.close()
    assert tracker.status().lost == 0
    server = start_server(data_dir)
    try:
        wait_until(lambda: settled(tracker.recorder), 60)
        assert metrics(server)["burst"]["completed_invocations"] == 16_000
    finally:
        server.stop()


PROGRAM = """
import asyncio, multiprocessing, os, signal, sys, threading, time
from session_buddy_skills.bridge import create_skills_tracker
how, name = sys.argv[2:]
reachable = name.endswith("True")
def record():
    global tracker
    tracker = create_skills_tracker("s", backend="mcp", mcp_server_url=sys.argv[1])
    for _ in range(50):
        tracker.track_invocation(name)()
    tracker.track_invocation(f"{name} open")
if how == "terminated, made in a thread":
    thread = threading.Thread(target=record)
    thread.start()
    thread.join()
else:
    record()
if how.startswith("terminated"):
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(30)
if how == "raises":
    raise RuntimeError("the program is broken")
if how == "forks" and reachable:
    while not tracker.is_connected():  # with a connection that the child must not use
        time.sleep(0.01)
if how == "multiprocessing":
    def work():
        for _ in range(50):
            tracker.track_invocation(f"{name} child")()
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join()
    assert process.exitcode == 0
if how == "forks":
    child = os.fork()
    for _ in range(50):
        tracker.track_invocation(name if child else f"{name} child")()
    if child:
        assert os.waitpid(child, 0)[1] == 0
if how == "loop crashes":
    async def crash():
        asyncio.get_running_loop().stop()
        await asyncio.sleep(5)
    asyncio.run(crash())
"""
ENDS = {
    "returns": 0,
    "raises": 1,
    "terminated": -signal.SIGTERM,
    "terminated, made in a thread": -signal.SIGTERM,
    "forks": 0,
    "multiprocessing": 0,
    "loop crashes": 1,
}


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize("how", ENDS)
def test_however_a_program_ends_all_of_it_is_kept(
    how: str, reachable: bool, shared_server: ServerProcess, shared_dir: Path
) -> None:
    url, name = (shared_server.url if reachable else NOBODY), f"{how} {reachable}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url, how, name],
        env=environment(shared_dir),
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ENDS[how], done.stderr.decode()
    wait_until(lambda: not list(Locations(shared_dir).spool.glob("*.jsonl")))
    found = metrics(shared_server)
    closed, left_open = found[name], found[f"{name} open"]
    both = 100 if how == "forks" else 50
    assert closed["completed_invocations"] == closed["total_invocations"] == both
    assert left_open["unknown_invocations"] == left_open["total_invocations"] == 1
    if how in ("forks", "multiprocessing"):
        assert found[f"{name} child"]["completed_invocations"] == 50


LATE = """
import atexit, sys
late = []
atexit.register(lambda: late[0].track_invocation(f"{sys.argv[2]} late")())
from session_buddy_skills.bridge import create_skills_tracker
late.append(create_skills_tracker("s", backend="mcp", mcp_server_url=sys.argv[1]))
late[0].track_invocation(f"{sys.argv[2]} before")()
"""


def test_what_is_recorded_after_the_end_is_kept(
    shared_server: ServerProcess, shared_dir: Path
) -> None:
    for url, name in ((shared_server.url, "up"), (NOBODY, "down")):
        subprocess.run(
            [sys.executable, "-c", LATE, url, name],
            env=environment(shared_dir),
            cwd=ROOT,
            timeout=60,
            check=True,
        )
        wait_until(lambda: not list(Locations(shared_dir).spool.glob("*.jsonl")))
        found = metrics(shared_server)
        for when in ("before", "late"):
            assert found[f"{name} {when}"]["completed_invocations"] == 1


DROPPED = """
import gc, sys, time
from session_buddy_skills.bridge import create_skills_tracker, outbox
outbox.IDLE_SECONDS = 0.05
create_skills_tracker("s", backend="mcp", mcp_server_url=sys.argv[1]).track_invocation("dropped")
for _ in range(5):
    time.sleep(0.2)
    gc.collect()
"""


def test_runs_of_a_tracker_that_was_dropped_end_with_the_program(
    shared_server: ServerProcess, shared_dir: Path
) -> None:
    subprocess.run(
        [sys.executable, "-c", DROPPED, shared_server.url],
        env=environment(shared_dir),
        cwd=ROOT,
        timeout=60,
        check=True,
    )
    found = metrics(shared_server)["dropped"]
    assert found["unknown_invocations"] == found["total_invocations"] == 1


HERE = """
import sys, time
from session_buddy_skills.bridge import create_skills_tracker
tracker = create_skills_tracker("s", backend=sys.argv[1])
tracker.track_invocation("k")()
time.sleep(float(sys.argv[2]))
tracker.track_invocation("open")
"""


@pytest.mark.parametrize("backend", ["direct", "auto"])
@pytest.mark.parametrize("seconds", [0, 0.3, 2])
def test_a_program_with_the_database_in_it_ends_quietly(
    backend: str, seconds: float, data_dir: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HERE, backend, str(seconds)],
        env=environment(data_dir, port=9),
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    assert asyncio.run(stored(data_dir)) == {("k", "completed"): 1, ("open", "unknown"): 1}


def test_without_a_url_nothing_goes_to_another_database(
    shared_server: ServerProcess, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESSION_BUDDY_SKILLS_PORT", shared_server.url.rpartition(":")[2])
    tracker = create_skills_tracker("s", backend="mcp")
    tracker.track_invocation("not for that one")
    wait_until(lambda: tracker.status().spooled > 0)
    assert "is the server of another database" in (tracker.status().last_error or "")
    tracker.close()
    assert "not for that one" not in metrics(shared_server)
    own = start_server(data_dir)
    try:
        wait_until(lambda: not tracker.status().spooled)
        tracker = create_skills_tracker("s", backend="mcp")
        tracker.track_invocation("found by its file")
        wait_until(lambda: tracker.status().delivered > 0)
        tracker.close()
        assert {"not for that one", "found by its file"} <= metrics(own).keys()
    finally:
        own.stop()


def test_a_named_server_of_another_database_gets_what_is_its_own(
    new_tracker: NewTracker, data_dir: Path, tmp_path: Path
) -> None:
    other = start_server(tmp_path / "other")
    port = int(other.url.rpartition(":")[2])
    other.stop()
    tracker = new_tracker(other.url)
    tracker.track_invocation("before it is there")
    wait_until(lambda: tracker.status().spooled > 0)
    other = start_server(tmp_path / "other", port=port)
    try:
        wait_until(lambda: settled(tracker.recorder))
        assert tracker.status().connected
        assert tracker.status().last_error is None
    finally:
        other.stop()
    tracker.track_invocation("while it is gone")
    tracker.close()
    assert tracker.status().spooled > 0
    assert not list(Locations(data_dir).spool.glob("*.jsonl"))
    other = start_server(tmp_path / "other", port=port)
    try:
        again = new_tracker(other.url)  # another program, which finds what is for that server
        again.track_invocation("once more")
        wait_until(lambda: settled(again.recorder))
        names = {"before it is there", "while it is gone", "once more"}
        assert metrics(other).keys() == names
    finally:
        other.stop()


@pytest.mark.parametrize("backend", ["direct", "auto"])
def test_a_server_that_has_left_is_not_clung_to(
    backend: str, new_tracker: NewTracker, data_dir: Path
) -> None:
    server = start_server(data_dir)
    tracker = new_tracker(NOBODY, backend=backend)
    tracker.track_invocation("with it")
    wait_until(lambda: tracker.get_backend() == f"{backend} (mcp)" and settled(tracker.recorder))
    server.stop()
    tracker.track_invocation("without it")
    wait_until(lambda: tracker.is_connected() and settled(tracker.recorder), 30)
    assert "mcp" not in tracker.get_backend()


def test_a_clock_set_back_within_a_run_leaves_its_end(
    shared_server: ServerProcess, new_tracker: NewTracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = new_tracker(shared_server.url)
    completer = tracker.track_invocation("set back")
    assert completer is not None
    wait_until(lambda: tracker.status().delivered == 1)
    real = time.time
    monkeypatch.setattr("session_buddy_skills.bridge.runs.time.time", lambda: real() - 3_600)
    completer()
    wait_until(lambda: tracker.status().delivered == 2)
    assert tracker.status().rejected == 0
    assert metrics(shared_server)["set back"]["completed_invocations"] == 1


def test_a_wrong_end_is_said_at_once_and_holds_up_nothing(
    shared_server: ServerProcess, new_tracker: NewTracker
) -> None:
    class Ended(enum.Enum):
        COMPLETED = "completed"

    tracker = new_tracker(shared_server.url)
    completer = tracker.track_invocation("ended wrong")
    assert completer is not None
    with pytest.raises(TypeError, match="completed as True or False, not 'no'"):
        completer(completed="no")
    run = tracker.recorder.start(
        {"skill_name": "wrong outcome", "session_id": "s", "user_query": "bad \udc80 name"}
    )
    for wrong in ("complete", Ended.COMPLETED):
        with pytest.raises(TypeError, match="outcome must be one of completed, failed, "):
            run.end(wrong)  # type: ignore[arg-type]
    completer()
    run.end("completed")
    with tracked_agent(tracker, "wrong agent") as work:
        work.result = {"success": False}
    wait_until(lambda: settled(tracker.recorder))
    assert tracker.status().rejected == 0
    found = metrics(shared_server)
    assert (
        found["ended wrong"]["completed_invocations"]
        == found["wrong outcome"]["completed_invocations"]
        == 1
    )
    assert found["wrong agent"]["failed_invocations"] == 1


def test_direct_opens_the_database_itself(new_tracker: NewTracker, data_dir: Path) -> None:
    tracker = new_tracker(NOBODY, backend="direct")
    completer = tracker.track_invocation("direct")
    assert completer is not None
    completer()
    wait_until(lambda: tracker.status().delivered > 0 and tracker.status().queued == 0)
    assert tracker.get_backend() == "direct"
    assert tracker.is_connected()
    assert tracker.status().spooled == 0
    tracker.close()
    assert asyncio.run(stored(data_dir)) == {("direct", "completed"): 1}


@pytest.mark.parametrize("backend", ["direct", "auto"])
def test_a_held_database_is_reached_through_its_server(
    backend: str, new_tracker: NewTracker, data_dir: Path
) -> None:
    server = start_server(data_dir)
    try:
        tracker = new_tracker(NOBODY, backend=backend)
        completer = tracker.track_invocation("held")
        assert completer is not None
        completer()
        wait_until(lambda: tracker.get_backend() == f"{backend} (mcp)")
        wait_until(lambda: settled(tracker.recorder))
        assert metrics(server)["held"]["completed_invocations"] == 1
    finally:
        server.stop()
    assert not Locations(data_dir).server_file.exists()


def test_auto_connects_for_a_question_as_well(
    empty_server: ServerProcess, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(empty_server.url, backend="auto")
    tracker.deadline = 10
    found = tracker.get_recommendations("run the tests")
    assert (found, found.reason) == ([], "no_skills")  # type: ignore[attr-defined]
    assert tracker.get_backend() == "auto (mcp)"


def test_auto_takes_a_server_that_answers(
    shared_server: ServerProcess, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url, backend="auto")
    completer = tracker.track_invocation("auto")
    assert completer is not None
    completer()
    wait_until(lambda: tracker.get_backend() == "auto (mcp)")
    wait_until(lambda: settled(tracker.recorder))
    assert metrics(shared_server)["auto"]["completed_invocations"] == 1


def test_a_password_in_an_address_is_not_told() -> None:
    assert McpHttp("http://user:secret@127.0.0.1:1").url == "http://127.0.0.1:1"


def test_a_list_that_its_owner_changes_is_kept_as_it_was(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    names, actions = ["a", "b"], ["commit"]
    completer = tracker.track_invocation("listed", alternatives_considered=names)
    assert completer is not None
    names.append("c")
    wait_until(lambda: tracker.status().delivered == 1)
    completer(follow_up_actions=actions)
    for changed in (names, actions):
        changed.append(None)  # type: ignore[arg-type]
    wait_until(lambda: tracker.status().delivered == 2)
    found = metrics(shared_server)["listed"]
    assert found["completed_invocations"] == 1
    assert found["follow_up_actions"] == {"commit": 1}


async def test_a_bridge_is_closed_though_its_caller_is_cancelled(
    shared_server: ServerProcess, shared_dir: Path
) -> None:
    with anyio.CancelScope() as scope:
        async with SkillsBridge("cancelled", url=shared_server.url) as bridge:
            await bridge.track("open")
            scope.cancel()
            await anyio.sleep(5)
    assert settled(bridge.recorder)
    assert (await asyncio.to_thread(metrics, shared_server))["open"]["unknown_invocations"] == 1


def test_importing_it_loads_no_server_and_no_model() -> None:
    program = "import sys, session_buddy_skills.bridge; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    of_servers = {"duckdb", "numpy", "torch", "fastmcp", "mcp", "pydantic", "psycopg"}
    assert not loaded & {*of_servers, "anyio", "asyncio", "inspect"}


def test_questions_at_once_leave_one_connection_open(
    shared_server: ServerProcess, new_tracker: NewTracker
) -> None:
    tracker = new_tracker(shared_server.url)
    with tracked_agent(tracker, "connected"):
        pass
    with ThreadPoolExecutor(30) as pool:
        for _ in pool.map(tracker.get_recommendations, ["connected"] * 30):
            pass
    wait_until(lambda: settled(tracker.recorder))
    port = int(shared_server.url.rpartition(":")[2])

    def open_now() -> int:
        connections = psutil.Process().net_connections("tcp")
        to_it = [one for one in connections if one.raddr and one.raddr.port == port]
        return sum(one.status == psutil.CONN_ESTABLISHED for one in to_it)

    # That which records, and one for questions; connections of tests before close meanwhile.
    wait_until(lambda: open_now() <= 2)

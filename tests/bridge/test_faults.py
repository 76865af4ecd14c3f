"""What the bridge does while its server does not: nothing is lost, counted twice, or waited for."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from session_buddy_skills import spool
from session_buddy_skills.bridge import SkillsTracker
from session_buddy_skills.bridge.channels import DELIVERY_SECONDS
from session_buddy_skills.bridge.skills_bridge import Recommended
from session_buddy_skills.errors import ServerUnreachableError
from session_buddy_skills.locations import Locations
from session_buddy_skills.mcp_http import McpHttp
from tests.bridge.conftest import (
    Misbehaviour,
    NewTracker,
    answering,
    answering_late,
    dripping,
    hanging,
    http,
    misbehaving,
    settled,
    wait_until,
)
from tests.conftest import ROOT, ServerProcess, environment, start_server
from tests.disk import small_disk

NOBODY = "http://127.0.0.1:9"
CALL_SECONDS = 0.1
"""What a call may take here, where a machine is shared; benchmarks hold it to microseconds."""


def metrics(server: ServerProcess) -> dict[str, dict[str, Any]]:
    """What the server has, by skill."""
    answer = httpx2.post(f"{server.url}/tools/skill_metrics", json={}, timeout=30).json()
    return {one["skill_name"]: one for one in answer["skills"]}


def use(tracker: SkillsTracker, count: int, skill: str = "k") -> None:
    """So many uses of a skill, each quick to call."""
    for _ in range(count):
        since = time.perf_counter()
        completer = tracker.track_invocation(skill, "please")
        assert completer is not None
        completer(completed=True)
        assert time.perf_counter() - since < CALL_SECONDS


def port_of(server: ServerProcess) -> int:
    return int(server.url.rpartition(":")[2])


def test_a_server_that_comes_later_gets_everything_once(
    new_tracker: NewTracker, data_dir: Path
) -> None:
    tracker = new_tracker(NOBODY)
    use(tracker, 30)
    tracker.close()
    assert tracker.status().spooled == 30
    server = start_server(data_dir)
    try:
        wait_until(lambda: settled(tracker.recorder))
        found = metrics(server)["k"]
        assert (found["total_invocations"], found["completed_invocations"]) == (30, 30)
    finally:
        server.stop()


FAULTS: dict[str, Misbehaviour] = {
    "hangs": hanging,
    "drips": dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
    "drips its head": dripping(b"HTTP/1.1 200 OK\r\nX-Long: "),
    "garbage": answering(b"\x00\xff what is this \r\n\r\n"),
    "not JSON": answering(http("200 OK", b"<html>")),
    "other JSON": answering(http("200 OK", b"[1, 2]")),
    "500": answering(http("500 Internal Server Error", b"oops")),
    "502": answering(http("502 Bad Gateway", b'{"jsonrpc": "2.0", "id": 1}')),
    "another server": answering(
        http(
            "200 OK",
            b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Unknown tool"}}',
        )
    ),
    "another server's tool": answering(
        http(
            "200 OK",
            b'{"jsonrpc": "2.0", "id": 1, "result": {"isError": true, "content": '
            b'[{"type": "text", "text": "Unknown tool: record_invocations"}]}}',
        )
    ),
    "closes": lambda client: client.close(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_misbehaves_costs_nothing(
    fault: str, new_tracker: NewTracker, shared_server: ServerProcess, shared_dir: Path
) -> None:
    with misbehaving(FAULTS[fault]) as url:
        tracker = new_tracker(url)
        use(tracker, 20, fault)
        since = time.monotonic()
        found = tracker.get_recommendations("run the tests")
        assert time.monotonic() - since < tracker.deadline + CALL_SECONDS
        assert found == []
        assert found.reason == "server_unreachable"  # type: ignore[attr-defined]
        assert not tracker.is_connected()
        tracker.close()
    assert (tracker.status().delivered, tracker.status().rejected) == (0, 0)
    assert tracker.status().breaker != "closed"
    assert tracker.status().last_error
    wait_until(lambda: settled(tracker.recorder))
    assert metrics(shared_server)[fault]["completed_invocations"] == 20


@pytest.mark.parametrize("fault", ["drips", "drips its head"])
def test_an_answer_without_end_is_given_up(fault: str) -> None:
    with misbehaving(FAULTS[fault]) as url:
        client = McpHttp(url)
        since = time.monotonic()
        with pytest.raises(ServerUnreachableError, match="has not answered in time"):
            client.call_tool("health_check", {}, 0.5)
        assert time.monotonic() - since < 5
        client.close()


@pytest.mark.parametrize("token", ["sec\nret", "secr\u20act"])
def test_a_token_that_cannot_be_sent_is_told_of_and_not_shown(token: str) -> None:
    with misbehaving(hanging) as url:
        client = McpHttp(url, lambda: token)
        with pytest.raises(ServerUnreachableError, match="the token, has what cannot") as told:
            client.call_tool("health_check", {}, 0.5)
        assert "sec" not in str(told.value)
        client.close()


def test_a_name_that_cannot_be_is_told_of() -> None:
    with pytest.raises(ServerUnreachableError, match=r"a\.\.invalid:1 cannot be asked: its name"):
        McpHttp("http://a..invalid:1").call_tool("health_check", {}, 0.5)


def test_a_hanging_server_costs_one_deadline_and_then_none(new_tracker: NewTracker) -> None:
    with misbehaving(hanging) as url:
        tracker = new_tracker(url)
        taken = []
        for _ in range(5):
            since = time.monotonic()
            tracker.get_recommendations("q")
            taken.append(time.monotonic() - since)
        assert taken[0] < tracker.deadline + CALL_SECONDS
        assert sum(taken[1:]) < 2 * tracker.deadline


@pytest.mark.parametrize("seconds", [0.4, pytest.param(6, marks=pytest.mark.slow)])
def test_a_server_that_answers_late_counts_each_use_once(
    seconds: float, shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    """Later than a question waits for, and later than a delivery does, which then is sent again."""
    name = f"late {seconds}"
    with misbehaving(answering_late(shared_server.url, seconds)) as url:
        tracker = new_tracker(url)
        use(tracker, 50, name)
        since = time.monotonic()
        found = tracker.get_recommendations("please")
        assert isinstance(found, Recommended)
        assert (list(found), found.reason) == ([], "server_unreachable")
        assert time.monotonic() - since < tracker.deadline + CALL_SECONDS
        if seconds < DELIVERY_SECONDS:
            wait_until(lambda: tracker.status().delivered == 50)
        wait_until(lambda: name in metrics(shared_server))
        time.sleep(2 * seconds)
    one = metrics(shared_server)[name]
    assert one["completed_invocations"] == one["total_invocations"] == 50


@pytest.mark.slow
def test_killed_and_restarted_servers_lose_nothing(new_tracker: NewTracker, data_dir: Path) -> None:
    """Killed at any moment of a stream of uses, five times; the last one has all of them, once."""
    chance = random.Random(3)
    server = start_server(data_dir)
    tracker = new_tracker(server.url)
    port = port_of(server)
    used = 0
    try:
        for round_ in range(5):
            for n in range(60):
                use(tracker, 5, f"round {round_}")
                used += 5
                time.sleep(0.002)
                if n == chance.randrange(20, 40):
                    break
            server.process.kill()
            server.stop()
            use(tracker, 20, f"round {round_}")
            used += 20
            server = start_server(data_dir, port=port)
        wait_until(lambda: settled(tracker.recorder))
        found = metrics(server)
        stored = sum(one["total_invocations"] for one in found.values())
        assert stored == sum(one["completed_invocations"] for one in found.values())
        assert stored == used
        assert tracker.status().rejected == tracker.status().lost == 0
    finally:
        server.stop()


def test_a_full_disk_under_the_spool_keeps_uses_in_memory(
    new_tracker: NewTracker, data_dir: Path
) -> None:
    data_dir.mkdir()
    folder = Locations(data_dir).spool
    with small_disk(folder, mebibytes=1):
        (folder / "ballast").write_bytes(b"x" * (1024 * 1024 - 8192))
        with pytest.raises(OSError, match="No space left"):
            (folder / "more").write_bytes(b"x" * 65_536)
        tracker = new_tracker(NOBODY)
        use(tracker, 200)
        wait_until(lambda: "written: No space left" in (tracker.status().last_error or ""))
        assert not tracker.is_enabled()
        for made in (folder / "ballast", folder / "more"):
            made.unlink()
        wait_until(lambda: tracker.status().queued == 0)
        assert tracker.status().spooled == 200
        assert tracker.is_enabled()
        server = start_server(data_dir)
        try:
            wait_until(lambda: settled(tracker.recorder))
            assert metrics(server)["k"]["completed_invocations"] == 200
        finally:
            server.stop()


def test_a_spool_that_cannot_be_made_keeps_uses_until_a_server_comes(
    new_tracker: NewTracker, data_dir: Path
) -> None:
    """Root may write anywhere, so a file stands where the folder would be."""
    data_dir.mkdir()
    Locations(data_dir).spool.write_text("in the way")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tracker = new_tracker(f"http://127.0.0.1:{port}")
    use(tracker, 50)
    wait_until(lambda: "cannot be written: " in (tracker.status().last_error or ""))
    assert tracker.status().queued == 50
    server = start_server(data_dir, port=port)
    try:
        wait_until(lambda: tracker.status().queued == 0, 60)
        assert metrics(server)["k"]["completed_invocations"] == 50
    finally:
        server.stop()


def test_a_clock_set_back_changes_nothing(
    new_tracker: NewTracker, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracker = new_tracker(NOBODY)
    use(tracker, 5, "before")
    wait_until(lambda: tracker.status().spooled == 5)
    real = time.time_ns
    monkeypatch.setattr("session_buddy_skills.spool.time.time_ns", lambda: real() - 3_600 * 10**9)
    use(tracker, 5, "after")
    tracker.close()
    server = start_server(data_dir)
    try:
        wait_until(lambda: settled(tracker.recorder))
        found = metrics(server)
        assert [found[name]["completed_invocations"] for name in ("before", "after")] == [5, 5]
        assert found["after"]["duration"]["p50_seconds"] >= 0
    finally:
        server.stop()


CLIENT = """
import sys
from session_buddy_skills.bridge import create_skills_tracker
tracker = create_skills_tracker(sys.argv[1], backend="mcp", mcp_server_url=sys.argv[2])
for n in range(100):
    tracker.track_invocation(sys.argv[1])(completed=True)
"""


def test_two_clients_share_one_spool(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    # Stopped, the server takes nothing in until both are done.
    shared_server.process.send_signal(signal.SIGSTOP)
    try:
        started = [
            subprocess.Popen(
                [sys.executable, "-c", CLIENT, name, NOBODY], env=environment(shared_dir), cwd=ROOT
            )
            for name in ("one", "two")
        ]
        codes = [process.wait(60) for process in started]
        watching = new_tracker(NOBODY)
        spooled = watching.status().spooled
    finally:
        shared_server.process.send_signal(signal.SIGCONT)
    assert (codes, spooled) == ([0, 0], 200)
    wait_until(lambda: watching.status().spooled == 0)
    found = metrics(shared_server)
    assert [found[name]["completed_invocations"] for name in ("one", "two")] == [100, 100]


def test_what_a_power_cut_left_is_taken_in_but_for_the_torn_line(
    new_tracker: NewTracker, data_dir: Path
) -> None:
    tracker = new_tracker(NOBODY)
    use(tracker, 10)
    tracker.close()
    folder = Locations(data_dir).spool
    [path] = spool.waiting(folder)
    whole = path.read_bytes()
    torn = whole[: -len(whole.splitlines()[-1]) // 2]
    unnamed = path.with_suffix(".part")
    unnamed.write_bytes(torn)
    path.unlink()
    os.utime(unnamed, (time.time() - 3_600,) * 2)
    lines = [json.loads(line) for line in torn.splitlines()[:-1]]
    server = start_server(data_dir)
    try:
        wait_until(lambda: not spool.waiting(folder))
        assert metrics(server)["k"]["total_invocations"] == len(lines) == 9
    finally:
        server.stop()
    [rejected] = (folder / spool.REJECTED).read_text().splitlines()
    assert json.loads(rejected)["reason"].startswith("not JSON: ")


def test_what_the_server_refuses_is_set_aside_alone(
    new_tracker: NewTracker, data_dir: Path, shared_server: ServerProcess
) -> None:
    tracker = new_tracker(shared_server.url)
    use(tracker, 20, "beside it")
    use(tracker, 1, "bad\tname")
    use(tracker, 20, "beside it")
    wait_until(lambda: tracker.status().queued == 0)
    wait_until(lambda: tracker.status().rejected > 0)
    assert metrics(shared_server)["beside it"]["completed_invocations"] == 40
    reasons = {
        json.loads(line)["reason"]
        for line in (Locations(data_dir).spool / spool.REJECTED).read_text().splitlines()
    }
    assert reasons == {
        'invocations[0].skill_name must have no control characters, not "bad\\tname".'
    }


def test_what_is_too_large_at_once_goes_in_parts(
    new_tracker: NewTracker, data_dir: Path, shared_server: ServerProcess
) -> None:
    """Forty requests of 20,000 characters, of six bytes each in JSON, and one use more."""
    tracker = new_tracker(shared_server.url)
    for _ in range(40):
        tracker.recorder.start(
            {"skill_name": "long", "session_id": "s", "user_query": "漢" * 20_000}
        ).end("completed")
    use(tracker, 1, "short")
    wait_until(lambda: settled(tracker.recorder))
    found = metrics(shared_server)
    assert found["long"]["completed_invocations"] == 40
    assert found["short"]["completed_invocations"] == 1
    assert (tracker.status().rejected, tracker.status().spooled) == (0, 0)


def test_what_is_refused_and_cannot_be_set_aside_holds_up_nothing(
    new_tracker: NewTracker, data_dir: Path, shared_server: ServerProcess
) -> None:
    data_dir.mkdir()
    Locations(data_dir).spool.write_text("in the way")
    tracker = new_tracker(shared_server.url)
    use(tracker, 5, "around it")
    use(tracker, 1, "bad\tname")
    use(tracker, 5, "around it")
    wait_until(lambda: tracker.status().queued == 0)
    assert metrics(shared_server)["around it"]["completed_invocations"] == 10
    assert (tracker.status().rejected, tracker.status().lost) == (1, 1)
    assert tracker.status().breaker == "closed"


def test_what_is_for_another_machine_is_not_taken_in_here(
    shared_server: ServerProcess, shared_dir: Path, new_tracker: NewTracker
) -> None:
    tracker = new_tracker("http://skills.invalid:8678")
    use(tracker, 3, "for another machine")
    tracker.close()
    time.sleep(1.5)
    assert tracker.status().spooled == 3
    assert "for another machine" not in metrics(shared_server)
    again = new_tracker("http://skills.invalid:8678")
    assert again.status().spooled == 3
    assert new_tracker("http://other.invalid:8678").status().spooled == 0


def test_what_others_left_goes_to_no_other_database(
    new_tracker: NewTracker, data_dir: Path, shared_server: ServerProcess
) -> None:
    left = new_tracker(NOBODY)
    use(left, 3, "left for its own database")
    left.close()
    tracker = new_tracker(shared_server.url)
    use(tracker, 3, "to another database")
    wait_until(lambda: tracker.status().queued == 0)
    tracker.close()
    assert (left.status().spooled, tracker.status().spooled) == (3, 0)
    assert "left for its own database" not in metrics(shared_server)
    assert metrics(shared_server)["to another database"]["completed_invocations"] == 3

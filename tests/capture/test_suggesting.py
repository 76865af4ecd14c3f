"""A skill is named unasked where the record is sure of it, to half of the sessions."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills import spool
from session_buddy_skills.ab_testing import group_of
from session_buddy_skills.ab_tests import AnalyzeRequest, AssignRequest
from session_buddy_skills.capture.events import EventIntake
from session_buddy_skills.capture.suggesting import TEST
from session_buddy_skills.claude_code.ordering import Event
from session_buddy_skills.claude_code.suggestions import SUGGESTION
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service
from tests.capture.test_events import put
from tests.capture.test_hook import COMMAND, event, run_command_of, spooled
from tests.conftest import ServerProcess, start_server

ASKED = [
    "please fix the lint errors in the source folder",
    "fix lint errors in the source files",
    "can you fix all lint errors in the source",
    "fix these lint errors in my source code",
    "the source has lint errors, fix them",
    "lint errors in source must be fixed",
    "fix remaining lint errors of the source",
    "please fix lint errors in source now",
]
NEW = "could you fix the lint errors in the source"
OTHER = [
    ("write a poem about the sea and the moon", "poet"),
    ("translate this letter into french", "translate"),
    ("book a table for dinner tonight", "booking"),
]


def session_in(group: str, name: str = "s") -> str:
    """A session of that group."""
    sessions = (f"{name}{n}" for n in range(100))
    return next(one for one in sessions if group_of(TEST.test_name, one) == group)


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that knows which skill works for what."""
    server = start_server(tmp_path_factory.mktemp("knowing"), embedder="static")
    client = McpHttp(server.url)
    uses = [(query, "fix-lint") for query in ASKED] + OTHER * 6
    made = [
        {"session_id": f"old{n}", "skill_name": skill, "user_query": query, "outcome": "completed"}
        for n, (query, skill) in enumerate(uses)
    ]
    client.call_tool("record_invocations", {"invocations": made}, 10)
    give_up = time.monotonic() + 60
    asked = {"user_query": NEW}
    while not (found := client.call_tool("recommend_skills", asked, 10)["recommendations"]) or (
        found[0]["skill_name"] != "fix-lint" or found[0]["similarity_score"] is None
    ):
        assert time.monotonic() < give_up
        time.sleep(0.2)
    client.close()
    yield server
    server.stop()


def suggested(data_dir: Path, prompt: str, session_id: str, prompt_id: str = "p1") -> str | None:
    """What the hook says to the model; nothing on stdout is None."""
    told = event("UserPromptSubmit", prompt=prompt, session_id=session_id, prompt_id=prompt_id)
    done = run_command_of([*COMMAND, "--suggest"], told, **{f"{PREFIX}DATA_DIR": data_dir})
    if not done.stdout:
        return None
    said: dict[str, Any] = json.loads(done.stdout)["hookSpecificOutput"]
    assert said["hookEventName"] == "UserPromptSubmit"
    return str(said["additionalContext"])


def line_in(data_dir: Path, group: str, name: str = "s") -> str:
    """What the model is told in a session of that group; the hook waits 150 ms at most for it."""
    for attempt in range(20):
        if line := suggested(data_dir, NEW, session_in(group, f"{name}{attempt}-")):
            return line
    raise AssertionError("nothing was said in 20 sessions")


@pytest.mark.slow
def test_a_skill_that_works_is_named_to_one_half(knowing: ServerProcess) -> None:
    line = line_in(knowing.data_dir, "treatment")
    assert line == "The skill fix-lint has worked 8 of 8 times for requests like this."
    assert suggested(knowing.data_dir, NEW, session_in("control")) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompt",
    ["/fix-lint src", "use fix-lint to fix the lint errors in the source", "what is the weather",
     "<task-notification><status>completed</status></task-notification>", ""],
)  # fmt: skip
def test_nothing_is_said_where_it_would_say_nothing_new(
    prompt: str, knowing: ServerProcess
) -> None:
    assert suggested(knowing.data_dir, prompt, session_in("treatment")) is None


@pytest.mark.slow
def test_what_came_of_it_is_measured(knowing: ServerProcess) -> None:
    """In one session it is used, in the other, which is not told, it is not."""
    folder = Locations(knowing.data_dir)
    used, unused = session_in("treatment", "m"), session_in("control", "m")
    for session in (used, unused):
        suggested(knowing.data_dir, NEW, session, prompt_id=f"{session}-p")
    call = event(session_id=used, prompt_id=f"{used}-p", tool_input={"skill": "fix-lint"})
    variables = {f"{PREFIX}DATA_DIR": knowing.data_dir}
    run_command_of(COMMAND, call, **variables)
    for session in (used, unused):
        run_command_of(COMMAND, event("Stop", session_id=session, prompt_id=f"{session}-p"),
                       **variables)  # fmt: skip
    client = McpHttp(knowing.url)
    give_up = time.monotonic() + 20
    while True:
        found = client.call_tool("analyze_ab_test", {"test_name": TEST.test_name}, 5)
        rates = [found[name]["completion_rate"] for name in ("treatment", "control")]
        if all(rates):
            break
        assert time.monotonic() < give_up, found
        time.sleep(0.2)
    client.close()
    assert [(one["value"], one["n"]) for one in rates] == [(1.0, 1), (0.0, 1)]
    assert spooled(folder.data_dir) == []


@pytest.mark.slow
def test_once_it_was_measured_all_are_told(knowing: ServerProcess) -> None:
    suggested(knowing.data_dir, NEW, session_in("control", "n"))
    client = McpHttp(knowing.url)
    client.call_tool("stop_ab_test", {"test_name": TEST.test_name}, 5)
    client.close()
    assert line_in(knowing.data_dir, "control", "later")


def test_without_a_server_nothing_is_said(tmp_path: Path) -> None:
    assert suggested(tmp_path, NEW, "s") is None
    assert len(spooled(tmp_path)) == 1


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"HTTP/1.1 200 OK\r\n\r\n{", b"HTTP/1.1 500 No\r\n\r\n{}", b"\xff" * 100_000],
    ids=["hangs", "hangs up", "torn", "a fault", "garbage"],
)
def test_a_server_that_does_not_answer_is_not_waited_for(
    answer: bytes | None, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = {"url": f"http://127.0.0.1:{port}", "pid": 1, "version": "1", "token": None}
        Locations(tmp_path).server_file.write_text(json.dumps(said))
        done = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1 << 20)
                if answer is None:
                    done.wait(20)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            assert suggested(tmp_path, NEW, "s") is None
        finally:
            done.set()
            thread.join()


BEGAN = datetime.now(UTC) - timedelta(minutes=5)


def told_at(kind: str, seconds: float, **fields: Any) -> Event:
    return event(kind, **fields) | {"at": (BEGAN + timedelta(seconds=seconds)).isoformat()}


@pytest.mark.parametrize(
    ("events", "outcome"),
    [
        ([], None),
        ([told_at("Stop", 9)], "abandoned"),
        ([told_at("UserPromptSubmit", 9, prompt="x", prompt_id="p2")], "abandoned"),
        ([told_at("PreToolUse", 2), told_at("Stop", 9)], "completed"),
        ([told_at("PreToolUse", 2), told_at("StopFailure", 9, error="overloaded")], "failed"),
        ([told_at("PreToolUse", 2, tool_input={"skill": "other"}), told_at("Stop", 9)],
         "abandoned"),
        ([told_at("Stop", 9), told_at("PreToolUse", 20), told_at("Stop", 30)], "abandoned"),
    ],
)  # fmt: skip
async def test_the_turn_says_what_came_of_it(
    events: list[Event], outcome: str | None, service: Service, tmp_path: Path
) -> None:
    await service.analyses.ab_tests.create(TEST)
    folder = tmp_path / "events"
    put(folder, told_at("UserPromptSubmit", 0, prompt="fix it"), *events)
    suggestion = told_at(SUGGESTION, 1, skill_name="lint")
    assigned = checked(AssignRequest, test_name=TEST.test_name, user_id="s")
    group = (await service.analyses.ab_tests.assign(assigned)).test_group
    spool.put(folder, [suggestion])
    for _ in range(2):
        await EventIntake(service, folder).take_in()
    found = await service.analyses.ab_tests.analyze(
        checked(AnalyzeRequest, test_name=TEST.test_name)
    )
    rate = getattr(found, group).completion_rate
    assert (rate and (rate.value, rate.n)) == (
        None if outcome is None else (float(outcome == "completed"), 1)
    )

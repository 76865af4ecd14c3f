"""Events of hooks become invocations, in a real store, as they come."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from session_buddy_skills import spool
from session_buddy_skills.background import in_background
from session_buddy_skills.capture import events as intake_module
from session_buddy_skills.capture import hook, sessions
from session_buddy_skills.capture.events import EventIntake
from session_buddy_skills.claude_code.ordering import Event
from session_buddy_skills.importers.transcripts import Transcripts
from session_buddy_skills.imports import ImportedInvocation, Ordered
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.models import (
    CALL_FIELDS,
    CompleteRequest,
    Invocation,
    Outcome,
    RecordRequest,
)
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.capture_store import _TOLD
from session_buddy_skills.storage.checking import find_faults
from session_buddy_skills.storage.import_plan import ENDING
from tests.capture.test_hook import run_hook
from tests.claude_code.scenes import (
    EXPECTED,
    SCENES,
    events_of,
    expected,
    key,
    needs_scenes,
)
from tests.conftest import ServerProcess
from tests.disk import small_disk
from tests.invocations import all_invocations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "skills.duckdb.events"


def put(folder: Path, *events: Event) -> None:
    """Spool events as the hook does, each at its time."""
    for event in events:
        kept = event if "prompts" in event else hook._kept(dict(event))
        if kept is not None:
            spool.put(folder, [kept | {"at": event["at"]}])


def in_scene(scene: str) -> list[Event]:
    """The events of a scene, with the transcript where it is here."""
    found = []
    for event in events_of(scene):
        name = Path(event["transcript_path"]).name
        [path] = [*(SCENES / scene / "transcript").rglob(name)] or [Path("/nowhere.jsonl")]
        found.append(event | {"transcript_path": str(path)})
    return found


def told(one: Invocation) -> tuple[object, ...]:
    error = one.error_type and one.error_type.split(":")[0]
    return (
        one.session_id, one.skill_name, one.called_as, one.arguments, one.called_by, one.agent_id,
        one.user_query, one.outcome.value, error,
    )  # fmt: skip


async def recorded(service: Service) -> list[tuple[object, ...]]:
    return sorted(map(told, await all_invocations(service)), key=key)


IN_TURNS = [
    "04g-slash-then-model-same-skill",
    "06b-subagent-background",
    "09e-resume-after-sigint",
    "10b-fork-skill-by-slash",
    "13a-interactive-esc-interrupt",
    "07b-fork-session",
]
"""Scenes of which each tells something else."""


@needs_scenes
@pytest.mark.parametrize(
    ("engine", "scene"),
    [*(("duckdb", one) for one in EXPECTED), *(("postgresql", one) for one in IN_TURNS)],
    indirect=["engine"],
)
async def test_a_scene_is_recorded(scene: str, service: Service, folder: Path) -> None:
    """The scenes are days old: a program that did not say that it ended has gone."""
    put(folder, *in_scene(scene))
    intake = EventIntake(service, folder)
    await intake.take_in()
    assert await recorded(service) == expected(scene)
    assert await intake.take_in() == 0
    assert [one for one in folder.iterdir() if one.is_file()] == []


@needs_scenes
@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("scene", IN_TURNS)
async def test_each_event_in_its_turn_and_a_server_each(
    scene: str, service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is recorded meanwhile is never wrong, and whoever is next goes on from there."""
    monkeypatch.setattr(sessions, "GONE_AFTER", timedelta(days=10_000))
    right = {row[:7]: row for row in expected(scene)}
    for event in in_scene(scene):
        put(folder, event)
        intake = EventIntake(service, folder)
        await intake.take_in()
        for row in await recorded(service):
            assert row in (right[row[:7]], (*row[:7], "pending", None), (*row[:7], "unknown", None))
    assert await recorded(service) == expected(scene)
    assert (await find_faults(service._database))[1] == []


BEGAN = datetime.now(UTC) - timedelta(minutes=5)


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def event(kind: str, seconds: float, **fields: Any) -> Event:
    told = {"hook_event_name": kind, "session_id": "s", "prompt_id": "p1", "cwd": "/home/dev/shop"}
    return told | {"at": at(seconds)} | fields


def called(kind: str, seconds: float, skill: str = "lint", **fields: Any) -> Event:
    call = {"tool_name": "Skill", "tool_use_id": f"t-{skill}", "tool_input": {"skill": skill}}
    return event(kind, seconds, **call, **fields)


async def test_a_use_is_pending_until_its_turn_ends(service: Service, folder: Path) -> None:
    intake = EventIntake(service, folder)
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    assert await intake.take_in() == 1
    [one] = await all_invocations(service)
    assert (one.outcome, one.user_query, one.project) == (Outcome.PENDING, "fix it", "shop")
    put(folder, called("PostToolUse", 1.1, tool_response={"success": True}))
    assert await intake.take_in() == 0
    put(folder, event("Stop", 9))
    assert await intake.take_in() == 1
    [one] = await all_invocations(service)
    assert one.outcome is Outcome.COMPLETED
    assert one.duration_seconds == pytest.approx(8, abs=0.1)
    assert one.end_inferred is True


async def test_what_was_added_by_others_stays(service: Service, folder: Path) -> None:
    intake = EventIntake(service, folder)
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await intake.take_in()
    request = checked(CompleteRequest, session_id="s", skill_name="lint", completed=True, rating=5)
    await service.complete_invocation(request)
    put(folder, event("SessionEnd", 9, reason="other"))
    await intake.take_in()
    [one] = await all_invocations(service)
    # The program ended, and hooks cannot tell how the skill fared; somebody else has.
    assert (one.outcome, one.rating) == (Outcome.COMPLETED, 5)


async def test_what_others_said_of_an_end_is_not_put_right(service: Service, folder: Path) -> None:
    """Neither by what is inferred, nor when the id is another once the transcript is read."""
    intake = EventIntake(service, folder)
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await intake.take_in()
    request = checked(
        CompleteRequest, session_id="s", skill_name="lint", completed=False, error_type="LintFailed"
    )
    await service.complete_invocation(request)
    put(folder, event("Stop", 9))
    await intake.take_in()
    [one] = await all_invocations(service)
    assert (one.outcome, one.error_type) == (Outcome.FAILED, "LintFailed")


async def test_a_use_is_of_the_project_that_it_began_in(service: Service, folder: Path) -> None:
    intake = EventIntake(service, folder)
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await intake.take_in()
    put(folder, event("Stop", 9, cwd="/home/dev/shop/frontend"))
    await intake.take_in()
    [one] = await all_invocations(service)
    assert one.project == "shop"


async def test_the_recommender_counts_a_use_once(settings: Settings, folder: Path) -> None:
    """However often more becomes known of it."""
    async with open_service(settings) as service:
        await service.recommender.upkeep.until_loaded()
        intake = EventIntake(service, folder)
        put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
        await intake.take_in()
        for seconds in (9, 20, 30):
            put(folder, event("Stop", seconds))
            await intake.take_in()
        await _taken_in(service)
        uses = service.recommender.upkeep.knowledge.uses
        tally = uses.tally(uses.numbers["lint"])
        assert (tally.completed, tally.settled) == (1, 1)
        assert len(uses.durations[uses.numbers["lint"]]) == 1
        # What was counted as completed has failed: all is read anew.
        put(folder, event("StopFailure", 31, error="overloaded"))
        await intake.take_in()
        await _taken_in(service)
        uses = service.recommender.upkeep.knowledge.uses
        tally = uses.tally(uses.numbers["lint"])
        assert (tally.completed, tally.settled) == (0, 1)


async def _taken_in(service: Service) -> None:
    keeper = service.recommender.upkeep.keeper
    with anyio.fail_after(20):
        while keeper.waiting or keeper.is_stale:
            await anyio.sleep(0.05)


def transcript(path: Path, *lines: dict[str, Any]) -> None:
    base = {"sessionId": "s", "cwd": "/home/dev/shop", "timestamp": at(0)}
    path.write_text("".join(json.dumps(base | line) + "\n" for line in lines))


async def test_a_slash_command_keeps_the_id_of_its_line(
    service: Service, folder: Path, tmp_path: Path
) -> None:
    """Hooks know it by its prompt, until the transcript is written."""
    path = str(tmp_path / "s.jsonl")
    named = {"transcript_path": path}
    intake = EventIntake(service, folder)
    expansion = {"expansion_type": "slash_command", "command_name": "lint", "command_args": "src"}
    put(folder, event("UserPromptSubmit", 0, prompt="/lint src", **named),
        event("UserPromptExpansion", 0.1, **expansion, **named))  # fmt: skip
    await intake.take_in()
    [before] = await all_invocations(service)
    tags = "<command-message>lint</command-message>\n<command-name>/lint</command-name>\n"
    tags += "<command-args>src</command-args>"
    transcript(
        tmp_path / "s.jsonl",
        {"type": "user", "uuid": "u1", "promptId": "p1", "message": {"content": tags}},
        {"type": "user", "uuid": "u2", "promptId": "p1", "isMeta": True,
         "message": {"content": [{"type": "text", "text": "Lint."}]}},
    )  # fmt: skip
    put(folder, event("Stop", 5, **named))
    await intake.take_in()
    [after] = await all_invocations(service)
    assert (before.outcome, after.outcome) == (Outcome.PENDING, Outcome.COMPLETED)
    assert before.invocation_id != after.invocation_id
    assert (after.user_query, after.arguments) == ("/lint src", "src")


SLASH = "04a-slash-skill"


@needs_scenes
async def test_a_transcript_that_goes_leaves_its_ids(
    service: Service, folder: Path, tmp_path: Path
) -> None:
    """What is recorded keeps its id, also for a server that comes later."""
    copy = tmp_path / "copy"
    shutil.copytree(SCENES / SLASH / "transcript", copy)
    [main] = copy.rglob("*.jsonl")
    events = [one | {"transcript_path": str(main)} for one in events_of(SLASH)]
    put(folder, *events)
    await EventIntake(service, folder).take_in()
    [before] = await all_invocations(service)
    shutil.rmtree(copy)
    put(folder, event("SessionStart", 0, source="resume", session_id=before.session_id))
    await EventIntake(service, folder).take_in()
    [after] = await all_invocations(service)
    assert (after.invocation_id, after.model) == (before.invocation_id, before.model)


@needs_scenes
async def test_what_was_captured_without_its_transcript_is_found_by_an_import(
    service: Service, folder: Path
) -> None:
    for scene in (SLASH, "01-model-skill"):
        put(folder, *(one | {"transcript_path": "/nowhere.jsonl"} for one in events_of(scene)))
    await EventIntake(service, folder).take_in()
    [slash, called_by_model] = sorted(
        await all_invocations(service), key=lambda one: one.called_by != "slash"
    )
    paths = [SCENES / scene / "transcript/projects" for scene in (SLASH, "01-model-skill")]
    order = checked(Ordered, kind="claude-code", paths=paths)
    assert (await service.imports.run(Transcripts(), order)).added == 0
    found = {one.called_by: one for one in await all_invocations(service)}
    assert found["model"].invocation_id == called_by_model.invocation_id
    assert found["slash"].invocation_id != slash.invocation_id
    assert found["slash"].user_query == slash.user_query == "/fix-lint some args"
    again = await service.imports.run(Transcripts(), order)
    assert (again.added, again.unchanged) == (0, 2)


@needs_scenes
async def test_the_undo_of_an_import_leaves_what_was_captured_since(
    service: Service, folder: Path
) -> None:
    scene = "09b-sigkill-during-bash"  # Its transcript tells no end.
    order = checked(Ordered, kind="claude-code", paths=[SCENES / scene / "transcript/projects"])
    run = await service.imports.run(Transcripts(), order)
    [imported] = await all_invocations(service)
    prompt, session = events_of(scene)[-1]["prompt_id"], imported.session_id
    stop = {
        "hook_event_name": "Stop",
        "prompt_id": prompt,
        "session_id": session,
        "prompts": "full",
    }
    put(folder, *events_of(scene), stop | {"at": "2026-11-23T05:39:40+00:00"})
    await EventIntake(service, folder).take_in()
    assert run.run_id is not None
    await service.imports.undo(run.run_id)
    [captured] = await all_invocations(service)
    assert captured.outcome is Outcome.COMPLETED


@pytest.mark.parametrize(
    ("prompts", "query", "arguments"),
    [("none", None, None), ("redacted", "use [redacted]", "[redacted]")],
)
async def test_a_transcript_tells_no_more_than_the_hook_may(
    prompts: str, query: str | None, arguments: str | None,
    service: Service, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv(f"{PREFIX}PROMPTS", prompts)
    secret = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    call = {"type": "tool_use", "id": "t-lint", "name": "Skill",
            "input": {"skill": "lint", "args": secret}}  # fmt: skip
    transcript(
        tmp_path / "s.jsonl",
        {"type": "user", "message": {"content": f"use {secret}"}, "promptSource": "sdk"},
        {"type": "assistant", "message": {"content": [call], "stop_reason": "tool_use"}},
    )
    put(folder, event("Stop", 5, transcript_path=str(tmp_path / "s.jsonl")))
    await EventIntake(service, folder).take_in()
    [one] = await all_invocations(service)
    assert (one.user_query, one.arguments) == (query, arguments)


async def test_a_program_of_which_nothing_is_heard_has_ended(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = EventIntake(service, folder)
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await intake.take_in()
    monkeypatch.setattr(sessions, "GONE_AFTER", timedelta(seconds=1))
    assert await intake.take_in() == 1
    [one] = await all_invocations(service)
    assert one.outcome is Outcome.UNKNOWN
    put(folder, event("Stop", 9))
    await intake.take_in()
    [one] = await all_invocations(service)
    assert one.outcome is Outcome.COMPLETED


BAD: dict[str, bytes] = {
    "torn": b'{"session_id": "s", "at": "20',
    "no time": b'{"session_id": "s"}',
    "a time without zone": b'{"session_id": "s", "at": "2026-01-01T00:00:00"}',
    "a time that is none": b'{"session_id": "s", "at": 7}',
    "no session": b'{"at": "2026-01-01T00:00:00+00:00"}',
    "no object": b"[]",
}


@pytest.mark.parametrize("line", BAD.values(), ids=BAD)
async def test_a_bad_line_is_set_aside_and_the_rest_taken_in(
    line: bytes, service: Service, folder: Path
) -> None:
    put(folder, called("PreToolUse", 1))
    (folder / "00000000000000000001-1-1.jsonl").write_bytes(line + b"\n")
    assert await EventIntake(service, folder).take_in() == 1
    [aside] = (folder / spool.REJECTED).read_text().splitlines()
    assert json.loads(aside)["line"] == line.decode()


ODD: list[dict[str, Any]] = [
    {"hook_event_name": name, "prompt": odd, "prompt_id": odd, "tool_name": "Skill",
     "tool_use_id": odd, "tool_input": odd, "tool_response": odd, "tool_calls": odd, "error": odd,
     "agent_id": odd, "command_name": odd, "expansion_type": "slash_command", "cwd": odd,
     "transcript_path": odd, "source": odd, "command_args": odd}
    for name in ("UserPromptSubmit", "UserPromptExpansion", "PreToolUse", "PostToolUse", "Stop",
                 "PostToolUseFailure", "PostToolBatch", "SubagentStop", "StopFailure", "What")
    for odd in (7, [7], {"a": 7}, True, "")
]  # fmt: skip


async def test_odd_events_hold_up_nothing(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for odd in ODD:
        spool.put(folder, [odd | {"session_id": "s", "at": at(0)}])
    put(folder, called("PreToolUse", 1))
    intake = EventIntake(service, folder)
    await intake.take_in()
    assert [one.skill_name for one in await all_invocations(service)] == ["lint"]
    assert caplog.records == []


async def test_events_of_long_ago_are_forgotten(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, called("PreToolUse", 1), event("SessionEnd", 2))
    intake = EventIntake(service, folder)
    monkeypatch.setattr(sessions, "LOOKS_SECONDS", (0.0,))
    for _ in range(3):
        await intake.take_in()
    assert {one.suffix for one in (folder / "sessions").iterdir()} == {".jsonl", ".done"}
    monkeypatch.setattr(intake_module, "KEPT_SECONDS", -1)
    await EventIntake(service, folder).take_in()
    assert list((folder / "sessions").iterdir()) == []


async def test_a_session_that_was_not_told_to_its_end_is_gone_on_with(
    service: Service, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the server was away."""
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await EventIntake(service, folder).take_in()
    [journal] = (folder / "sessions").iterdir()
    days_ago = time.time() - 20 * 86_400
    os.utime(journal, (days_ago, days_ago))
    monkeypatch.setattr(sessions, "GONE_AFTER", timedelta(minutes=1))
    await EventIntake(service, folder).take_in()
    [one] = await all_invocations(service)
    assert one.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("text", [None, "{}\n", '{"session_id": "x", "at": 7}\n', "\0\n"])
async def test_a_damaged_journal_holds_up_nothing(
    text: str | None, service: Service, folder: Path
) -> None:
    damaged = folder / "sessions/x.jsonl"
    damaged.parent.mkdir(parents=True)
    if text is None:
        damaged.mkdir()
    else:
        damaged.write_text(text)
    put(folder, called("PreToolUse", 1), called("PreToolUse", 1, skill="tox") | {"session_id": "x"})
    intake = EventIntake(service, folder)
    await intake.take_in()
    sessions = {one.session_id for one in await all_invocations(service)}
    assert sessions == ({"s"} if text is None else {"s", "x"})


async def test_half_a_line_spoils_no_other(service: Service, folder: Path) -> None:
    put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
    await EventIntake(service, folder).take_in()
    [journal] = (folder / "sessions").iterdir()
    with journal.open("ab") as file:
        file.write(b'{"hook_event_name": "St')
    put(folder, event("Stop", 9))
    await EventIntake(service, folder).take_in()
    await EventIntake(service, folder).take_in()
    [one] = await all_invocations(service)
    assert one.outcome is Outcome.COMPLETED


async def test_a_full_disk_loses_nothing(service: Service, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", mebibytes=1) as folder:
        put(folder, event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 1))
        await EventIntake(service, folder).take_in()
        put(folder, event("Stop", 9))
        (folder / "full").write_bytes(b"x" * 900_000)
        with suppress(OSError), (folder / "more").open("wb") as file:
            while file.write(b"x" * 4_096):
                file.flush()
        await EventIntake(service, folder).take_in()
        for name in ("full", "more"):
            (folder / name).unlink()
        for _ in range(2):
            await EventIntake(service, folder).take_in()
        [one] = await all_invocations(service)
        assert one.outcome is Outcome.COMPLETED
        assert list(folder.glob("*.jsonl")) == []


async def test_what_cannot_be_set_aside_is_not_taken_in_again_and_again(
    service: Service, folder: Path
) -> None:
    (folder / spool.REJECTED).mkdir(parents=True)
    good = {"hook_event_name": "Stop", "session_id": "s", "at": at(1)}
    spool.put(folder, [good, {"session_id": "s"}])
    intake = EventIntake(service, folder)
    for _ in range(5):
        await intake.take_in()
    assert list((folder / "sessions").glob("*")) == []


def test_a_folder_that_cannot_be_made_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    service: Any = None  # It is not come to.
    intake = EventIntake(service, tmp_path / "file/events")
    assert [intake._locked(), intake._locked()] == [None, None]
    [told] = caplog.messages
    assert "is not taken in: [Errno 20] Not a directory" in told


async def test_of_two_servers_one_takes_events_in(service: Service, folder: Path) -> None:
    async with in_background(EventIntake(service, folder).run()):
        await anyio.sleep(0.2)
        other = EventIntake(service, folder)
        assert other._locked() is None
    lock = other._locked()
    assert lock is not None
    lock.close()


async def test_who_is_cancelled_leaves_each_event_in_one_place(
    service: Service, folder: Path
) -> None:
    folders = [folder / str(number) for number in range(40)]
    for number, one in enumerate(folders):
        put(one, called("PreToolUse", 0))
        taking = asyncio.create_task(EventIntake(service, one).take_in())
        await asyncio.sleep(number / 5_000)
        taking.cancel()
        with suppress(asyncio.CancelledError):
            await taking
        files = [*spool.waiting(one), *(one / "sessions").glob("*.jsonl")]
        assert sum(len(file.read_text().splitlines()) for file in files) == 1


async def test_the_id_of_a_session_is_no_path(service: Service, folder: Path) -> None:
    put(folder, called("PreToolUse", 1) | {"session_id": "../../x"})
    assert await EventIntake(service, folder).take_in() == 1
    [journal] = (folder / "sessions").iterdir()
    assert journal.name.endswith(".jsonl")
    assert len(journal.stem) == 64


@pytest.mark.slow
def test_a_server_records_what_hooks_tell_within_seconds(server: ServerProcess) -> None:
    variables = {f"{PREFIX}DATA_DIR": server.data_dir}
    for one in (event("UserPromptSubmit", 0, prompt="fix it"), called("PreToolUse", 0),
                event("Stop", 0)):  # fmt: skip
        run_hook({name: value for name, value in one.items() if name != "at"}, **variables)
    give_up = time.monotonic() + 10
    client = McpHttp(server.url)
    while (found := client.call_tool("session_summary", {"session_id": "s"}, 5)) and not (
        found["completed_invocations"]
    ):
        assert time.monotonic() < give_up, found
        time.sleep(0.2)
    client.close()
    assert found["total_invocations"] == 1
    assert list(Locations(server.data_dir).events.glob("*.jsonl")) == []


def test_calls_are_told_with_all_that_is_known_of_them() -> None:
    assert {*_TOLD, *ENDING} >= {*CALL_FIELDS}
    beside = ImportedInvocation.model_fields.keys() - {*RecordRequest.model_fields, "user_hash"}
    assert beside == {*CALL_FIELDS}

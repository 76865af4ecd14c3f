"""Other coding programs: what their hooks were given is recorded, and nothing is made up.

`programs/` has what the released programs gave hooks when they were run against a stand-in for the
model; for Cursor, which cannot be run so, what its documentation gives.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills import spool
from session_buddy_skills.capture import hook
from session_buddy_skills.capture.events import EventIntake
from session_buddy_skills.locations import PREFIX
from session_buddy_skills.models import Invocation
from session_buddy_skills.service import Service
from tests.capture.test_hook import COMMAND, logged, run_command_of, spooled
from tests.invocations import all_invocations

PROGRAMS = Path(__file__).parent / "programs"
BEGAN = datetime.now(UTC) - timedelta(minutes=5)

Row = tuple[str, str | None, str, str | None]
EXPECTED: dict[str, list[Row]] = {
    "gemini-cli": [
        ("demo-skill", "use the skill", "completed", None),
        ("codebase_investigator", "use the skill", "completed", None),
    ],
    "copilot-cli": [
        ("demo-skill", "use the skill", "completed", None),
        ("no-such", "use the skill", "failed", "unknown_skill"),
        ("explore", "use the skill", "completed", None),
        ("general-purpose", "use the skill", "completed", None),
        ("my-custom", "use the skill", "completed", None),
        ("nope", "use the skill", "failed", "unknown_agent"),
        ("explore", "use the skill", "completed", None),
    ],
    # Its skill is read from a file, and an agent that there is not has no end: neither is told of.
    "codex-cli": [("explorer", "$demo-skill use it MAIN", "completed", None)],
    "cursor": [
        ("explore", "look around", "completed", None),
        ("shell", "look around", "failed", "tool_error"),
        ("shell", "look around", "abandoned", None),
    ],
}


def told_by(program: str) -> list[tuple[str | None, dict[str, Any]]]:
    lines = (PROGRAMS / f"{program}.jsonl").read_text(encoding="utf-8").splitlines()
    return [(one["event"], one["stdin"]) for one in map(json.loads, lines)]


def put(folder: Path, program: str, told: list[tuple[str | None, dict[str, Any]]]) -> None:
    """Spool what the hook would, a second after the other."""
    for second, (kind, event) in enumerate(told):
        at = (BEGAN + timedelta(seconds=second)).isoformat()
        kept = [hook._kept(one) for one in hook._adapted(event, program, kind)]
        if events := [one | {"at": at, "program": program} for one in kept if one is not None]:
            spool.put(folder, events)


def row(one: Invocation) -> Row:
    return one.skill_name, one.user_query, one.outcome.value, one.error_type


@pytest.mark.parametrize("program", hook.PROGRAMS)
async def test_what_it_tells_is_recorded(program: str, service: Service, tmp_path: Path) -> None:
    put(tmp_path, program, told_by(program))
    intake = EventIntake(service, tmp_path)
    await intake.take_in()
    found = await all_invocations(service)
    assert [row(one) for one in found] == EXPECTED[program]
    assert {one.source for one in found} == {program}
    assert {one.project for one in found} == {"shop"}
    assert await intake.take_in() == 0


@pytest.mark.parametrize("program", hook.PROGRAMS)
def test_the_command_takes_it(program: str, tmp_path: Path) -> None:
    for kind, event in told_by(program):
        options = ["--from", program, *(["--event", kind] if kind else [])]
        done = run_command_of(COMMAND + options, event, **{f"{PREFIX}DATA_DIR": tmp_path})
        assert (done.stdout, done.stderr) == (b"", b"")
    kept = spooled(tmp_path)
    assert {one["program"] for one in kept} == {program}
    assert not {"transcript_path", "user_email"} & {name for one in kept for name in one}


async def test_gemini_calls_a_skill_of_the_user_before_it_tells_the_request(
    service: Service, tmp_path: Path
) -> None:
    base = {"session_id": "g", "cwd": "/home/dev/shop", "timestamp": "1"}
    call = {"tool_name": "activate_skill", "tool_input": {"name": "demo-skill"}}
    told: list[tuple[str | None, dict[str, Any]]] = [
        (None, base | call | {"hook_event_name": "BeforeTool"}),
        (None, base | call | {"hook_event_name": "AfterTool", "tool_response": {}}),
        (None, base | {"hook_event_name": "BeforeAgent", "prompt": "the arguments"}),
        (None, base | {"hook_event_name": "AfterAgent"}),
    ]
    put(tmp_path, "gemini-cli", told)
    await EventIntake(service, tmp_path).take_in()
    assert [row(one) for one in await all_invocations(service)] == [
        ("demo-skill", None, "completed", None)
    ]


async def test_gemini_has_two_of_one_skill_at_once(service: Service, tmp_path: Path) -> None:
    base = {"session_id": "g", "cwd": "/home/dev/shop"}
    call = base | {"tool_name": "invoke_agent", "tool_input": {"agent_name": "helper"}}
    failed = {"returnDisplay": {"state": "error"}}
    told: list[tuple[str | None, dict[str, Any]]] = [
        (None, base | {"hook_event_name": "BeforeAgent", "prompt": "p", "timestamp": "1"}),
        (None, call | {"hook_event_name": "BeforeTool", "timestamp": "2"}),
        (None, call | {"hook_event_name": "BeforeTool", "timestamp": "3"}),
        (None, call | {"hook_event_name": "AfterTool", "timestamp": "4", "tool_response": failed}),
        (None, call | {"hook_event_name": "AfterTool", "timestamp": "5", "tool_response": {}}),
        (None, base | {"hook_event_name": "AfterAgent", "timestamp": "6"}),
    ]
    put(tmp_path, "gemini-cli", told)
    await EventIntake(service, tmp_path).take_in()
    found = await all_invocations(service)
    assert [one.outcome for one in found] == ["failed", "completed"]


async def test_copilot_tells_what_was_typed(service: Service, tmp_path: Path) -> None:
    prompt = (
        'The user explicitly invoked the "/demo-skill" skill. Follow its instructions now.\n\n'
        '<skill-context name="demo-skill">\nDo it.\n</skill-context>'
    )
    base = {"sessionId": "c", "cwd": "/home/dev/shop", "timestamp": 1}
    told = [("userPromptSubmitted", base | {"prompt": prompt}), ("agentStop", base)]
    put(tmp_path, "copilot-cli", list(told))
    await EventIntake(service, tmp_path).take_in()
    [one] = await all_invocations(service)
    assert row(one) == ("demo-skill", "/demo-skill", "completed", None)
    assert one.called_by == "slash"


def test_another_program_is_named(tmp_path: Path) -> None:
    run_command_of([*COMMAND, "--from", "vim"], {}, **{f"{PREFIX}DATA_DIR": tmp_path})
    assert "--from must be one of gemini-cli, copilot-cli, codex-cli, cursor, not vim" in logged(
        tmp_path
    )

"""What a server takes in from a spool, whatever is in it."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from session_buddy_skills import spool
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.spooling import SpoolIntake
from tests.disk import small_disk
from tests.invocations import all_invocations


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def use(skill_name: str = "k", **fields: Any) -> dict[str, Any]:
    return {
        "invocation_id": str(uuid7()),
        "session_id": "s",
        "skill_name": skill_name,
        "invoked_at": datetime.now(UTC).isoformat(),
        "outcome": "completed",
    } | fields


def rejected(folder: Path) -> list[str]:
    lines = (folder / spool.REJECTED).read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["reason"] for line in lines]


async def test_what_is_there_is_taken_in_once(service: Service, folder: Path) -> None:
    made = [use() for _ in range(1_500)]
    spool.put(folder, made[:1_200])
    spool.put(folder, made[1_000:])
    intake = SpoolIntake(service, folder)
    assert await intake.take_in() == 1_700
    assert await intake.take_in() == 0
    assert len(await all_invocations(service)) == 1_500


BAD: dict[str, tuple[str, str]] = {
    "a name that is a parameter's": (
        json.dumps(use(request="r", self="s")),
        "request is not known here; self is not known here.",
    ),
    "deep": ("[" * 100_000 + "]" * 100_000, "not JSON: "),
    "no JSON": ("{", "not JSON: "),
    "no object": ("7", "not a JSON object"),
    "no id": ('{"skill_name": "k"}', "not an invocation with an invocation_id"),
    "no name": (json.dumps(use("")), 'skill_name must not be empty, not "".'),
    "a number for a time": (json.dumps(use(invoked_at=7)), "invoked_at must be an ISO 8601 time"),
}


@pytest.mark.parametrize("what", BAD)
async def test_a_line_that_cannot_be_stored_is_set_aside_alone(
    what: str, service: Service, folder: Path
) -> None:
    line, reason = BAD[what]
    path = spool.put(folder, [use("before")])
    path.write_text(f"{path.read_text()}{line}\n{json.dumps(use('after'))}\n", encoding="utf-8")
    assert await SpoolIntake(service, folder).take_in() == 2
    assert {one.skill_name for one in await all_invocations(service)} == {"before", "after"}
    [told] = rejected(folder)
    assert told.startswith(reason)
    assert spool.waiting(folder) == []


async def test_what_contradicts_the_record_is_set_aside(service: Service, folder: Path) -> None:
    first = use(outcome="completed")
    spool.put(folder, [first])
    spool.put(folder, [use("other"), first | {"outcome": "failed"}])
    assert await SpoolIntake(service, folder).take_in() == 2
    [told] = rejected(folder)
    assert "is stored with outcome" in told


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=3), timedelta(days=400)])
async def test_a_clock_that_was_set_back_loses_nothing(
    ahead: timedelta, service: Service, folder: Path
) -> None:
    started = datetime.now(UTC) + ahead
    whole = use(invoked_at=started.isoformat(), duration_seconds=5.0)
    start = {name: whole[name] for name in whole if name not in ("outcome", "duration_seconds")}
    for known in (start, whole):
        spool.put(folder, [known])
        assert await SpoolIntake(service, folder).take_in() == 1
    [stored] = await all_invocations(service)
    assert (stored.outcome, stored.duration_seconds) == ("completed", 5.0)
    assert not (folder / spool.REJECTED).exists()
    assert stored.invoked_at <= datetime.now(UTC) + timedelta(days=1)


async def test_one_file_that_cannot_be_read_holds_up_no_other(
    service: Service, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool.put(folder, [use("good")])
    (folder / "0-unreadable.jsonl").mkdir()
    intake = SpoolIntake(service, folder)
    assert await intake.take_in() == 1
    assert await intake.take_in() == 0
    told = [one.message for one in caplog.records if "is not taken in" in one.message]
    assert len(told) == 1
    assert "Is a directory" in told[0]


async def test_while_the_database_takes_nothing_all_of_it_stays(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    with small_disk(tmp_path / "disk", mebibytes=4) as disk:
        async with open_service(Settings.load(data_dir=disk), recommending=False) as service:
            ballast = disk / "ballast"
            with suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4_096)
            many = [use(user_query="long " * 1_000) for _ in range(200)]
            spool.put(folder, many)
            intake = SpoolIntake(service, folder)
            assert await intake.take_in() == 0
            assert len(spool.waiting(folder)) == 1
            assert not (folder / spool.REJECTED).exists()
            ballast.unlink()
            assert await intake.take_in() == 200

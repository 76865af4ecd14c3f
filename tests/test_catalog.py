"""The catalog: what is registered, found again, changed and gone."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from session_buddy_skills.catalog import (
    CatalogAnswer,
    CatalogRequest,
    Registered,
    RegisterRequest,
)
from session_buddy_skills.errors import InputError
from session_buddy_skills.locations import Locations
from session_buddy_skills.models import TrackRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from tests.conftest import run_command, start_server

LINT = {"name": "lint", "description": "Fixes lint.", "location": "/p/skills/lint/SKILL.md"}
TEST = {"name": "test", "location": "/p/skills/test/SKILL.md", "allowed_tools": ["Bash", "Read"]}


async def register(service: Service, *skills: dict[str, Any], **places: Any) -> Registered:
    return await service.register_skills(checked(RegisterRequest, skills=list(skills), **places))


async def listed(service: Service, **request: Any) -> CatalogAnswer:
    return await service.list_skills(checked(CatalogRequest, **request))


async def names(service: Service) -> list[str]:
    return [skill.name for skill in (await listed(service)).skills]


async def test_what_is_registered_is_listed_by_name(service: Service) -> None:
    assert (await listed(service)).reason == "no_skills"
    done = await register(service, TEST, LINT | {"modality": "code"})
    assert done == Registered(added=2, changed=0, unchanged=0, removed=[])
    first, second = (await listed(service)).skills
    assert (first.name, first.description, first.modality) == ("lint", "Fixes lint.", "code")
    assert (second.source, second.allowed_tools) == ("registered", ["Bash", "Read"])
    assert (await listed(service, source="project")).reason == "no_skills"


async def test_registering_again_changes_what_is_other(service: Service) -> None:
    await register(service, LINT, TEST)
    done = await register(service, LINT, TEST | {"description": "Runs tests."})
    assert (done.added, done.changed, done.unchanged) == (0, 1, 1)
    assert [skill.description for skill in (await listed(service)).skills] == [
        "Fixes lint.",
        "Runs tests.",
    ]


async def test_a_folder_that_was_read_whole_loses_what_is_gone(service: Service) -> None:
    elsewhere = {"name": "far", "location": "/q/skills/far/SKILL.md"}
    caller = {"name": "told"}
    await register(service, LINT, TEST, elsewhere, caller)
    done = await register(service, LINT, scanned=["/p/skills"])
    assert done.removed == ["test"]
    assert await names(service) == ["far", "lint", "told"]
    assert (await register(service, scanned=["/p/skills"])).removed == ["lint"]
    back = await register(service, LINT, TEST, scanned=["/p/skills"])
    assert (back.added, back.removed) == (2, [])
    assert await names(service) == ["far", "lint", "test", "told"]


async def test_a_file_that_cannot_be_read_just_now_stays(service: Service) -> None:
    await register(service, LINT, TEST)
    done = await register(service, LINT, scanned=["/p/skills"], unreadable=[TEST["location"]])
    assert done.removed == []
    assert await names(service) == ["lint", "test"]


async def test_a_folder_beside_one_that_was_read_is_left_alone(service: Service) -> None:
    await register(service, LINT)
    await register(service, {"name": "told"})
    for scanned in (["/p/skill", "/p/skills2"], ["", "."]):
        assert (await register(service, scanned=scanned)).removed == []


async def test_what_is_used_is_in_the_catalog(service: Service) -> None:
    for name in ("deploy", "lint"):
        await service.track_invocation(checked(TrackRequest, session_id="s", skill_name=name))
    await register(service, LINT)
    assert [(skill.name, skill.source) for skill in (await listed(service)).skills] == [
        ("deploy", "used"),
        ("lint", "registered"),
    ]
    assert [skill.name for skill in (await listed(service, source="used")).skills] == ["deploy"]
    await register(service, scanned=["/p/skills"])
    assert [(skill.name, skill.source) for skill in (await listed(service)).skills] == [
        ("deploy", "used"),
        ("lint", "used"),
    ]


async def test_a_source_that_is_none_is_refused(service: Service) -> None:
    with pytest.raises(InputError) as refused:
        await listed(service, source="web")
    assert str(refused.value) == (
        "source must be one of 'personal', 'project', 'plugin', 'command', 'registered' or 'used', "
        'not "web".'
    )


async def test_one_name_may_be_described_in_two_places(service: Service) -> None:
    await register(service, LINT, LINT | {"location": "/q/SKILL.md", "description": "Other."})
    assert await names(service) == ["lint", "lint"]


async def test_of_two_in_one_call_the_last_counts(service: Service) -> None:
    done = await register(service, LINT, LINT | {"description": "Later."})
    assert (done.added, done.changed, done.unchanged) == (1, 0, 1)
    [skill] = (await listed(service)).skills
    assert skill.description == "Later."


async def test_many_at_once_make_one_catalog(settings: Settings) -> None:
    async with open_service(settings) as service:
        await asyncio.gather(*(register(service, LINT, TEST) for _ in range(8)))
        assert await names(service) == ["lint", "test"]


async def test_many_are_kept_as_they_are(service: Service) -> None:
    tools: list[list[str]] = [[], ["Bash(git add:*)"], ["Read", "a, b", "ü"]]
    made = [
        {"name": f"skill {n:04}", "allowed_tools": tools[n % 3], "description": "d" * n or None}
        for n in range(1_200)
    ]
    assert (await register(service, *made)).added == 1_200
    listing = (await listed(service)).skills
    assert [
        {
            "name": skill.name,
            "allowed_tools": skill.allowed_tools,
            "description": skill.description,
        }
        for skill in listing
    ] == made
    assert (await register(service, *made)).unchanged == 1_200


async def test_it_lasts(settings: Settings) -> None:
    async with open_service(settings) as service:
        await register(service, LINT)
    async with open_service(settings) as service:
        assert await names(service) == ["lint"]


@pytest.mark.parametrize(
    ("skill", "sentence"),
    [
        ({}, "skills[0].name is required."),
        ({"name": " "}, 'skills[0].name must not be empty, not " ".'),
        ({"name": "a\nb"}, "skills[0].name must have no control characters"),
        ({"name": "a", "source": "web"}, "skills[0].source must be one of"),
        ({"name": "a", "description": "x" * 5_001}, "skills[0].description must have at most 5000"),
        (
            {"name": "a", "allowed_tools": "Bash"},
            'skills[0].allowed_tools must be a list, not "Bash".',
        ),
        ({"name": "a", "colour": "red"}, "skills[0].colour is not known here."),
    ],
)
async def test_bad_skills_are_refused_and_none_is_kept(
    service: Service, skill: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError) as refused:
        await register(service, skill, LINT)
    assert str(refused.value).startswith(sentence)
    assert (await listed(service)).reason == "no_skills"


def skill_file(folder: Path, name: str, description: str) -> Path:
    file = folder / ".claude/skills" / name / "SKILL.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\nname: {name}\ndescription: {description}\n---\n")
    return file


def test_the_command_scans_and_lists(tmp_path: Path) -> None:
    project = tmp_path / "project"
    where = ("--home", str(tmp_path / "home"), "--project", str(project))
    kept = skill_file(project, "keep", "Keeps.")
    gone = skill_file(project, "go", "Goes.")
    broken = skill_file(project, "odd", "Is odd.")
    scan = run_command(tmp_path, "skills", "scan", *where)
    assert scan.stdout == "3 skills: 3 new, 0 changed, 0 as before; 0 gone\n"
    kept.write_text("---\nname: keep\ndescription: Keeps more.\n---\n")
    gone.unlink()
    broken.write_bytes(b"\xff")
    scan = run_command(tmp_path, "skills", "scan", *where)
    assert scan.stdout == "1 skills: 0 new, 1 changed, 0 as before; 1 gone\n"
    assert scan.stderr == f"left out {broken}: it is not UTF-8 text, at byte 0.\n"
    listing = run_command(tmp_path, "skills", "list").stdout.splitlines()
    assert [line.split() for line in listing] == [
        ["keep", "project", "Keeps", "more."],
        ["odd", "project", "Is", "odd."],
    ]
    none = run_command(tmp_path, "skills", "list", "--source", "plugin").stdout
    assert none == "no skills; `skills scan` finds them\n"


def test_a_server_that_holds_the_database_is_asked(tmp_path: Path) -> None:
    skill_file(tmp_path, "keep", "Keeps.")
    server = start_server(tmp_path)
    port = server.url.rsplit(":", 1)[1]
    where = ("--home", str(tmp_path / "home"), "--project", str(tmp_path))
    scan = run_command(tmp_path, "skills", "scan", *where, port=port)
    listing = run_command(tmp_path, "skills", "list", port=port)
    found = run_command(tmp_path, "skills", "list", port=1)  # by what the server says of itself
    other = start_server(tmp_path / "other")
    server.process.send_signal(signal.SIGSTOP)  # it would say again where it is
    Locations(tmp_path).server_file.unlink()
    alone = run_command(tmp_path, "skills", "list", port=1)
    wrong = run_command(tmp_path, "skills", "list", port=other.url.rsplit(":", 1)[1])
    server.process.send_signal(signal.SIGCONT)
    other.stop()
    server.stop()
    assert scan.stdout == "1 skills: 1 new, 0 changed, 0 as before; 0 gone\n"
    assert listing.stdout.split()[:2] == ["keep", "project"]
    assert found.stdout == listing.stdout
    for failed in (alone, wrong):
        assert (failed.returncode, failed.stdout) == (75, "")
        assert "is held by another process" in failed.stderr
        assert "set SESSION_BUDDY_SKILLS_PORT to its port." in failed.stderr

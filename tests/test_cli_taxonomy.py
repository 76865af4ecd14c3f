"""Kinds of skills at a terminal, on a database of one's own and through a server that holds it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from tests.conftest import run_command, start_server


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Two skills, and no categories filled."""
    skills = [
        {"name": "pytest-run", "description": "Run the tests."},
        {"name": "poet", "description": "Write verses."},
    ]
    async with open_service(Settings(data_dir=tmp_path), recommending=False) as service:
        await service.register_skills(checked(RegisterRequest, skills=skills))
    return tmp_path


def told(folder: Path, *arguments: str, **variables: str) -> str:
    done = run_command(folder, "taxonomy", *arguments, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_taxonomy_is_edited_and_filled(folder: Path) -> None:
    assert told(folder, "fill") == "2 places by rule; 1 skill in no category\n"
    said = told(folder, "set", "arts", "--words", "verses, song*", "--description", "Art.")
    assert said == "arts: set; `taxonomy fill` applies its rule\n"
    assert told(folder, "fill") == "3 places by rule; 0 skills in no category\n"
    assert told(folder, "exclude", "testing", "pytest-run") == "pytest-run: kept out of testing\n"
    assert told(folder, "assign", "arts", "pytest-run") == "pytest-run: in arts\n"
    assert told(folder, "assign", "audio", "poet", "--modality") == "poet: in audio\n"
    assert told(folder, "stage", "rehearsal", "setup") == "rehearsal: setup\n"
    assert told(folder, "remove", "design") == "design: removed\n"
    shown = told(folder, "show")
    assert "  arts                 poet, pytest-run\n" in shown
    assert "rule: verses, song*\n" in shown
    assert "In no category" not in shown
    assert "design  " not in shown
    assert "rehearsal" in shown
    found = json.loads(told(folder, "show", "--json"))
    [testing] = [one for one in found["categories"]
                 if (one["kind"], one["name"]) == ("category", "testing")]  # fmt: skip
    assert (testing["skills"], testing["excluded"]) == ([], ["pytest-run"])


def test_a_server_that_holds_the_database_is_asked(folder: Path) -> None:
    server = start_server(folder)
    try:
        port = server.url.rsplit(":", 1)[1]
        assert told(folder, "fill", port=port) == "2 places by rule; 1 skill in no category\n"
        assert "testing              pytest-run\n" in told(folder, "show", port=port)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["remove", "nothing"], 'no category "nothing" is known; set makes one.'),
        (["assign", "testing", "nobody"], 'no skill "nobody" is known.'),
        (["stage", "tests", "late"], "stage must be one of 'setup', 'execution',"),
    ],
)
def test_bad_input_is_one_sentence(folder: Path, arguments: list[str], sentence: str) -> None:
    done = run_command(folder, "taxonomy", *arguments)
    assert done.returncode == 65
    assert done.stderr.startswith(f"session-buddy-skills: {sentence}")
    assert len(done.stderr.splitlines()) == 1

"""Transcripts of Claude Code: the recorded scenes give what truly happened, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from session_buddy_skills.importers.transcripts import Transcripts
from session_buddy_skills.imports import ImportedInvocation, Options
from tests.claude_code.scenes import EXPECTED, SCENES, expected, key, needs_scenes, told


def read(path: Path) -> list[ImportedInvocation]:
    found = [one for source in Transcripts().open(path, Options()) for one in source.records()]
    assert all(isinstance(one, ImportedInvocation) for one in found)
    # A forked session has copies of the calls before it.
    unique = {one.invocation_id: one for one in found if isinstance(one, ImportedInvocation)}
    return list(unique.values())


@needs_scenes
@pytest.mark.parametrize("scene", EXPECTED)
def test_a_scene_gives_what_happened(scene: str) -> None:
    found = read(SCENES / scene / "transcript" / "projects")
    assert sorted(map(told, found), key=key) == expected(scene)


@needs_scenes
def test_an_import_keeps_no_more_of_requests_than_it_may() -> None:
    path = SCENES / "01-model-skill/transcript/projects"
    [source] = Transcripts().open(path, Options(prompts="none"))
    [one] = source.records()
    assert isinstance(one, ImportedInvocation)
    assert (one.skill_name, one.user_query, one.arguments) == ("fix-lint", None, None)


RECORDS = Path(__file__).parents[3] / "shared" / "data" / "transcripts" / "real_records.jsonl"


@pytest.mark.skipif(not RECORDS.exists(), reason="../shared/data/transcripts is not there")
def test_records_of_older_versions(tmp_path: Path) -> None:
    """A session of them: a skill by the model, two by the user, and a command that is none."""
    told = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    record = {one["name"]: one["record"] | {"sessionId": "old", "cwd": "/home/u/shop"}
              for one in told}  # fmt: skip
    split = [record[f"USAGE_SPLIT_LINE_{n}"] for n in (1, 2, 3)]
    lines = [
        *(record[name] for name in ("CAVEAT", "CLIENT_COMMAND_TAGS", "CLIENT_SYSTEM_RECORD")),
        {"type": "user", "message": {"content": "plan it"}, "sessionId": "old"},
        *(record[name] for name in ("TOOL_CALL", "TOOL_RESULT", "TOOL_BODY")),
        *split,
        record["USAGE_SECOND_RESPONSE"],
        *(record[name] for name in ("COMMAND_TAGS", "COMMAND_BODY")),
        *(record[name] for name in ("COMMAND_TAGS_NO_ARGS", "COMMAND_BODY_NO_ARGS")),
    ]
    (tmp_path / "old.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = read(tmp_path)
    assert [(one.skill_name, one.called_by, one.user_query, one.arguments) for one in found] == [
        ("superpowers:brainstorming", "model", "plan it", None),
        ("j:specs-pr-review", "slash", "/j:specs-pr-review 408", "408"),
        ("jolli-init", "slash", "/jolli-init", None),
    ]
    # One response in three lines counts once, and what came from a cache not at all.
    usage = [split[0]["message"]["usage"], record["USAGE_SECOND_RESPONSE"]["message"]["usage"]]
    spent = sum(one["input_tokens"] + one["cache_creation_input_tokens"] for one in usage)
    assert (found[0].input_tokens, found[0].output_tokens) == (
        spent, sum(one["output_tokens"] for one in usage))  # fmt: skip
    assert {one.project for one in found} == {"shop"}

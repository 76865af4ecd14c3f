"""Imports on both engines: counted once, checked, undone, and nothing else touched."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError

from session_buddy_skills.app import build_app
from session_buddy_skills.catalog import RegisterRequest
from session_buddy_skills.errors import InputError
from session_buddy_skills.import_reports import ImportReport
from session_buddy_skills.import_run import RECORDS_AT_ONCE, Progress
from session_buddy_skills.importers.kinds import BY_KIND
from session_buddy_skills.imports import Ordered
from session_buddy_skills.models import Invocation
from session_buddy_skills.requests import checked
from session_buddy_skills.service import Service, open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.checking import find_faults
from session_buddy_skills.taxonomy import TaxonomyRequest
from tests.claude_code.scenes import EXPECTED, SCENES, key, needs_scenes, truth
from tests.conftest import NewSettings
from tests.databases import execute
from tests.histories import insert, json_file, s0_file, session_buddy_file
from tests.invocations import all_invocations, invocations, record

J0: dict[str, Any] = {
    "invocations": [
        {"skill_name": "ruff", "invoked_at": "2026-01-02T03:04:05.5", "completed": True,
         "duration_seconds": 2.5, "workflow_path": "quick", "follow_up_actions": ["git commit"],
         "error_type": None},
        {"skill_name": "ruff", "invoked_at": "2026-01-02T03:04:05.5", "completed": True,
         "duration_seconds": 2.5, "workflow_path": "quick", "follow_up_actions": ["git commit"],
         "error_type": None},
        {"skill_name": "tests", "invoked_at": "2026-01-02T03:05:00", "completed": False,
         "duration_seconds": 10, "workflow_path": "quick", "error_type": "builtins.ValueError"},
        {"skill_name": "tests", "invoked_at": "2026-01-02T03:06:00", "completed": False},
    ],
    "skills": {},
    "last_updated": "2026-01-02T03:06:00",
}  # fmt: skip
TABLES = (
    "skill_invocation",
    "skill_call",
    "skill_query",
    "skill_embedding",
    "skill",
    "skill_recommendation",
    "skill_categories",
    "skill_category_mapping",
    "skill_modalities",
    "ab_test_configs",
    "ab_test_assignments",
    "ab_test_outcomes",
)


async def run(service: Service, kind: Any, *paths: Path, **how: Any) -> ImportReport:
    order = checked(Ordered, kind=kind, paths=list(paths), **how)
    return await service.imports.run(BY_KIND[order.kind], order)


def everything(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table that an import may touch."""
    return {name: sorted(execute(settings, f"SELECT * FROM {name}"), key=repr) for name in TABLES}


async def test_a_file_counts_once_and_equal_records_as_often_as_they_are(
    service: Service, tmp_path: Path
) -> None:
    path = json_file(tmp_path / "a.json", J0)
    first = await run(service, "json", path, timezone="Europe/Berlin")
    assert (first.records, first.added, first.unchanged) == (4, 4, 0)
    again = await run(service, "json", path, timezone="Europe/Berlin")
    assert (again.added, again.unchanged) == (0, 4)
    longer = J0 | {"invocations": [*J0["invocations"][1:], {"skill_name": "x",
                   "invoked_at": "2026-01-03T00:00:00", "completed": True}]}  # fmt: skip
    more = await run(service, "json", json_file(tmp_path / "b.json", longer))
    assert (more.added, more.unchanged) == (1, 3)
    rows = await all_invocations(service)
    assert sorted(one.skill_name for one in rows) == ["ruff", "ruff", "tests", "tests", "x"]
    [failed] = [one for one in rows if one.error_type]
    assert failed.outcome == "failed"
    assert failed.invoked_at.isoformat() == "2026-01-02T02:05:00+00:00"
    assert failed.session_id == f"legacy-{_digest(path)}"


def _digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


async def test_a_dry_run_tells_what_would_come_and_writes_nothing(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    path = json_file(tmp_path / "a.json", J0)
    report = await run(service, "json", path, dry_run=True)
    assert (report.run_id, report.added, report.backup) == (None, 4, None)
    assert await service.imports.runs() == []
    assert (await service.health_check()).invocations == 0


async def test_one_bad_record_refuses_its_file_whole(service: Service, tmp_path: Path) -> None:
    unnamed = {"invoked_at": "2026-01-02T00:00:00", "completed": True}
    bad = [*J0["invocations"], {"skill_name": "x", "invoked_at": "soon"}, unnamed, 7]
    paths = [
        json_file(tmp_path / "bad.json", J0 | {"invocations": bad}),
        json_file(tmp_path / "good.json", J0),
    ]
    report = await run(service, "json", *paths)
    [refused] = report.refused
    assert refused.path == str(paths[0])
    assert refused.reasons == [
        'invocations[4]: invoked_at must be an ISO 8601 time like 2026-01-31T09:30:00, not "soon"',
        "invocations[5]: skill_name is required",
        "invocations[6]: it must be an object, not 7",
    ]
    assert (report.added, (await service.health_check()).invocations) == (4, 4)
    skipping = await run(service, "json", paths[0], skip_invalid=True)
    assert (skipping.skipped, skipping.unchanged, skipping.refused) == (3, 4, [])


async def test_undoing_leaves_everything_else_as_it_was(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    await record(service, invocations(40))
    own = [{"session_id": "s", "skill_name": "ruff", "user_query": "shared", "outcome": "failed"}]
    await record(service, own)
    await service.close()
    before = everything(settings)
    document = J0 | {"invocations": [one | {"user_query": text} for one, text in
                                     zip(J0["invocations"], ["shared", "own", "own2", "own"],
                                         strict=True)]}  # fmt: skip
    async with open_service(settings, recommending=False) as opened:
        report = await run(opened, "json", json_file(tmp_path / "a.json", document))
        buddy = _buddy_v4(tmp_path)
        other = await run(opened, "session-buddy", buddy)
    assert everything(settings) != before
    async with open_service(settings, recommending=False) as opened:
        for one in (report, other):
            assert one.run_id is not None
            undone = await opened.imports.undo(one.run_id)
            assert undone.removed == one.added
            assert undone.items == one.items
        statuses = [one.status for one in await opened.imports.runs()]
        assert statuses == ["undone", "undone"]
        with pytest.raises(InputError, match=f"the import {other.run_id} was undone on"):
            await opened.imports.undo(undone.run_id)
    assert everything(settings) == before


async def test_what_two_imports_brought_stays_until_both_are_undone(
    service: Service, tmp_path: Path
) -> None:
    first = await run(service, "json", json_file(tmp_path / "a.json", J0))
    part = J0 | {"invocations": J0["invocations"][2:]}
    second = await run(service, "json", json_file(tmp_path / "b.json", part))
    assert first.run_id
    assert second.run_id
    undone = await service.imports.undo(first.run_id)
    assert (undone.removed, undone.kept) == (2, 2)
    assert {one.skill_name for one in await all_invocations(service)} == {"tests"}
    assert (await service.imports.undo(second.run_id)).removed == 2
    assert await all_invocations(service) == []


async def test_a_run_is_held_against_its_source(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    path = json_file(tmp_path / "a.json", J0 | {"skills": {"ruff": {"total_invocations": 9}}})
    report = await run(service, "json", path, timezone="Asia/Tokyo", session_id="old")
    assert report.run_id
    assert report.files[0].differences == [
        "ruff: total_invocations is 9 in the file, 2 in its records",
        "tests: there are records of it, and it is not in skills",
    ]
    found = await service.imports.validate(report.run_id, BY_KIND)
    assert found.holds
    assert (found.records, found.equal, found.figures_compared) == (4, 4, 9)
    json_file(path, J0 | {"invocations": J0["invocations"][:3]})
    changed = await service.imports.validate(report.run_id, BY_KIND)
    assert not changed.holds
    assert (changed.equal, changed.surplus, changed.missing) == (3, 1, 0)
    assert changed.changed_files == [str(path)]
    # The failed run alone has a duration, 10 s; of the other nothing but its times.
    assert {one.of for one in changed.figures} == {"tests, abandoned", "tests, last"}


@pytest.mark.slow
async def test_interrupted_it_leaves_whole_transactions_and_goes_on(
    service: Service, tmp_path: Path
) -> None:
    many = [{"skill_name": f"s{n % 7}", "invoked_at": f"2026-01-02T03:04:05.{n:06}Z",
             "session_id": "s", "completed": True} for n in range(12_000)]  # fmt: skip
    path = json_file(tmp_path / "a.json", {"invocations": many})
    order = checked(Ordered, kind="json", paths=[path])

    class Stopping(Progress):
        async def at(self, done_bytes: int, _records: int) -> None:
            if done_bytes:
                scope.cancel()

    with anyio.CancelScope() as scope:
        await service.imports.run(BY_KIND["json"], order, Stopping())
    [stopped] = await service.imports.runs()
    assert stopped.status == "unfinished"
    assert stopped.added == (await service.health_check()).invocations == RECORDS_AT_ONCE
    rest = await service.imports.run(BY_KIND["json"], order)
    assert (rest.added, rest.unchanged) == (12_000 - RECORDS_AT_ONCE, RECORDS_AT_ONCE)
    assert (await service.imports.undo(stopped.run_id)).kept == RECORDS_AT_ONCE
    assert rest.run_id
    assert (await service.imports.undo(rest.run_id)).removed == 12_000


async def test_the_first_import_is_preceded_by_a_copy(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    path = json_file(tmp_path / "a.json", J0)
    report = await run(service, "json", path)
    assert (report.backup is not None) == (settings.engine == "duckdb")
    if report.backup:
        assert Path(report.backup).stat().st_size > 0
    assert (await run(service, "json", path)).backup is None


def _buddy_v4(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    path = session_buddy_file(folder / "skills.db", 4, [
        {"skill_name": "ruff", "invoked_at": "2026-03-01T10:00:00+00:00", "session_id": "s1",
         "completed": 1, "duration_seconds": 1.5, "workflow_phase": "setup",
         "follow_up_actions": ["git commit"]},
        {"skill_name": "ruff", "invoked_at": "2026-03-02T10:00:00", "session_id": "s1",
         "completed": 0, "error_type": "E", "selection_rank": 2, "alternatives_considered": ["b"]},
    ])  # fmt: skip
    interaction = {"session_id": "s1", "skill_name": "ruff", "completed": 1}
    insert(path, "skill_user_interactions",
           interaction | {"user_id": "ann", "invoked_at": "2026-03-01T10:00:00+00:00",
                          "rating": 4.5},
           interaction | {"user_id": "bob", "invoked_at": "2026-03-05T10:00:00+00:00"})  # fmt: skip
    insert(path, "ab_test_configs",
           {"test_name": "t", "control_strategy": "a", "treatment_strategy": "b",
            "start_date": "2026-03-01T00:00:00", "min_sample_size": 50})  # fmt: skip
    insert(path, "ab_test_assignments", {"test_id": 1, "user_id": "ann", "group_name": "control",
                                         "assigned_at": "2026-03-01 00:00:00"})  # fmt: skip
    insert(path, "ab_test_outcomes",
           {"test_id": 1, "user_id": "ann", "skill_name": "ruff", "completed": 1,
            "duration_seconds": 2.0, "recorded_at": "2026-03-01 00:00:00"},
           {"test_id": 1, "user_id": "zoe", "skill_name": "ruff", "completed": 1,
            "recorded_at": "2026-03-01 00:00:00"})  # fmt: skip
    insert(path, "skill_categories", {"category_name": "lint", "domain": "code"})
    insert(path, "skill_category_mapping", {"skill_name": "ruff", "category_id": 1})
    insert(path, "skill_modalities", {"skill_name": "ruff", "modality_type": "shell"})
    return path


async def test_users_tests_and_taxonomy_of_session_buddy_come_too(
    service: Service, tmp_path: Path
) -> None:
    report = await run(service, "session-buddy", _buddy_v4(tmp_path), timezone="Europe/Berlin")
    assert (report.records, report.items) == (3, 7)
    rows = await all_invocations(service)
    assert [one.outcome.value for one in rows] == ["completed", "failed", "completed"]
    assert [one.rating for one in rows] == [5, None, None]
    assert rows[1].invoked_at.hour == 9
    assert rows[1].user is None
    assert len({one.user for one in rows}) == 3
    assert report.noted["outcomes of users who are in no group of their test: left out"] == 1
    [test] = (await service.analyses.ab_tests.tests()).tests
    assert (test.test_name, test.sample_size) == ("t", 50)
    taxonomy = await service.analyses.taxonomy.taxonomy(checked(TaxonomyRequest))
    names = {one.name: [skill.skill_name for skill in one.skills] for one in taxonomy.categories}
    assert names["lint"] == ["ruff"]
    assert names["shell"] == ["ruff"]
    again = await run(service, "session-buddy", tmp_path / "skills.db", timezone="Europe/Berlin")
    assert (again.added, again.items) == (0, 0)


async def test_s0_comes_in(service: Service, tmp_path: Path) -> None:
    base = {"session_id": "s", "created_at": "2026-02-12 06:38:52"}
    folder = s0_file(tmp_path / "skills.db", [
        base | {"skill_name": "a", "completed": 1, "completed_at": "2026-02-12 06:38:54",
                "follow_up_actions": ["x", "y"], "workflow_phase": "testing"},
        base | {"skill_name": "b", "completed": 0},
        base | {"skill_name": "c", "completed": 0, "completed_at": "2026-02-12 06:38:52"},
    ])  # fmt: skip
    await run(service, "s0", folder)
    rows = {one.skill_name: one for one in await all_invocations(service)}
    assert {name: one.outcome.value for name, one in rows.items()} == {
        "a": "completed", "b": "unknown", "c": "abandoned"}  # fmt: skip
    assert (rows["a"].duration_seconds, rows["a"].follow_up_actions) == (2.0, ("x", "y"))
    assert sorted(one.name for one in folder.iterdir()) == ["skills.db"]


@needs_scenes
@pytest.mark.parametrize("seed", [1, 2])
async def test_all_scenes_together_twice_in_any_order(service: Service, seed: int) -> None:
    paths = [SCENES / scene / "transcript" for scene in EXPECTED]
    for _ in range(2):
        random.Random(seed).shuffle(paths)
        await run(service, "claude-code", *paths)
    stored = [_told(one) for one in await all_invocations(service)]
    expected = [truth(call) for scene in EXPECTED.values() for call in scene["true_invocations"]]
    assert sorted(stored, key=key) == sorted(expected, key=key)


def _told(one: Invocation) -> tuple[object, ...]:
    error = one.error_type and one.error_type.split(":")[0]
    return (one.session_id, one.skill_name, one.called_as, one.arguments, one.called_by,
            one.agent_id, one.user_query, one.outcome.value, error)  # fmt: skip


@needs_scenes
async def test_a_transcript_that_grows_is_taken_up_where_it_was_left(
    service: Service, tmp_path: Path
) -> None:
    """Cut after each of its lines, it never has a call wrong, and in the end all of them right."""
    scene = "09e-resume-after-sigint"
    shutil.copytree(SCENES / scene / "transcript", tmp_path / "t")
    [file] = (tmp_path / "t").rglob("*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    expected = {key(truth(call))[1]: truth(call)[7] for call in EXPECTED[scene]["true_invocations"]}
    run_ids = []
    for count in range(1, len(lines) + 1):
        # The line that is being written now is there in part.
        partly = lines[count][:20] if count < len(lines) else b""
        file.write_bytes(b"".join(lines[:count]) + partly)
        report = await run(service, "claude-code", tmp_path / "t")
        run_ids.append(report.run_id)
        found = {one.skill_name: one.outcome.value for one in await all_invocations(service)}
        assert all(found[name] in ("unknown", expected[name]) for name in found)
    assert found == expected
    for run_id in filter(None, reversed(run_ids)):
        await service.imports.undo(run_id)
        assert (await find_faults(service._database))[1] == []
    assert await all_invocations(service) == []


@needs_scenes
async def test_our_own_export_comes_back_byte_by_byte(
    service: Service, new_settings: NewSettings, tmp_path: Path
) -> None:
    await record(service, invocations(300))
    await run(service, "claude-code", SCENES)
    await run(service, "json", json_file(tmp_path / "a.json", J0))
    first = Path((await service.export_metrics(Path("all.json"))).path)
    async with open_service(new_settings("other"), recommending=False) as other:
        await run(other, "export", first)
        second = Path((await other.export_metrics(Path("all.json"))).path)
    assert second.read_bytes() == first.read_bytes()


async def test_the_tool_imports_and_tells_how_far_it_is(settings: Settings, tmp_path: Path) -> None:
    folder = settings.import_folders[0]
    json_file(folder / "a.json", J0)
    json_file(folder / "bad.json", {"invocations": [{"skill_name": "x"}, 1]})
    told: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, _message: str | None) -> None:
        told.append((done, total))

    asked = {"path": "a.json", "kind": "json"}
    async with Client(build_app(settings), progress_handler=progress) as client:
        tried = await client.call_tool("import_metrics", asked | {"dry_run": True})
        assert tried.structured_content is not None
        assert (tried.structured_content["run_id"], tried.structured_content["added"]) == (None, 4)
        done = await client.call_tool("import_metrics", asked)
        assert done.structured_content is not None
        assert done.structured_content["added"] == 4
        with pytest.raises(ToolError) as refused:
            await client.call_tool("import_metrics", {"path": "bad.json", "kind": "json"})
        assert str(refused.value) == (
            f"{folder / 'bad.json'} was refused: invocations[0]: invoked_at must be an ISO 8601 "
            "time like 2026-01-31T09:30:00, not null (and 1 more records)."
        )
        rest = {"path": "bad.json", "skip_invalid": True, "session_id": "old", "dry_run": True}
        left = await client.call_tool("import_metrics", asked | rest | {"timezone": "Asia/Tokyo"})
        assert left.structured_content is not None
        assert left.structured_content["skipped"] == 2
        assert left.structured_content["timezone"] == "Asia/Tokyo"
    size = (folder / "a.json").stat().st_size
    assert told[0] == (0, size)
    assert told[-1][0] <= size
    assert (size, size) in told


async def test_the_catalog_tells_the_full_name_of_a_plugin_s_skill(
    service: Service, tmp_path: Path
) -> None:
    names = ["acme:changelog", "acme:lint", "other:lint", "tests"]
    skills = [{"name": name, "description": name} for name in names]
    await service.register_skills(checked(RegisterRequest, skills=skills))
    calls = {"changelog": True, "lint": True, "tests": True, "gone": False}
    same = {"sessionId": "s", "timestamp": "2026-01-02T03:04:05Z"}
    lines = []
    for name, found in calls.items():
        use = {"type": "tool_use", "id": f"toolu_{name}", "name": "Skill", "input": {"skill": name}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{name}", "is_error": not found,
                  "content": "" if found else f"Unknown skill: {name}"}  # fmt: skip
        lines += [same | {"type": "assistant", "message": {"id": name, "content": [use]}},
                  same | {"type": "user", "message": {"content": [result]}}]  # fmt: skip
    path = tmp_path / "s.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = await run(service, "claude-code", path)
    stored = {one.called_as: one.skill_name for one in await all_invocations(service)}
    assert stored == {"changelog": "acme:changelog", "lint": "lint", "tests": "tests",
                      "gone": "gone"}  # fmt: skip
    assert report.run_id
    assert (await service.imports.validate(report.run_id, BY_KIND)).holds


async def test_taxonomy_that_two_imports_brought_stays_until_both_are_undone(
    service: Service, tmp_path: Path
) -> None:
    async def lint() -> list[str]:
        taxonomy = await service.analyses.taxonomy.taxonomy(checked(TaxonomyRequest))
        found = [one for one in taxonomy.categories if one.name == "lint"]
        return [skill.skill_name for one in found for skill in one.skills]

    first = await run(service, "session-buddy", _buddy_v4(tmp_path / "a"))
    second = await run(service, "session-buddy", _buddy_v4(tmp_path / "b"))
    assert (first.items, second.items) == (7, 0)
    assert first.run_id
    assert second.run_id
    assert (await service.imports.undo(first.run_id)).items == 0
    assert await lint() == ["ruff"]
    assert (await service.imports.undo(second.run_id)).items == 7
    assert await lint() == []


async def test_a_row_that_ends_later_is_completed_and_not_counted_twice(
    service: Service, tmp_path: Path
) -> None:
    base = {"session_id": "s", "skill_name": "a", "created_at": "2026-02-12 06:38:52"}
    opened = await run(service, "s0", s0_file(tmp_path / "one", [base]))
    ended = base | {"completed": 1, "completed_at": "2026-02-12 06:39:00",
                    "follow_up_actions": ["x"]}  # fmt: skip
    closed = await run(service, "s0", s0_file(tmp_path / "two", [ended]))
    assert (opened.added, closed.added, closed.completed) == (1, 0, 1)
    [row] = await all_invocations(service)
    assert (row.outcome.value, row.duration_seconds) == ("completed", 8.0)
    assert row.follow_up_actions == ("x",)
    assert closed.run_id
    assert (await service.imports.undo(closed.run_id)).restored == 1
    [row] = await all_invocations(service)
    assert (row.outcome.value, row.duration_seconds, row.follow_up_actions) == ("unknown", None, ())


async def test_a_run_that_finds_a_call_open_and_then_its_end_gives_both_back(
    service: Service, tmp_path: Path
) -> None:
    """As with a copy of a session beside the session that went on."""
    same = {"sessionId": "s", "timestamp": "2026-01-02T03:04:05Z"}
    use = {"type": "tool_use", "id": "t1", "name": "Skill", "input": {"skill": "k"}}
    call = same | {"type": "assistant", "message": {"id": "m", "content": [use]}}
    end = same | {"type": "assistant", "message": {"id": "n", "stop_reason": "end_turn"}}

    def transcript(name: str, *lines: dict[str, Any]) -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return path

    copy = transcript("a.jsonl", call)
    before = await run(service, "claude-code", copy)
    both = await run(service, "claude-code", copy, transcript("b.jsonl", call, end))
    assert (before.added, both.completed, both.unchanged) == (1, 1, 1)
    assert both.run_id
    assert [one.completed for one in await service.imports.runs()] == [1, 0]
    assert (await service.imports.undo(both.run_id)).restored == 1
    [row] = await all_invocations(service)
    assert row.outcome.value == "unknown"


async def test_validation_names_fields_and_goes_on_without_a_file_that_is_gone(
    service: Service, settings: Settings, tmp_path: Path
) -> None:
    paths = [json_file(tmp_path / "a.json", J0), json_file(tmp_path / "b.json", {"invocations": [
        {"skill_name": "x", "invoked_at": "2026-01-09T00:00:00Z", "completed": True,
         "duration_seconds": 2.0}]})]  # fmt: skip
    report = await run(service, "json", *paths)
    assert report.run_id
    paths[0].unlink()
    document = json.loads(paths[1].read_text())
    document["invocations"][0]["duration_seconds"] = 3.0
    json_file(paths[1], document)
    found = await service.imports.validate(report.run_id, BY_KIND)
    assert (found.equal, found.differing, found.surplus) == (0, 1, 4)
    assert found.changed_files == [
        f"{paths[0]} cannot be read: No such file or directory.", str(paths[1])]  # fmt: skip
    [example] = found.examples
    assert "duration_seconds is 3.0 in the source, 2.0 stored" in example


async def test_a_database_is_read_while_its_owner_writes(service: Service, tmp_path: Path) -> None:
    path = session_buddy_file(tmp_path / "skills.db", 3, [])
    owner = sqlite3.connect(path, isolation_level=None)
    owner.execute("PRAGMA journal_mode = WAL")
    row = {"skill_name": "ruff", "session_id": "s", "completed": 1}
    insert(path, "skill_invocation", row | {"invoked_at": "2026-03-01T10:00:00Z"})
    owner.execute("BEGIN IMMEDIATE")
    owner.execute("UPDATE skill_invocation SET skill_name = 'not yet'")
    report = await run(service, "session-buddy", path)
    owner.execute("COMMIT")
    owner.close()
    assert (report.added, report.refused) == (1, [])
    assert [one.skill_name for one in await all_invocations(service)] == ["ruff"]

"""Bad calls through a real MCP client: each is refused in one sentence, and nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from fastmcp import Client
from fastmcp.client.transports import FastMCPTransport
from fastmcp.exceptions import ToolError

from session_buddy_skills.app import build_app
from session_buddy_skills.settings import Settings

GOOD_START = {"session_id": "s", "skill_name": "k"}
GOOD_END = GOOD_START | {"completed": True}
ID = "01890a5d-ac96-774b-bcce-b302099a8057"
ISO = "must be an ISO 8601 time like 2026-01-31T09:30:00Z"
FUTURE = "2999-01-01T00:00:00+00:00"
LONG = "x" * 201

Case = tuple[str, dict[str, Any], str]


def start(message: str, **fields: Any) -> Case:
    return "track_invocation", GOOD_START | fields, message


def end(message: str, **fields: Any) -> Case:
    return "complete_invocation", GOOD_END | fields, message


def batch(message: str, *invocations: Any) -> Case:
    return "record_invocations", {"invocations": list(invocations)}, message


CASES: list[Case] = [
    ("track_invocation", {}, "session_id is required; skill_name is required."),
    ("track_invocation", {"session_id": "s"}, "skill_name is required."),
    start("skill_name must be text, not null.", skill_name=None),
    start("skill_name must be text, not 5.", skill_name=5),
    start('skill_name must be text, not ["k"].', skill_name=["k"]),
    start('skill_name must be text, not {"name": "k"}.', skill_name={"name": "k"}),
    start("skill_name must be text, not true.", skill_name=True),
    start('skill_name must not be empty, not "".', skill_name=""),
    start('skill_name must not be empty, not " \\t ".', skill_name=" \t "),
    start('skill_name must have no control characters, not "a\\u0000b".', skill_name="a\0b"),
    start('skill_name must have no control characters, not "a\\nb".', skill_name="a\nb"),
    start('skill_name must have no control characters, not "\\u001b[1m".', skill_name="\x1b[1m"),
    start('skill_name must have no control characters, not "a\\u0085b".', skill_name="a\x85b"),
    start('skill_name must be valid Unicode text, not "\\ud800".', skill_name="\ud800"),
    start(
        f'skill_name must have at most 200 characters, not "{"x" * 80}"… (201 characters).',
        skill_name=LONG,
    ),
    start('session_id must not be empty, not "".', session_id=""),
    start("session_id must be text, not 7.", session_id=7),
    start('skill_name must have no control characters, not "\\u202eba".', skill_name="\u202eba"),
    start('session_id must have no control characters, not "a\\rb".', session_id="a\rb"),
    start('invocation_id must be a UUID, not "7".', invocation_id="7"),
    start("invocation_id must be a UUID, not 7.", invocation_id=7),
    start("invocation_id must be a UUID, not \"'; DROP TABLE skill_invocation; --\".",
          invocation_id="'; DROP TABLE skill_invocation; --"),
    start(f'invocation_id must be a UUID, not "{ID}0".', invocation_id=f"{ID}0"),
    start(f'invoked_at {ISO}, not "yesterday".', invoked_at="yesterday"),
    start(f'invoked_at {ISO}, not "".', invoked_at=""),
    start(f"invoked_at {ISO}, not 1700000000.", invoked_at=1_700_000_000),
    start(f'invoked_at {ISO}, not "1700000000".', invoked_at="1700000000"),
    start(f'invoked_at {ISO}, not "2026-02-30T00:00:00Z".', invoked_at="2026-02-30T00:00:00Z"),
    start(
        "invoked_at must have a UTC offset, like 2026-01-31T09:30:00Z, "
        'not "2026-01-31T09:30:00".',
        invoked_at="2026-01-31T09:30:00",
    ),
    start(
        'invoked_at must have a UTC offset, like 2026-01-31T09:30:00Z, not "2026-01-31".',
        invoked_at="2026-01-31",
    ),
    start(
        'invoked_at must not be before the year 2000, not "1999-12-31T23:59:59Z".',
        invoked_at="1999-12-31T23:59:59Z",
    ),
    start(
        'invoked_at must not be before the year 2000, not "0001-01-01T00:00:00+14:00".',
        invoked_at="0001-01-01T00:00:00+14:00",
    ),
    start(f'invoked_at must not lie in the future, not "{FUTURE}".', invoked_at=FUTURE),
    start("user_query must be text, not 5.", user_query=5),
    start('user_query must have no NUL characters, not "a\\u0000b".', user_query="a\0b"),
    start('user_query must be valid Unicode text, not "\\udfff".', user_query="\udfff"),
    start(
        f'user_query must have at most 20000 characters, not "{"q" * 80}"… (20001 characters).',
        user_query="q" * 20_001,
    ),
    start('alternatives_considered must be a list, not "a".', alternatives_considered="a"),
    start('alternatives_considered must be a list, not {"a": 1}.',
          alternatives_considered={"a": 1}),
    start("alternatives_considered[1] must be text, not 2.", alternatives_considered=["a", 2]),
    start("alternatives_considered[0] must be text, not null.", alternatives_considered=[None]),
    start('alternatives_considered[0] must not be empty, not "".', alternatives_considered=[""]),
    start("alternatives_considered must have at most 100 items, not 101.",
          alternatives_considered=["a"] * 101),
    start(
        f'alternatives_considered[0] must have at most 500 characters, not "{"a" * 80}"… '
        "(501 characters).",
        alternatives_considered=["a" * 501],
    ),
    start("selection_rank must be at least 1, not 0.", selection_rank=0),
    start("selection_rank must be at least 1, not -1.", selection_rank=-1),
    start("selection_rank must be at most 10000, not 10001.", selection_rank=10_001),
    start("selection_rank must be a whole number, not 1.5.", selection_rank=1.5),
    start('selection_rank must be a whole number, not "1".', selection_rank="1"),
    start("selection_rank must be a whole number, not true.", selection_rank=True),
    start("selection_rank must be at most 10000, not 10000000000000000000000.",
          selection_rank=10**22),
    start("workflow_phase must be text, not 3.", workflow_phase=3),
    start('workflow_path must have no control characters, not "a\\u0007".', workflow_path="a\x07"),
    start(f'project must have at most 200 characters, not "{"x" * 80}"… (201 characters).',
          project=LONG),
    start("user must be text, not 1.", user=1),
    start("completed is not known here.", completed=True),
    start("duration is not known here; $.a.b is not known here.", **{"duration": 1, "$.a.b": 1}),
    start('outcome"] = 1; -- is not known here.', **{'outcome"] = 1; --': 1}),
    ("complete_invocation", {}, "invocation_id is required, or both session_id and skill_name."),
    (
        "complete_invocation",
        {"session_id": "s", "completed": True},
        "invocation_id is required, or both session_id and skill_name.",
    ),
    ("complete_invocation", GOOD_START, "outcome is required, or completed in its place."),
    end('completed must be true or false, not "yes".', completed="yes"),
    end("completed must be true or false, not 1.", completed=1),
    (
        "complete_invocation",
        GOOD_START | {"outcome": "done"},
        'outcome must be one of completed, failed, abandoned, unknown, not "done".',
    ),
    (
        "complete_invocation",
        GOOD_START | {"outcome": "pending"},
        'outcome must be one of completed, failed, abandoned, unknown, not "pending".',
    ),
    end("completed true contradicts outcome 'failed'; give one of the two.", outcome="failed"),
    end(
        "error_type belongs to a failed invocation, but the outcome is 'completed'; "
        "leave one of the two out.",
        error_type="ValueError",
    ),
    end("duration_seconds must be at least 0, not -0.5.", duration_seconds=-0.5),
    end('duration_seconds must be a number, not "1".', duration_seconds="1"),
    end("duration_seconds must be a number, not true.", duration_seconds=True),
    end("duration_seconds must be at most 31622400, not 1e+300.", duration_seconds=1e300),
    end("rating must be at least 1, not 0.", rating=0),
    end("rating must be at most 5, not 6.", rating=6),
    end("follow_up_actions must be a list, not 1.", follow_up_actions=1),
    end("follow_up_actions[0] must be text, not [].", follow_up_actions=[[]]),
    end(f'ended_at {ISO}, not "soon".', ended_at="soon"),
    end(
        'skill_name "k" has no invocation in session_id "s"; '
        "send its start first, with track_invocation."
    ),
    (
        "complete_invocation",
        {"invocation_id": ID, "outcome": "completed"},
        f'invocation_id "{ID}" is not stored; send its start first, with track_invocation.',
    ),
    ("record_invocations", {}, "invocations is required."),
    batch("invocations must have at least 1 item."),
    ("record_invocations", {"invocations": "k"}, 'invocations must be a list, not "k".'),
    batch("invocations must have at most 1000 items, not 1001.", *[GOOD_START] * 1_001),
    batch("invocations[0] must be an object, not 5.", 5),
    batch("invocations[1].skill_name is required.", GOOD_START, {"session_id": "s"}),
    batch(
        "invocations[0]: duration_seconds needs an outcome other than pending.",
        GOOD_START | {"duration_seconds": 1.0},
    ),
    batch("invocations[0]: ended_at needs an invoked_at.",
          GOOD_END | {"ended_at": "2026-01-31T09:30:00Z"}),
    batch(
        "invocations[1]: ended_at must not be before invoked_at.",
        GOOD_START,
        GOOD_END | {"invoked_at": "2026-01-31T09:30:00Z", "ended_at": "2026-01-31T09:29:59Z"},
    ),
    batch(
        f'invocations[1]: invocation_id "{ID}" is stored with skill_name "k", not "other".',
        GOOD_START | {"invocation_id": ID},
        GOOD_START | {"invocation_id": ID, "skill_name": "other"},
    ),
    batch(
        "invocations[0]: invoked_at plus duration_seconds must not lie in the future.",
        GOOD_END | {"invoked_at": datetime.now(UTC).isoformat(), "duration_seconds": 200_000},
    ),
    ("session_summary", {}, "session_id is required."),
    ("session_summary", {"session_id": ""}, 'session_id must not be empty, not "".'),
    ("session_summary", {"session_id": ["s"]}, 'session_id must be text, not ["s"].'),
    ("skill_metrics", {"skill_name": 1}, "skill_name must be text, not 1."),
    ("skill_metrics", {"skill_name": " "}, 'skill_name must not be empty, not " ".'),
    ("skill_metrics", {"skill": "k"}, "skill is not known here."),
    ("skill_effectiveness", {"days": 0}, "days must be above 0, not 0."),
    ("skill_effectiveness", {"days": "7"}, 'days must be a number, not "7".'),
    ("skill_effectiveness", {"days": 1, "since": "2026-01-01T00:00:00Z"},
     "days stands in place of since and until: give one or the other."),
    ("import_metrics", {"path": "a.json", "kind": "xml"},
     "kind must be one of 'json', 's0', 'session-buddy', 'claude-code' or 'export', not \"xml\"."),
    ("record_git_metrics", {"session_id": "s"}, "metrics is required."),
    ("record_git_metrics", {"session_id": "s", "metrics": {"merge_success_rate": 87}},
     "metrics.merge_success_rate must be at most 1, not 87."),
    ("record_git_metrics", {"session_id": "s", "metrics": {"branch_count": 2.5}},
     "metrics.branch_count must be a whole number, not 2.5."),
    ("record_git_metrics", {"session_id": "s", "metrics": {"commits": 1}},
     "metrics.commits is not known here."),
    ("distilled_skill_health", {"threshold_days": 0}, "threshold_days must be at least 1, not 0."),
    ("skill_effectiveness", {"limit": 0}, "limit must be at least 1, not 0."),
    ("skill_effectiveness", {"limit": 1_001}, "limit must be at most 1000, not 1001."),
    ("skill_effectiveness", {"min_invocations": 0},
     "min_invocations must be at least 1, not 0."),
    ("workflow_bottlenecks", {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
     "since must lie before until."),
    ("workflow_bottlenecks", {"since": "yesterday"},
     'since must be an ISO 8601 time like 2026-01-31T09:30:00Z, not "yesterday".'),
    ("workflow_bottlenecks", {"min_abandonment_rate": 1.5},
     "min_abandonment_rate must be at most 1, not 1.5."),
    ("workflow_report", {"format": "html"},
     "format must be one of 'markdown' or 'json', not \"html\"."),
    ("phase_transitions", {"session_id": 7}, "session_id must be text, not 7."),
    ("phase_heatmap", {"metric": "rate"},
     "metric must be one of 'count', 'completion_rate' or 'duration', not \"rate\"."),
    ("phase_heatmap", {"limit": 0}, "limit must be at least 1, not 0."),
    ("get_skill_dependencies", {"min_lift": -1}, "min_lift must be at least 0, not -1."),
    ("get_skill_dependencies", {"limit": 1.5}, "limit must be a whole number, not 1.5."),
    ("detect_anomalies", {"time_window_hours": 0},
     "time_window_hours must be at least 0.25, not 0."),
    ("detect_anomalies", {"time_window_hours": 0.5, "baseline_hours": 600},
     "baseline_hours must be at most 1000 times time_window_hours."),
    ("detect_anomalies", {"time_window_hours": 24, "baseline_hours": 30},
     "baseline_hours must be at least twice time_window_hours."),
    ("detect_anomalies", {"threshold": "high"}, 'threshold must be a number, not "high".'),
    ("acknowledge_anomaly", {"anomaly_id": "7"}, 'anomaly_id must be a UUID, not "7".'),
    ("acknowledge_anomaly", {"anomaly_id": ID}, f'no anomaly "{ID}" is known.'),
    ("get_skill_trend", {}, "skill_name is required."),
    ("get_skill_trend", {"skill_name": "k", "metric": "speed"},
     "metric must be one of 'completion_rate', 'duration' or 'usage', not \"speed\"."),
    ("get_skill_trend", {"skill_name": "k", "days": -1}, "days must be above 0, not -1."),
    ("hourly_metrics", {"hours": 0}, "hours must be at least 1, not 0."),
    ("hourly_metrics", {"hours": 1.5}, "hours must be a whole number, not 1.5."),
    ("get_real_time_metrics", {"window_hours": 0}, "window_hours must be above 0, not 0."),
    ("recent_sessions", {"limit": 0}, "limit must be at least 1, not 0."),
    ("recent_invocations", {"limit": 0}, "limit must be at least 1, not 0."),
    ("recent_invocations", {"session_id": ["s"]}, 'session_id must be text, not ["s"].'),
    ("get_community_baselines", {"user_id": 5}, "user_id must be text, not 5."),
    ("get_collaborative_recommendations", {}, "user_id is required."),
    ("get_collaborative_recommendations", {"user_id": "u", "limit": 0},
     "limit must be at least 1, not 0."),
    ("create_ab_test", {"test_name": "t", "control_strategy": "a", "treatment_strategy": "a"},
     "treatment_strategy must be another than control_strategy."),
    ("create_ab_test", {"test_name": "t", "control_strategy": "a", "treatment_strategy": "b",
                        "sample_size": 10}, "sample_size must be at least 50, not 10."),
    ("create_ab_test", {"test_name": " ", "control_strategy": "a", "treatment_strategy": "b"},
     'test_name must not be empty, not " ".'),
    ("list_ab_tests", {"limit": 5}, "limit is not known here."),
    ("assign_ab_test", {"test_name": "t"}, "user_id is required."),
    ("assign_ab_test", {"test_name": "t", "user_id": "u"},
     'no A/B test "t" is known; create_ab_test makes one.'),
    ("record_ab_test_outcome", {"test_name": "t", "user_id": "u", "outcome": "pending"},
     "outcome must be one of 'completed', 'failed', 'abandoned' or 'unknown', not \"pending\"."),
    ("record_ab_test_outcome", {"test_name": "t", "user_id": "u", "outcome": "failed",
                                "duration_seconds": -1},
     "duration_seconds must be at least 0, not -1."),
    ("analyze_ab_test", {"test_name": 5}, "test_name must be text, not 5."),
    ("stop_ab_test", {"test_name": "t"}, 'no A/B test "t" is known; create_ab_test makes one.'),
    ("skill_clusters", {"skill_name": 5}, "skill_name must be text, not 5."),
    ("edit_taxonomy", {}, "action is required."),
    ("edit_taxonomy", {"action": "set"}, "name is required with action set."),
    ("edit_taxonomy", {"action": "assign", "name": "testing"},
     "skill_name is required with action assign."),
    ("edit_taxonomy", {"action": "set", "name": "a", "words": ["te*st"]},
     'words[0] must be words, of which the last may end in *, not "te*st".'),
    ("edit_taxonomy", {"action": "set", "name": "a", "words": ["+++"]},
     'words[0] must be words, of which the last may end in *, not "+++".'),
    ("edit_taxonomy", {"action": "fill", "name": "testing"},
     "name does not belong to action fill."),
    ("edit_taxonomy", {"action": "exclude", "kind": "modality", "name": "a", "skill_name": "b"},
     "exclude is for categories; a skill has one modality, so assign another."),
    ("edit_taxonomy", {"action": "stage", "workflow_phase": "p", "stage": "late"},
     "stage must be one of 'setup', 'execution', 'verification', 'cleanup', 'deployment' or "
     "'other', not \"late\"."),
    ("edit_taxonomy", {"action": "remove", "name": "nothing"},
     'no category "nothing" is known; set makes one.'),
    ("edit_taxonomy", {"action": "assign", "name": "testing", "skill_name": "nobody"},
     'no skill "nobody" is known.'),
    ("skill_taxonomy", {"kind": "category"}, "kind is not known here."),
    ("health_check", {"verbose": True}, "verbose is not known here."),
    ("export_metrics", {}, "path is required."),
    ("export_metrics", {"path": ""}, 'path must not be empty, not "".'),
    ("export_metrics", {"path": "a\0.json"},
     'path must have no control characters, not "a\\u0000.json".'),
    ("export_metrics", {"path": f"{'x' * 300}.json"},
     f'path must end in a shorter file name, not "{"x" * 80}"… (305 characters).'),
    ("export_metrics", {"path": "a.txt"}, 'path must end in .json, not "a.txt".'),
]  # fmt: skip


def test_there_are_many_cases() -> None:
    assert len(CASES) >= 60
    assert len({repr(case[:2]) for case in CASES}) == len(CASES)


@pytest.fixture
def engine() -> str:
    """Requests are checked before any engine sees them."""
    return "duckdb"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def empty(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Client[FastMCPTransport]]:
    """A client of a server in this process, which all bad calls leave empty."""
    settings = Settings.load(data_dir=tmp_path_factory.mktemp("empty"), embedder="none")
    async with Client(build_app(settings)) as connected:
        yield connected


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("tool", "arguments", "message"), CASES)
async def test_bad_call_is_refused_in_one_sentence_and_writes_nothing(
    empty: Client[FastMCPTransport], tool: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ToolError) as refused:
        await empty.call_tool(tool, arguments)
    assert str(refused.value) == message
    health = (await empty.call_tool("health_check", {})).structured_content
    assert health is not None
    assert health["invocations"] == 0
    assert health["storage"]["waiting"] == 0


@pytest.mark.parametrize("path", ["/etc/skills.json", "../skills.json", "a/../../x.json"])
async def test_export_stays_inside_its_folders(
    client: Client[FastMCPTransport], tmp_path: Path, path: str
) -> None:
    folder = tmp_path / "data" / "exports"
    with pytest.raises(ToolError) as refused:
        await client.call_tool("export_metrics", {"path": path})
    assert str(refused.value) == f'path must lie inside {folder}, not "{path}".'


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/a.json"])
async def test_import_stays_inside_its_folders(
    client: Client[FastMCPTransport], tmp_path: Path, path: str
) -> None:
    with pytest.raises(ToolError) as refused:
        await client.call_tool("import_metrics", {"path": path, "kind": "json"})
    imports, exports = (tmp_path / "data" / name for name in ("imports", "exports"))
    assert str(refused.value) == f'path must lie inside {imports}, {exports}, not "{path}".'


async def test_export_does_not_follow_a_link_out(
    client: Client[FastMCPTransport], tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "exports"
    folder.mkdir(parents=True)
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(ToolError, match="path must lie inside"):
        await client.call_tool("export_metrics", {"path": "out/x.json"})
    assert not (tmp_path / "x.json").exists()


METACHARACTERS = [
    "'; DROP TABLE skill_invocation; --",
    '"; SELECT 1; "',
    "builtins.ValueError",
    "$.a[*].b",
    "%s %(x)s $name {0} {name}",
    "\\u0041 \\' \\\"",
    "ключ 鍵 🔑",
]


@pytest.mark.parametrize("text", METACHARACTERS)
async def test_metacharacters_are_only_text(client: Client[FastMCPTransport], text: str) -> None:
    end = {"session_id": text, "skill_name": text, "completed": False, "error_type": text}
    await client.call_tool(
        "track_invocation",
        {"session_id": text, "skill_name": text, "user_query": text, "workflow_phase": text},
    )
    await client.call_tool("complete_invocation", end | {"follow_up_actions": [text]})
    [skill] = (await client.call_tool("skill_metrics", {"skill_name": text})).data.skills
    assert skill.skill_name == text
    assert skill.common_errors == {text: 1}
    assert skill.workflow_phases == {text: 1}
    assert skill.follow_up_actions == {text: 1}

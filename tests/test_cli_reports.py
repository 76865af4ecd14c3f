"""Reports in a terminal, as a person runs them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.terminal import bar, sparkline
from session_buddy_skills.workflow import ReportRequest
from tests.conftest import run_command, start_server
from tests.invocations import record

COMMANDS = {
    "report": ["report", "--days", "30"],
    "top": ["top", "--hours", "48"],
    "skill": ["skill", "pytest-run"],
    "anomalies": ["anomalies"],
    "trend": ["trend", "pytest-run", "--metric", "usage"],
    "heatmap": ["heatmap", "--metric", "completion_rate"],
    "deps": ["deps", "pytest-run", "--min-lift", "0"],
    "sessions": ["sessions", "--limit", "3"],
    "session": ["sessions", "s2"],
    "recent": ["recent", "--session", "s1", "--skill", "pytest-run", "--limit", "4"],
}
TELLS = {
    "report": ["# Workflow report", "| tests ", "pytest-run", "83 % ("],
    "top": ["pytest-run", "█", "invocations since"],
    "skill": ["pytest-run: 30 invocations", "83 % (66-93, n 30)", "E 5", "tests 30"],
    "anomalies": ["Nothing deviates in 2 tests."],
    "trend": ["pytest-run, usage: stable", "▅▅▅", "slope +0 a day"],
    "heatmap": ["| ruff-check ", "@ 100", ". 83", "Each value"],
    "deps": ["pytest-run", "ruff-check", "independent", "1.00 ("],
    "sessions": ["| s0 ", "| s1 "],
    "session": ["s2: 12 invocations", "pytest-run 6"],
    "recent": ["pytest-run", "completed", "failed: E", "60 s"],
}


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    """Two skills over the last days, the newest session being s0."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    made = [
        {
            "session_id": f"s{day % 5}",
            "skill_name": skill,
            "workflow_phase": phase,
            "invoked_at": now - timedelta(days=day, minutes=30 - 5 * number - offset),
            "outcome": "failed" if skill == "pytest-run" and number == 2 and day % 2 else
            "completed",
            "error_type": "E" if skill == "pytest-run" and number == 2 and day % 2 else None,
            "duration_seconds": 60.0,
        }
        for day in range(10)
        for number in range(3)
        for offset, (skill, phase) in enumerate(
            [("ruff-check", "fast_hooks"), ("pytest-run", "tests")]
        )
    ]  # fmt: skip
    async with open_service(Settings.load(data_dir=tmp_path), recommending=False) as service:
        await record(service, made)
        await service.analyses.workflow.report(checked(ReportRequest))
    return tmp_path


@pytest.mark.parametrize("name", list(COMMANDS))
def test_a_report_is_told_in_a_terminal_and_as_json(folder: Path, name: str) -> None:
    done = run_command(folder, *COMMANDS[name])
    assert (done.returncode, done.stderr) == (0, "")
    for words in TELLS[name]:
        assert words in done.stdout
    assert max(map(len, done.stdout.splitlines()), default=0) <= 120
    answer = json.loads(run_command(folder, *COMMANDS[name], "--json").stdout)
    assert "reason" in answer


def test_a_server_that_holds_the_database_is_asked(folder: Path) -> None:
    server = start_server(folder)
    try:
        port = server.url.rsplit(":", 1)[1]
        done = run_command(folder, "top", "--hours", "48", port=port)
        assert "pytest-run" in done.stdout
        assert run_command(folder, "report", port=port).stdout.startswith("# Workflow report")
    finally:
        server.stop()


def test_nothing_to_tell_is_said(tmp_path: Path) -> None:
    assert run_command(tmp_path, "db", "migrate").returncode == 0
    unknown = {
        "skill": "no use of such a skill is recorded; `skills list` tells which there are.",
        "trend": "no use of such a skill is recorded; `skills list` tells which there are.",
        "session": "no such session is recorded; `sessions` tells which are.",
    }
    for name, command in COMMANDS.items():
        told = run_command(tmp_path, *command)
        if name in unknown:
            assert (told.returncode, told.stdout) == (65, "")
            assert told.stderr == f"session-buddy-skills: {unknown[name]}\n"
        else:
            assert (told.returncode, told.stdout) == (0, "nothing is recorded yet\n")


async def test_work_without_phases_is_told_from_no_work(tmp_path: Path) -> None:
    async with open_service(Settings(data_dir=tmp_path), recommending=False) as service:
        await record(service, [{"session_id": "s", "skill_name": "k", "outcome": "completed"}])
    for command in ("report", "heatmap"):
        told = run_command(tmp_path, command)
        assert told.stdout == "nothing with a workflow phase is recorded in this part\n"


def test_asking_makes_no_database(tmp_path: Path) -> None:
    told = run_command(tmp_path / "nothing", "report")
    assert (told.returncode, told.stdout) == (74, "")
    assert "there is no database" in told.stderr
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["report", "--days", "0"], "days must be above 0, not 0.0."),
        (["top", "--limit", "0"], "limit must be at least 1, not 0."),
        (["anomalies", "--baseline", "3"],
         "baseline_hours must be at least twice time_window_hours."),
        (["skill", " "], 'skill_name must not be empty, not " ".'),
    ],
)  # fmt: skip
def test_bad_input_is_one_sentence(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    done = run_command(tmp_path, *arguments)
    assert (done.returncode, done.stdout) == (65, "")
    assert done.stderr == f"session-buddy-skills: {sentence}\n"


def test_charts_of_a_line() -> None:
    assert sparkline([0, 1, 2, 7]) == "▁▂▃█"
    assert sparkline([3, 3]) == "▅▅"
    assert sparkline([]) == ""
    assert bar(0.5) == "█" * 10
    assert bar(0.001) == "█"
    assert bar(0) == ""


async def test_a_request_cannot_break_the_table_or_steer_the_terminal(tmp_path: Path) -> None:
    request = "first\nline \x1b[31mred\x9b31m\u202e\u2028 | forged | \r\ttab " + "x" * 100
    use = {"session_id": "s", "skill_name": "k", "user_query": request}
    async with open_service(Settings(data_dir=tmp_path), recommending=False) as service:
        await record(service, [use])
    told = run_command(tmp_path, "recent")
    *_, row, _, _ = told.stdout.splitlines()
    assert row.endswith("| first line [31mred 31m \\| forged \\| tab x… |")
    assert set(told.stdout) <= {"\n", "…", *map(chr, range(32, 127))}


def test_what_no_use_has_is_told_from_nothing_here(folder: Path) -> None:
    for option, said in (("--skill", "no use of such a skill"), ("--session", "no such session")):
        done = run_command(folder, "recent", option, "none")
        assert (done.returncode, done.stdout) == (65, "")
        assert said in done.stderr
    done = run_command(folder, "recent", "--project", "none")
    assert (done.returncode, done.stdout) == (0, "nothing is recorded in this part\n")

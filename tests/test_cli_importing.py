"""`session-buddy-skills import` at a terminal."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from session_buddy_skills.cli.importing import KINDS
from session_buddy_skills.imports import Kind
from tests.conftest import COMMAND, ROOT, environment, run_command, start_server
from tests.histories import json_file, s0_file

RECORDS = [
    {"skill_name": "ruff", "invoked_at": f"2026-01-02T03:04:{n:02}", "completed": True}
    for n in range(5)
]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    document = {"invocations": RECORDS, "last_updated": "x"}
    return json_file(tmp_path / "skill_metrics.json", document)


def run_of(text: str) -> str:
    found = re.search(r"--undo ([0-9a-f-]{36})", text)
    assert found
    return found[1]


def test_a_history_comes_in_is_checked_and_taken_out(history: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    done = run_command(folder, "import", "json", str(history), "--timezone", "Europe/Berlin")
    assert (done.returncode, done.stderr) == (0, "")
    first, outcomes, zone, copied, run = done.stdout.splitlines()
    assert first == "json: 5 invocations in 1 file; 5 added, 0 already there"
    assert outcomes == "  5 completed; from 2026-01-02 02:04 to 2026-01-02 02:04 UTC"
    assert zone == "  times without a zone are taken for those of Europe/Berlin"
    assert copied.startswith("  before it, the database was copied to ")
    run_id = run_of(run)
    listed = run_command(folder, "import", "--list").stdout
    assert f"{run_id} | json | finished" in listed
    held = run_command(folder, "import", "--validate", run_id)
    assert held.returncode == 0
    assert held.stdout.splitlines()[0] == (
        "5 records in the source: 5 equal field by field, 0 differ, 0 missing, 0 surplus"
    )
    history.write_text(history.read_text().replace("ruff", "rufo", 1))
    changed = run_command(folder, "import", "--validate", run_id)
    assert changed.returncode == 65
    assert "1 missing, 1 surplus" in changed.stdout
    assert f"not as it was when it was imported: {history}" in changed.stdout
    undone = run_command(folder, "import", "--undo", run_id)
    assert undone.stdout == "5 invocations removed\n"
    again = run_command(folder, "import", "--undo", run_id)
    assert again.returncode == 65
    assert "was undone on" in again.stderr


def test_what_is_there_is_found(tmp_path: Path) -> None:
    home = tmp_path / "home"
    json_file(home / ".session-buddy/skill_metrics.json", {"invocations": RECORDS})
    row = {"session_id": "s", "skill_name": "k", "completed": 1,
           "created_at": "2026-02-12 06:38:52", "completed_at": "2026-02-12 06:38:52"}  # fmt: skip
    s0_file(home / ".crackerjack/skills.db", [row])
    lines = [
        '{"type": "user", "message": {"content": "hello"}, "timestamp": "2026-01-01T00:00:00Z"}'
    ]
    project = home / ".claude" / "projects" / "-p"
    project.mkdir(parents=True)
    (project / "a.jsonl").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [*COMMAND, "--data-dir", str(tmp_path / "data"), "import", "--discover"],
        env=environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == [
        "found json", "found s0", "found claude-code"]  # fmt: skip
    assert "json: 5 invocations in 1 file; 5 added" in done.stdout
    assert "s0: 1 invocation in 1 file; 1 added" in done.stdout
    assert "claude-code: 0 invocations in 1 file; 0 added" in done.stdout


def test_a_dry_run_needs_no_database_and_makes_none(history: Path, tmp_path: Path) -> None:
    done = run_command(tmp_path / "data", "import", "json", str(history), "--dry-run")
    assert done.returncode == 0
    assert "5 would be added, 0 already there" in done.stdout
    assert done.stdout.endswith("  nothing was written\n")
    assert not (tmp_path / "data").exists()


def test_a_refused_file_is_told_record_by_record(history: Path, tmp_path: Path) -> None:
    document = json.loads(history.read_text())
    document["invocations"][3] = {"skill_name": "", "invoked_at": "2026-01-02T03:04:05"}
    json_file(history, document)
    done = run_command(tmp_path / "data", "import", "json", str(history))
    assert done.returncode == 65
    assert f"  refused {history}:\n    invocations[3]: skill_name is required\n" in done.stdout
    assert done.stderr == (
        f"session-buddy-skills: {history} was refused: invocations[3]: skill_name is required.\n"
    )
    assert run_command(tmp_path / "data", "import", "--list").stdout == "nothing was imported yet\n"
    rest = run_command(tmp_path / "data", "import", "json", str(history), "--skip-invalid")
    assert "1 skipped, since they cannot be taken" in rest.stdout
    assert "    left out invocations[3]: skill_name is required\n" in rest.stdout


def test_a_file_that_cannot_be_read_holds_up_no_other(history: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(b"\xef\xbb\xbf{}")
    other = json_file(tmp_path / "other.json", {"invocations": [RECORDS[0] | {"skill_name": "x"}]})
    done = run_command(tmp_path / "data", "import", "json", str(history), str(bad), str(other))
    assert done.returncode == 65
    assert "6 added, 0 already there" in done.stdout
    assert done.stderr.startswith(f"session-buddy-skills: {bad}, byte 0: it is UTF-8 text with")
    assert done.stderr.count("\n") == 1
    assert "json | finished" in run_command(tmp_path / "data", "import", "--list").stdout


def test_another_zone_changes_nothing_and_says_so(history: Path, tmp_path: Path) -> None:
    run_command(tmp_path / "data", "import", "json", str(history), "--timezone", "Europe/Berlin")
    again = run_command(tmp_path / "data", "import", "json", str(history), "--timezone", "UTC")
    assert "5 records are stored already with another time or session" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "name a SOURCE, or one of --discover, --list, --undo and --validate"),
        (["json", "--list"], 2, "name a SOURCE, or one of"),
        (["--list", "--dry-run"], 2, "--dry-run goes with what is imported: SOURCE or --discover"),
        (["--undo", str(UUID(int=1)), "--session-id", "s"], 2, "--session-id goes with what is"),
        (["json", "/no/such/file"], 65, "/no/such/file cannot be read: No such file or directory."),
        (["json", "x", "--timezone", "Mars"], 65,
         'timezone must be a time zone like Europe/Berlin, not "Mars".'),
        (["session-buddy", "/no/such"], 65, "/no/such cannot be read: No such file or directory."),
        (["claude-code", "/no/such"], 65, "/no/such has no transcripts of Claude Code"),
        (["export", "/no/such"], 65, "/no/such cannot be read: No such file or directory."),
    ],
)  # fmt: skip
def test_bad_input_is_said(tmp_path: Path, arguments: list[str], code: int, sentence: str) -> None:
    done = run_command(tmp_path, "import", *arguments)
    assert done.returncode == code
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_every_kind_can_be_named() -> None:
    assert get_args(Kind) == KINDS


def test_a_terminal_shows_how_far_it_is(history: Path, tmp_path: Path) -> None:
    terminal, other_end = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "import", "json", str(history)],
        env=environment(tmp_path / "data") | {"TERM": "xterm", "COLUMNS": "100"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=other_end,
    ) as process:
        os.close(other_end)
        shown = b""
        # Linux answers EIO once nobody holds the other end.
        with contextlib.suppress(OSError):
            while some := os.read(terminal, 65_536):
                shown += some
    os.close(terminal)
    assert process.returncode == 0
    size = history.stat().st_size
    assert f"0/{size} bytes".encode() in shown
    assert f"{size}/{size} bytes".encode() in shown
    assert re.search(rb"[1-9][\d,]* invocations/s", shown)
    assert b"0:00:00" in shown


def test_a_database_that_a_server_holds_is_said(history: Path, tmp_path: Path) -> None:
    server = start_server(tmp_path / "data")
    try:
        done = run_command(tmp_path / "data", "import", "json", str(history))
    finally:
        server.stop()
    assert done.returncode == 75
    assert "is held by another process" in done.stderr
    assert "its tool `import_metrics` imports as well" in done.stderr


@pytest.mark.slow
def test_interrupted_it_goes_on_where_it_was(tmp_path: Path) -> None:
    many = [
        {"skill_name": "ruff", "invoked_at": f"2026-01-02T03:{n // 60_000:02}:04.{n:06}Z",
         "session_id": "s", "completed": True}
        for n in range(120_000)
    ]  # fmt: skip
    path = json_file(tmp_path / "many.json", {"invocations": many})
    folder = tmp_path / "data"
    process = subprocess.Popen(
        [*COMMAND, "import", "json", str(path)],
        env=environment(folder),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        # A shell has what it starts in the background ignore it, these tests for one.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    # The copy that is made before the first import tells that writing begins, the log that it has.
    log = folder / "skills.duckdb.wal"
    while (
        not list(folder.glob("*.import.*.bak")) or not log.exists() or log.stat().st_size < 300_000
    ):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert errors.startswith("\ninterrupted; what was written stays as an unfinished run")
    assert errors.count("\n") == 2
    assert "unfinished" in run_command(folder, "import", "--list").stdout
    assert "no faults" in run_command(folder, "db", "check").stdout
    rest = run_command(folder, "import", "json", str(path))
    assert rest.returncode == 0
    numbers = re.search(r"; ([\d,]+) added, ([\d,]+) already there", rest.stdout)
    assert numbers
    added, there = (int(one.replace(",", "")) for one in numbers.groups())
    assert added + there == 120_000
    assert there > 0

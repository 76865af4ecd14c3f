"""The command as a person runs it: help, database commands, sentences and exit codes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import duckdb
import pytest

from session_buddy_skills.locations import PREFIX
from session_buddy_skills.models import BatchRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from tests.conftest import COMMAND, ROOT, environment, run_command
from tests.disk import small_disk
from tests.invocations import invocations


@pytest.fixture
async def recorded(tmp_path: Path) -> Path:
    """A data folder with some invocations."""
    async with open_service(Settings.load(data_dir=tmp_path), recommending=False) as service:
        await service.record_invocations(checked(BatchRequest, invocations=invocations(50)))
    return tmp_path


def test_help_names_every_command(tmp_path: Path) -> None:
    done = run_command(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("serve", "db", "--database", "--data-dir", "--version", "standard input"):
        assert word in done.stdout
    for name in Settings.model_fields:
        assert f"{PREFIX}{name.upper()}" in done.stdout
    commands = run_command(tmp_path, "db", "--help").stdout
    for word in ("status", "migrate", "rollback", "backup", "check"):
        assert word in commands
    assert list(tmp_path.iterdir()) == []


def test_migrate_makes_a_database_and_status_tells_of_it(tmp_path: Path) -> None:
    path = tmp_path / "skills.duckdb"
    absent = run_command(tmp_path, "db", "status")
    assert (absent.returncode, absent.stderr) == (
        74,
        f"session-buddy-skills: there is no database at {path}; "
        "`db migrate` with the same options makes one.\n",
    )
    assert run_command(tmp_path, "db", "migrate").stdout == "schema version 13\n"
    status = run_command(tmp_path, "db", "status").stdout.splitlines()
    assert status[0].startswith(f"database  {path} (duckdb, ")
    assert status[1:] == ["schema    version 13 of 13", "holds     0 invocations"]


def test_rollback_copies_and_goes_back(recorded: Path) -> None:
    done = run_command(recorded, "db", "rollback", "--to", "0")
    copied, version = done.stdout.splitlines()
    assert version == "schema version 0"
    pending = run_command(recorded, "db", "status").stdout
    assert "pending   1 recording" in pending
    (recorded / "skills.duckdb").unlink()
    shutil.copy(copied.removeprefix("copied to "), recorded / "skills.duckdb")
    assert run_command(recorded, "db", "check").stdout == "50 invocations read, no faults\n"


def test_exit_handlers_of_others_are_called(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import atexit; atexit.register(print, 'theirs')")
    done = subprocess.run(
        [*COMMAND, "--version"],
        env=environment(tmp_path) | {"PYTHONPATH": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"session-buddy-skills, version [\d.]+\ntheirs\n", done.stdout)


def test_backup_is_a_database_of_its_own(recorded: Path) -> None:
    copy = run_command(recorded, "db", "backup").stdout.removeprefix("copied to ").strip()
    done = run_command(recorded, "--database", copy, "db", "check")
    assert done.stdout == "50 invocations read, no faults\n"


def test_check_names_what_is_wrong(recorded: Path) -> None:
    with duckdb.connect(str(recorded / "skills.duckdb")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("INSERT INTO skill_invocation SELECT * FROM skill_invocation LIMIT 1")
        connection.execute("UPDATE skill_invocation SET query_id = uuid() WHERE rowid = 7")
        connection.execute(
            "INSERT INTO skill_call (session_id, invocation_id) "
            "SELECT 's', CAST('00000000-0000-7000-8000-000000000001' AS UUID) FROM range(2)"
        )
    done = run_command(recorded, "db", "check")
    assert done.returncode == 65
    assert done.stderr.endswith(f"5 faults in {recorded / 'skills.duckdb'}.\n")
    assert "refers to a query that is not stored" in done.stdout
    assert done.stdout.count("is stored, and the invocation is not") == 2
    assert done.stdout.count("is stored more than once") == 2


def test_a_damaged_file_is_said_and_left(recorded: Path) -> None:
    path = recorded / "skills.duckdb"
    content = bytearray(path.read_bytes())
    content[:4_096] = b"\0" * 4_096
    path.write_bytes(content)
    done = run_command(recorded, "db", "status")
    assert done.returncode == 65
    assert done.stderr == (
        f"session-buddy-skills: {path} is not a DuckDB database; "
        "it was left as it is. Choose another file.\n"
    )
    assert path.read_bytes() == content


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["db", "migrate"], ["--isolated"]])
def test_a_file_of_another_kind(tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("only text\n" * 1_000)
    done = run_command(tmp_path, "--database", str(path), *command)
    assert done.returncode == 65
    assert done.stderr == (
        f"session-buddy-skills: {path} is not a DuckDB database; "
        "it was left as it is. Choose another file.\n"
    )
    assert path.read_text() == "only text\n" * 1_000


def test_a_file_that_may_not_be_written(recorded: Path) -> None:
    path = recorded / "skills.duckdb"
    path.chmod(0o444)
    recorded.chmod(0o555)
    before = path.read_bytes()
    # Root may write anything unless that capability is taken away.
    plain_user = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        pytest.skip("root needs setpriv to be a user who may not write")
    done = subprocess.run(
        [*(plain_user if os.geteuid() == 0 else []), *COMMAND, "db", "migrate"],
        env=environment(recorded),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    recorded.chmod(0o755)
    assert done.returncode == 77
    assert done.stderr == (
        f"session-buddy-skills: the database {path} may not be opened for writing; "
        "allow that or choose another file.\n"
    )
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["db", "migrate"], ["--isolated"]])
def test_a_disk_that_is_full_from_the_start(tmp_path: Path, command: list[str]) -> None:
    with small_disk(tmp_path / "small", mebibytes=1) as folder:
        with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 4_096)
        done = run_command(folder, *command)
        assert (done.returncode, done.stderr) == (
            74,
            f"session-buddy-skills: the disk that holds {folder / 'skills.duckdb'} is full; "
            "nothing of this write was stored.\n",
        )
        assert [file.name for file in folder.iterdir()] == ["ballast"]
        (folder / "ballast").unlink()
        assert run_command(folder, "db", "migrate").stdout == "schema version 13\n"


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("port", "x", 'SESSION_BUDDY_SKILLS_PORT must be a whole number, not "x".'),
        ("port", "70000", 'SESSION_BUDDY_SKILLS_PORT must be at most 65535, not "70000".'),
        (
            "log_level",
            "loud",
            "SESSION_BUDDY_SKILLS_LOG_LEVEL must be one of "
            "'debug', 'info', 'warning' or 'error', not \"loud\".",
        ),
        (
            "database",
            "mysql://h/d",
            "SESSION_BUDDY_SKILLS_DATABASE must be a path, duckdb:///path or "
            "postgresql://user@host/name, not another kind of mysql:// address.",
        ),
        (
            "database",
            "duckdb://data/x.db",
            "SESSION_BUDDY_SKILLS_DATABASE must be a path, duckdb:///path or "
            "postgresql://user@host/name, not another kind of duckdb:// address.",
        ),
        (
            "database",
            ":memory:",
            "SESSION_BUDDY_SKILLS_DATABASE must be a file, not :memory:, "
            "since nothing kept there would last.",
        ),
        (
            "memory_limit",
            "lots",
            'SESSION_BUDDY_SKILLS_MEMORY_LIMIT must be a size like 512MB or 1GB, not "lots".',
        ),
    ],
)
def test_a_wrong_variable_is_named(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "serve"],
        env=environment(tmp_path, **{variable: value}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (78, f"session-buddy-skills: {sentence}\n")
    assert list(tmp_path.iterdir()) == []

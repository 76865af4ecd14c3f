"""The command on PostgreSQL: what it says of it, and sentences and exit codes where it fails."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx2
import pytest

from session_buddy_skills.models import BatchRequest
from session_buddy_skills.requests import checked
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.postgresql import PostgreSQLDatabase
from tests.conftest import COMMAND, ROOT, NewSettings, environment, run_command, start_server
from tests.databases import execute
from tests.invocations import invocations
from tests.postgresql import PostgreSQL


@pytest.fixture
def engine() -> str:
    return "postgresql"


def run(settings: Settings, *arguments: str, **variables: object) -> tuple[int, str, str]:
    """Exit code, output and errors of a command on that database."""
    given = {"database": settings.database, "connect_timeout": 1, **variables}
    done = subprocess.run(
        [*COMMAND, *arguments],
        env=environment(settings.data_dir, **given),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def location(settings: Settings) -> str:
    """The address as it is shown."""
    return (settings.database or "").replace("postgres@", "")


async def test_status_and_check_tell_of_it(settings: Settings) -> None:
    async with open_service(settings) as service:
        await service.record_invocations(checked(BatchRequest, invocations=invocations(50)))
    code, output, _ = run(settings, "db", "status")
    first, *rest = output.splitlines()
    assert code == 0
    assert first.startswith(f"database  {location(settings)} (postgresql, ")
    assert rest == ["schema    version 14 of 14", "holds     50 invocations"]
    assert run(settings, "db", "check") == (0, "50 invocations read, no faults\n", "")


def test_it_goes_up_and_down(new_settings: NewSettings) -> None:
    settings = new_settings(empty=True)
    assert "pending   2 keys\n" in run(settings, "db", "status")[1]
    assert run(settings, "db", "migrate") == (0, "schema version 14\n", "")
    assert run(settings, "db", "rollback", "--to", "1") == (0, "schema version 1\n", "")
    assert "pending   2 keys\n" in run(settings, "db", "status")[1]
    assert run(settings, "db", "check")[0] == 65


def test_copies_are_left_to_its_own_tools(settings: Settings) -> None:
    assert run(settings, "db", "backup") == (
        65,
        "",
        f"session-buddy-skills: `db backup` copies DuckDB files; copy {location(settings)} "
        "with pg_dump.\n",
    )


async def test_check_names_what_is_wrong(settings: Settings) -> None:
    async with open_service(settings) as service:
        await service.record_invocations(checked(BatchRequest, invocations=invocations(5)))
    execute(settings, "UPDATE skill_invocation SET query_id = gen_random_uuid()")
    code, output, _ = run(settings, "db", "check")
    assert code == 65
    assert output.count("refers to a query that is not stored") == 5


@pytest.mark.parametrize("command", [["serve", "--port", "0"], ["db", "migrate"], ["--isolated"]])
def test_nobody_is_there(tmp_path: Path, command: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"postgresql://someone:sesame@127.0.0.1:{port}/skills"
    code, output, errors = run(Settings.load(data_dir=tmp_path, database=url), *command)
    assert (code, output) == (69, "")
    last = errors.splitlines()[-1]
    if command[:1] == ["db"]:
        assert errors == f"{last}\n"
    assert last.startswith(
        f"session-buddy-skills: postgresql://127.0.0.1:{port}/skills cannot be reached: "
    )
    assert last.endswith("Connection refused.")
    assert "sesame" not in errors


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("clone_", "none_"), 'database "none_'),
        (("postgres@", "nobody:sesame@"), 'role "nobody" does not exist'),
    ],
)
def test_it_does_not_let_us_in(settings: Settings, change: tuple[str, str], reason: str) -> None:
    url = (settings.database or "").replace(*change)
    elsewhere = Settings.load(data_dir=settings.data_dir, database=url)
    code, _, errors = run(elsewhere, "db", "status")
    assert code == 77
    [line] = errors.splitlines()
    assert reason in line
    assert "sesame" not in errors


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://h/db?colour=red",
        "postgresql://u:se@same@127.0.0.1/db",
        "postgresql://u:ses/ame@127.0.0.1/db",
        "postgresql://u:ses ame@127.0.0.1/db",
        "postgresql://u:sesame%zz@127.0.0.1/db",
        "postgresql://u:sesame@127.0.0.1:99999/db",
        "postgresql://u:sesame@127.0.0.1/db?port=1,2",
    ],
)
def test_an_address_that_is_none_is_not_shown(settings: Settings, address: str) -> None:
    odd = Settings.load(data_dir=settings.data_dir, database=address)
    assert run(odd, "db", "status") == (
        78,
        "",
        "session-buddy-skills: SESSION_BUDDY_SKILLS_DATABASE is not a PostgreSQL address like "
        "postgresql://user@host:5432/name; special characters in it must be percent-encoded, "
        "@ as %40.\n",
    )


@pytest.mark.parametrize(
    "address",
    [
        "host=h dbname=d password=sesame",
        "password='ses ame' host=h",
        "host=h\tpassword=sesame",
        "postgresql:/u:sesame@h/d",
        "Postgresql:u:sesame",
    ],
)
def test_an_address_in_another_form_is_no_file(tmp_path: Path, address: str) -> None:
    done = run_command(tmp_path, "--database", address, "db", "migrate")
    assert (done.returncode, done.stderr) == (
        78,
        "session-buddy-skills: SESSION_BUDDY_SKILLS_DATABASE must be a path, duckdb:///path or "
        "postgresql://user@host/name, not an address in another form.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("postgresql:///skills", "postgresql:///skills"),
        ("postgresql://joe@/", "postgresql:///joe"),
        ("postgresql://joe%40work:ses%40me@h/my%40db", "postgresql://h:5432/my@db"),
        ("postgres://joe:sesame@h/d", "postgresql://h:5432/d"),
        ("postgresql://a,b:2/d", "postgresql://a:5432,b:2/d"),
        ("postgresql://a:1,b:2/d", "postgresql://a:1,b:2/d"),
    ],
)
async def test_an_address_is_shown_without_user_and_password(address: str, shown: str) -> None:
    assert PostgreSQLDatabase(address, connect_timeout=1, statement_timeout=1).location == shown


async def test_a_schema_of_its_own_beside_another_program(new_settings: NewSettings) -> None:
    settings = new_settings(empty=True)
    execute(settings, "CREATE EXTENSION vector")
    execute(settings, "CREATE TABLE orders (x INTEGER)")
    url = f"{settings.database}?options=-csearch_path%3Dskills,public"
    own = Settings.load(data_dir=settings.data_dir, database=url)
    code, _, errors = run(own, "db", "migrate")
    assert code == 65
    assert 'has no schema "skills" that this user may use; make it with CREATE' in errors
    execute(settings, "CREATE SCHEMA skills")
    assert run(own, "db", "migrate") == (0, "schema version 14\n", "")
    assert f"{location(settings)} schema skills (postgresql" in run(own, "db", "status")[1]
    assert "is a database of another program" in run(settings, "db", "migrate")[2]


@pytest.mark.parametrize(
    ("schema", "address"),
    [
        ("skills", "Skills"),
        ("skills", "SKILLS,public"),
        ('"a,b"', '"a,b",public'),
        ('"q""q"', '"q""q"'),
        ('"Big"', '"Big"'),
    ],
)
async def test_a_schema_is_found_as_postgresql_reads_its_name(
    new_settings: NewSettings, schema: str, address: str
) -> None:
    settings = new_settings(empty=True)
    execute(settings, f"CREATE SCHEMA {schema}")
    url = f"{settings.database}?options=-csearch_path%3D{quote(address)}"
    own = Settings.load(data_dir=settings.data_dir, database=url)
    code, output, _ = run(own, "db", "status")
    assert code == 0
    assert " schema " in output


async def test_tables_that_may_not_be_read_are_seen_all_the_same(
    new_settings: NewSettings,
) -> None:
    settings = new_settings(empty=True)
    execute(settings, "CREATE TABLE orders (x INTEGER)")
    execute(settings, "CREATE ROLE joe LOGIN")
    execute(settings, "GRANT CREATE ON SCHEMA public TO joe")
    joes = (settings.database or "").replace("postgres@", "joe@")
    told = run(Settings.load(data_dir=settings.data_dir, database=joes), "db", "migrate")
    execute(settings, "DROP OWNED BY joe")
    execute(settings, "DROP ROLE joe")
    assert told[0] == 65
    assert "is a database of another program; it was left as it is" in told[2]


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("connect_timeout", "-1", 'CONNECT_TIMEOUT must be at least 0.1, not "-1".'),
        ("statement_timeout", "nan", 'STATEMENT_TIMEOUT must be a finite number, not "nan".'),
    ],
)
def test_a_wrong_variable_is_named(
    settings: Settings, variable: str, value: str, sentence: str
) -> None:
    code, _, errors = run(settings, "db", "status", **{variable: value})
    assert (code, errors) == (78, f"session-buddy-skills: SESSION_BUDDY_SKILLS_{sentence}\n")


def test_who_may_not_write_is_told_so(settings: Settings) -> None:
    execute(settings, "CREATE ROLE reader LOGIN")
    execute(settings, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    url = (settings.database or "").replace("postgres@", "reader@")
    there = start_server(settings.data_dir, database=url)
    answer = httpx2.post(
        f"{there.url}/tools/track_invocation", json={"session_id": "s", "skill_name": "k"}
    )
    health = httpx2.get(f"{there.url}/health")
    there.stop()
    execute(settings, "DROP OWNED BY reader")
    execute(settings, "DROP ROLE reader")
    assert answer.status_code == 503
    assert answer.json()["error"] == (
        f"{location(settings)} does not allow that: permission denied for table skill_invocation."
    )
    assert health.json()["engine"] == "postgresql"


@pytest.fixture
def without_pgvector() -> Iterator[PostgreSQL]:
    with PostgreSQL(extension_control_path="/nowhere") as server:
        yield server


def test_a_server_without_pgvector_is_told_what_it_needs(
    without_pgvector: PostgreSQL, tmp_path: Path
) -> None:
    url = without_pgvector.url()
    code, _, errors = run(Settings.load(data_dir=tmp_path, database=url), "db", "migrate")
    assert code == 65
    assert errors.endswith(
        'has no pgvector: extension "vector" is not available. Install it on that server, and '
        "let a superuser run CREATE EXTENSION vector in this database.\n"
    )


@pytest.mark.slow
def test_one_to_try_out_starts_and_goes(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.postgresql"],
        env=environment(tmp_path, port=0),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = process.stdout.readline()
    line = process.stderr.readline()
    health = httpx2.get(line.split("MCP on ")[1].split("/mcp")[0] + "/health").json()
    for _ in range(200):  # make does so once, where its whole group is told to end
        process.send_signal(signal.SIGTERM)
        time.sleep(0.002)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert health["engine"] == "postgresql"
    folder = Path(said.split(", in ")[1].split(";")[0])
    assert folder.name.startswith("skills-postgresql-")
    assert not folder.exists()


async def test_texts_need_utf8(postgresql: PostgreSQL, tmp_path: Path) -> None:
    postgresql.execute(
        "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    url = postgresql.url("latin")
    code, _, errors = run(Settings.load(data_dir=tmp_path, database=url), "db", "migrate")
    postgresql.drop("latin")
    assert code == 65
    assert "has the encoding LATIN1, not UTF8, which texts need" in errors


async def test_what_is_committed_is_on_disk_whatever_the_database_says(settings: Settings) -> None:
    name = (settings.database or "").rsplit("/", 1)[1]
    execute(settings, f"ALTER DATABASE {name} SET synchronous_commit = off")
    opened = await PostgreSQLDatabase.open(settings.database or "")
    async with opened._transaction("BEGIN") as connection:
        cursor = await connection._connection.execute("SHOW synchronous_commit")
        assert await cursor.fetchone() == {"synchronous_commit": "on"}
    await opened.close()


async def test_an_owner_without_rights_needs_the_extension_made(new_settings: NewSettings) -> None:
    settings = new_settings(empty=True)
    name = (settings.database or "").rsplit("/", 1)[1]
    execute(settings, "CREATE ROLE ann LOGIN")
    execute(settings, f"ALTER DATABASE {name} OWNER TO ann")
    anns = (settings.database or "").replace("postgres@", "ann@")
    own = Settings.load(data_dir=settings.data_dir, database=anns)
    without = run(own, "db", "migrate")
    execute(settings, "CREATE EXTENSION vector")
    made = run(own, "db", "migrate")
    execute(settings, f"ALTER DATABASE {name} OWNER TO postgres")
    execute(settings, "REASSIGN OWNED BY ann TO postgres")
    execute(settings, "DROP OWNED BY ann")
    execute(settings, "DROP ROLE ann")
    assert without[0] == 65
    assert "let a superuser run CREATE EXTENSION vector in this database" in without[2]
    assert made == (0, "schema version 14\n", "")

"""`session-buddy-skills db`: the database's schema, copies and health."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import anyio
import click

from session_buddy_skills.errors import InputError, SchemaError, StorageError
from session_buddy_skills.wording import counted

if TYPE_CHECKING:
    from session_buddy_skills.storage.database import Database
    from session_buddy_skills.storage.migrations import SchemaStatus


@click.group()
def db() -> None:
    """Look after the database. On DuckDB the server must not be running."""


@db.command()
@click.pass_obj
def status(options: dict[str, object]) -> None:
    """Say where the database is and which schema it has."""
    _run(options, _status)


@db.command()
@click.pass_obj
def migrate(options: dict[str, object]) -> None:
    """Bring the schema up to date, after copying a DuckDB file that holds something."""
    _run(options, _migrate, create=True)


@db.command()
@click.option("--to", type=int, required=True, help="The schema version to go back to.")
@click.pass_obj
def rollback(options: dict[str, object], to: int) -> None:
    """Undo migrations, after copying a DuckDB file. What they added is lost.

    No server may be running. PostgreSQL is not copied: do so before, with pg_dump.
    """
    _run(options, partial(_roll_back, to=to))


@db.command()
@click.pass_obj
def backup(options: dict[str, object]) -> None:
    """Copy the DuckDB file beside itself."""
    _run(options, _backup)


@db.command()
@click.pass_obj
def check(options: dict[str, object]) -> None:
    """Read everything and look for what must not be. Exits with 65 if it finds anything."""
    _run(options, _check)


def _run(
    options: dict[str, object],
    command: Callable[[Database], Awaitable[None]],
    *,
    create: bool = False,
) -> None:
    async def run() -> None:
        async with _open(options, create=create) as database:
            await command(database)

    anyio.run(run)


@asynccontextmanager
async def _open(options: dict[str, object], *, create: bool) -> AsyncIterator[Database]:
    from session_buddy_skills.settings import Settings
    from session_buddy_skills.storage.opening import open_database

    settings = Settings.load(**options)
    file = settings.engine == "duckdb" and anyio.Path(settings.database_path)
    if file and not create and not await file.exists():
        raise StorageError(
            f"there is no database at {settings.database_path}; "
            "`db migrate` with the same options makes one."
        )
    database = await open_database(settings)
    try:
        yield database
    finally:
        await database.close()


async def _status(database: Database) -> None:
    from session_buddy_skills.storage.migrations import known_migrations, schema_status

    state = await schema_status(database)
    newest = known_migrations(database.engine)[-1].version
    size = await database.size_bytes()
    click.echo(f"database  {database.location} ({database.engine}, {size / 2**20:.1f} MiB)")
    click.echo(f"schema    version {state.version} of {newest}")
    for migration in state.pending:
        click.echo(f"pending   {migration.version} {migration.name}")
    if not state.pending:
        async with database.reading() as connection:
            [row] = await connection.fetch("count_invocations")
        click.echo(f"holds     {counted(row['total_invocations'], 'invocation')}")


async def _migrate(database: Database) -> None:
    from session_buddy_skills.storage import migrations

    _report(*await migrations.migrate(database))


async def _roll_back(database: Database, to: int) -> None:
    from session_buddy_skills.storage import migrations

    _report(*await migrations.roll_back(database, to))


def _report(state: SchemaStatus, copy: str | None) -> None:
    if copy:
        click.echo(f"copied to {copy}")
    click.echo(f"schema version {state.version}")


async def _backup(database: Database) -> None:
    copy = await database.backup("backup")
    if copy is None:
        raise InputError(f"`db backup` copies DuckDB files; copy {database.location} with pg_dump.")
    click.echo(f"copied to {copy}")


async def _check(database: Database) -> None:
    from session_buddy_skills.storage.checking import find_faults
    from session_buddy_skills.storage.migrations import schema_status

    state = await schema_status(database)
    if state.pending:
        raise SchemaError(
            f"the schema is at version {state.version}; "
            "run `session-buddy-skills db migrate` first."
        )
    rows, faults = await find_faults(database)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise SchemaError(f"{counted(len(faults), 'fault')} in {database.location}.")
    click.echo(f"{counted(rows, 'invocation')} read, no faults")

"""The schema's history: numbered files, each applied in one transaction, known by a checksum."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from session_buddy_skills.errors import InputError, SchemaError
from session_buddy_skills.storage.database import Connection, Database

_PACKAGE = Path(__file__).parents[1]
_FILE = re.compile(r"V(\d+)__(\w+)\.up\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, with the way back."""

    version: int
    name: str
    up: str
    down: str

    @property
    def checksum(self) -> str:
        """SHA-256 of both directions, in hex."""
        return hashlib.sha256(f"{self.up}\0{self.down}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Where a database stands."""

    version: int
    applied: tuple[int, ...]
    pending: tuple[Migration, ...]


@cache
def known_migrations(engine: str) -> tuple[Migration, ...]:
    """The migrations of this version of the package for that engine, oldest first.

    Some are for one engine alone, so versions may be missing between those of another.
    """
    # A wheel carries the folder inside the package; a checkout has it beside.
    packed = _PACKAGE / "migrations"
    shared = packed if packed.is_dir() else _PACKAGE.parent / "migrations"
    found = sorted(
        (int(match[1]), match[2], file)
        for folder in (shared, shared / engine)
        if folder.is_dir()
        for file in folder.iterdir()
        if (match := _FILE.fullmatch(file.name))
    )
    return tuple(
        Migration(
            version,
            name,
            file.read_text(encoding="utf-8"),
            file.with_name(file.name.replace(".up.sql", ".down.sql")).read_text(encoding="utf-8"),
        )
        for version, name, file in found
    )


async def schema_status(
    database: Database, known: Sequence[Migration] | None = None
) -> SchemaStatus:
    """Compare the database with the migrations that this version knows.

    Raises:
        SchemaError: a newer version made the database, another program did, or a migration that
            was applied has been edited since.
    """
    known = known_migrations(database.engine) if known is None else known
    async with database.reading() as connection:
        applied = await _applied(connection, database.location)
    by_version = {migration.version: migration for migration in known}
    for version, name, checksum in applied:
        if version not in by_version:
            raise SchemaError(
                f"the database {database.location} has schema version {version}; this version of "
                f"session-buddy-skills knows up to {max(by_version, default=0)}; "
                "install a newer one."
            )
        if by_version[version].checksum != checksum:
            raise SchemaError(
                f"migration {version} ({name}) was applied to {database.location} with other "
                "content than it has here; restore the file as it was released."
            )
    versions = tuple(version for version, _, _ in applied)
    return SchemaStatus(
        version=max(versions, default=0),
        applied=versions,
        pending=tuple(m for m in known if m.version not in versions),
    )


async def migrate(
    database: Database, known: Sequence[Migration] | None = None
) -> tuple[SchemaStatus, str | None]:
    """Apply what is pending; a database that holds something is copied before.

    Many processes may do so at once: one applies each migration, and the others find it applied.

    Returns the status afterwards and where the copy is, if one was made.
    """
    status = await schema_status(database, known)
    backup = None
    if status.pending and status.version > 0:
        backup = await database.backup(f"v{status.version}")
    for migration in status.pending:
        async with database.migrating() as connection:
            await connection.execute("create_migrations")
            rows = await connection.fetch("applied_migrations")
            if migration.version in {row["version"] for row in rows}:
                continue
            await connection.script(migration.up)
            await connection.execute(
                "insert_migration",
                {
                    "version": migration.version,
                    "name": migration.name,
                    "checksum": migration.checksum,
                    "applied_at": datetime.now(UTC),
                },
            )
    return await schema_status(database, known), backup


async def roll_back(
    database: Database, to: int, known: Sequence[Migration] | None = None
) -> tuple[SchemaStatus, str | None]:
    """Undo the migrations above version `to`, newest first, after copying the database.

    Raises:
        InputError: `to` is not between 0 and the database's version.
        SchemaError: other processes use the database.
    """
    known = known_migrations(database.engine) if known is None else known
    status = await schema_status(database, known)
    if not 0 <= to <= status.version:
        raise InputError(f"to must be between 0 and {status.version}, not {to}.")
    undone = [m for m in reversed(known) if to < m.version <= status.version]
    if undone and (others := await database.others()):
        raise SchemaError(
            f"{database.location} is used by {', '.join(others)}; stop what runs there before its "
            "schema goes back."
        )
    backup = await database.backup(f"v{status.version}") if undone else None
    for migration in undone:
        async with database.migrating() as connection:
            rows = await connection.fetch("applied_migrations")
            if migration.version not in {row["version"] for row in rows}:
                continue
            await connection.script(migration.down)
            await connection.execute("delete_migration", {"version": migration.version})
    return await schema_status(database, known), backup


async def _applied(connection: Connection, location: str) -> list[tuple[int, str, str]]:
    [found] = await connection.fetch("has_migrations")
    if found["n"]:
        rows = await connection.fetch("applied_migrations")
        return [(row["version"], row["name"], row["checksum"]) for row in rows]
    [tables] = await connection.fetch("count_tables")
    if tables["n"]:
        raise SchemaError(
            f"{location} is a database of another program; it was left as it is. Choose another."
        )
    return []

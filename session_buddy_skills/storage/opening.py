"""Opens the database that the settings name, with its schema in place."""

from __future__ import annotations

import logging

import anyio

from session_buddy_skills.settings import Settings
from session_buddy_skills.storage.database import Database
from session_buddy_skills.storage.migrations import migrate

logger = logging.getLogger(__name__)


async def open_database(settings: Settings) -> Database:
    """The database as it is, without looking at its schema."""
    # Imported here so that a program that never opens a database does not load a driver.
    if settings.engine == "postgresql":
        from session_buddy_skills.storage.postgresql import PostgreSQLDatabase

        return await PostgreSQLDatabase.open(
            settings.database or "",
            connect_timeout=settings.connect_timeout,
            statement_timeout=settings.statement_timeout,
        )
    from session_buddy_skills.storage.duckdb import DuckDBDatabase

    return await DuckDBDatabase.open(settings.database_path, memory_limit=settings.memory_limit)


async def open_migrated(settings: Settings) -> tuple[Database, int]:
    """The database with the newest schema, and that schema's version.

    Raises:
        SchemaError: the schema is not one that this version knows; nothing was changed.
    """
    database = await open_database(settings)
    ready = False
    try:
        status, backup = await migrate(database)
        ready = True
    finally:
        if not ready:
            with anyio.CancelScope(shield=True):
                await database.close()
    if backup:
        logger.info("before migrating, the database was copied to %s", backup)
    return database, status.version

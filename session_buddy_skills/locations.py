"""Where the database is and what lies beside it, for programs that must start at once.

Beside `settings` the only reader of the environment: that one loads pydantic, which takes a third
of a second, and a bridge or a shim has no time for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import platformdirs

PREFIX = "SESSION_BUDDY_SKILLS_"
HOST = "127.0.0.1"
PORT = 8678


def default_data_dir() -> Path:
    """The user's folder for everything that is kept."""
    return platformdirs.user_data_path("session-buddy-skills")


class Locations(NamedTuple):
    """The database's file, or its address where it is PostgreSQL, and the files beside it."""

    data_dir: Path
    database: str | None = None

    @property
    def postgresql(self) -> bool:
        """Whether the database is a PostgreSQL."""
        return (self.database or "").split("://")[0] in ("postgresql", "postgres")

    @property
    def database_path(self) -> Path:
        """Where the DuckDB file is, absolute."""
        if self.database is None:
            path = self.data_dir / "skills.duckdb"
        elif self.database.startswith("duckdb://"):
            path = Path(unquote(urlsplit(self.database).path))
        else:
            path = Path(self.database)
        return path.expanduser().absolute()

    @property
    def spool(self) -> Path:
        """The folder of what could not be delivered."""
        return self.beside("spool")

    @property
    def events(self) -> Path:
        """The folder of what hooks of Claude Code tell."""
        return self.beside("events")

    @property
    def server_file(self) -> Path:
        """What the server that has the database open says of itself."""
        return self.beside("server.json")

    @property
    def server_log(self) -> Path:
        """What that server has to say, where a shim has started it."""
        return self.beside("server.log")

    @property
    def start_lock(self) -> Path:
        """Held by the shim that is starting the server."""
        return self.beside("start.lock")

    def beside(self, what: str) -> Path:
        """A file or folder beside the database."""
        path = self.database_path
        if self.postgresql:
            from hashlib import sha256  # loads OpenSSL, for which nobody else need wait

            # Told apart without showing what a password may be in.
            known = sha256((self.database or "").encode()).hexdigest()[:8]
            path = self.data_dir / f"postgresql-{known}"
        return path.with_name(f"{path.name}.{what}")


def locations(database: str | Path | None = None, data_dir: Path | None = None) -> Locations:
    """Those of this user, unless arguments or the environment say otherwise."""
    folder = data_dir or os.environ.get(f"{PREFIX}DATA_DIR") or default_data_dir()
    named = database or os.environ.get(f"{PREFIX}DATABASE")
    return Locations(Path(folder).expanduser().absolute(), str(named) if named else None)


def stated_token() -> str | None:
    """The token that the environment states for servers; `auto` is none."""
    stated = os.environ.get(f"{PREFIX}TOKEN")
    return None if stated == "auto" else stated or None


def default_url() -> str:
    """Where `serve` listens unless that port is taken."""
    stated = os.environ.get(f"{PREFIX}PORT", "")
    return f"http://{HOST}:{int(stated) if stated.isdecimal() and int(stated) else PORT}"


def shared_environment(own: Locations) -> dict[str, str]:
    """The environment of a server for this database, started by whoever needs one first.

    A database's address may have a password in it, which everybody could read in a command line.
    """
    named = {f"{PREFIX}DATA_DIR": str(own.data_dir)}
    if own.database is not None:
        named[f"{PREFIX}DATABASE"] = own.database
    return {**os.environ, **named}

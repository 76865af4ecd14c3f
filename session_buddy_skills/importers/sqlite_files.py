"""SQLite files of other programs: only read, while their owner writes too, and left as they are."""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

from session_buddy_skills.errors import InputError
from session_buddy_skills.importers.records import Reading, require_file
from session_buddy_skills.imports import LEGACY_SESSION, Kind, Options, Source
from session_buddy_skills.storage.queries import read_queries

_MAGIC = b"SQLite format 3\0"
_WAL = 2
_BLOCK = 2**20
Row = dict[str, Any]


class SqliteFile:
    """An open file, of which one state is seen throughout."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InputError: it is not a whole SQLite database; the message says from which byte on.
        """
        self.path = path
        self.size_bytes, self.digest = _checked(path)
        self._queries = read_queries(resources.files(__package__ or "") / "sql")
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(path.resolve()))}?{_mode(path)}",
                uri=True,
                check_same_thread=False,
                isolation_level=None,
            )
            self._connection.execute("BEGIN")
            self._connection.text_factory = bytes
            self.tables = {str(one["name"]) for one in self.rows("tables")}
            self._check()
        except sqlite3.Error as error:
            raise InputError(f"{path} cannot be read as SQLite: {error}.") from error
        except InputError:
            self.close()
            raise

    def rows(self, query: str, *needed: str) -> Iterator[Row]:
        """The rows of a query of `sql/`, some at a time; bytes where text is not UTF-8.

        Raises:
            InputError: the file is damaged there, or the table has not the columns that it needs.
        """
        try:
            cursor = self._connection.execute(self._queries[query].text)
            names = [column[0] for column in cursor.description]
            if missing := [name for name in needed if name not in names]:
                raise InputError(f"{self.path} has no column {missing[0]} where {query} are.")
            for row in cursor:
                yield dict(zip(names, map(_text, row), strict=True))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} is damaged: {error}.") from error

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()

    def _check(self) -> None:
        [found] = self._connection.execute("PRAGMA quick_check(1)").fetchone()
        if (said := _text(found)) != "ok":
            what = " ".join(str(said).split())
            raise InputError(f"{self.path} is damaged: {what}.")


@contextmanager
def sqlite_file(path: Path, table: str, *, otherwise: Kind) -> Iterator[SqliteFile]:
    """An open file with that table; one without is perhaps of the other kind.

    Raises:
        InputError: it is none.
    """
    file = SqliteFile(path)
    try:
        if table not in file.tables:
            raise InputError(f"{path} has no table {table}; is it {otherwise}?")
        yield file
    finally:
        file.close()


class SqliteSource(Source):
    """An open file as a source; which records it has is said below."""

    def __init__(self, file: SqliteFile, options: Options) -> None:
        self.path = file.path
        self.size_bytes = file.size_bytes
        self.digest = file.digest
        self.noted = Counter()
        self._file = file
        self._options = options

    def reading(self, kind: Kind) -> Reading:
        """What turns its records into invocations, from the first on."""
        return Reading(kind, self._options, f"{LEGACY_SESSION}{self.digest[:12]}")


def _text(value: object) -> object:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _mode(path: Path) -> str:
    """How to open it so that nothing beside it is made.

    A file in WAL mode whose owner is away has no log beside it; opened in any other way than as one
    that never changes, SQLite would make one.
    """
    with path.open("rb") as file:
        header = file.read(20)
    away = not Path(f"{path}-wal").exists()
    return "immutable=1" if header[18:20] == bytes([_WAL, _WAL]) and away else "mode=ro"


def _checked(path: Path) -> tuple[int, str]:
    """The size and digest of a file that begins and ends like a database."""
    digest = hashlib.sha256()
    size = 0
    header = b""
    require_file(path)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                header = header or block[:100]
                digest.update(block)
                size += len(block)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not size:
        raise InputError(f"{path}, byte 0: it is empty.")
    if not header.startswith(_MAGIC):
        raise InputError(f"{path}, byte 0: it is no SQLite database.")
    page = int.from_bytes(header[16:18])
    whole = int.from_bytes(header[28:32]) * (65_536 if page == 1 else page)
    # The header counts pages only where its last writer was not an old one.
    counted = header[24:28] == header[92:96]
    if counted and size < whole and not Path(f"{path}-wal").exists():
        raise InputError(f"{path}, byte {size}: it ends here, {whole - size} bytes too early.")
    return size, digest.hexdigest()

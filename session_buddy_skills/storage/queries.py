"""SQL as source: statements in `sql/*.sql`, each under a `-- name:` line, found by that name.

A folder `sql/<engine>/` holds what must be said otherwise to that engine, under the same names, and
what is said to no other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement; its parameters are written `$name`."""

    name: str
    text: str


@cache
def load_queries(engine: str) -> Mapping[str, Query]:
    """All named statements, as that engine takes them."""
    return {**shared_queries(), **engine_queries(engine)}


def shared_queries() -> Mapping[str, Query]:
    """The statements that are not of one engine."""
    return read_queries(resources.files(__package__) / "sql")


def engine_queries(engine: str) -> Mapping[str, Query]:
    """The statements that are of that engine alone; some stand in place of shared ones."""
    folder = resources.files(__package__) / "sql" / engine
    return read_queries(folder) if folder.is_dir() else {}


def read_queries(folder: Traversable) -> Mapping[str, Query]:
    """The statements of a folder of `.sql` files."""
    found: dict[str, Query] = {}
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".sql"):
            for query in parse_queries(file.read_text(encoding="utf-8")):
                if query.name in found:
                    raise ValueError(f"the query {query.name} is written twice")
                found[query.name] = query
    return found


def parse_queries(text: str) -> list[Query]:
    """The statements of one file, in order."""
    parts = _HEADER.split(text)
    return [Query(name, body.strip()) for name, body in zip(parts[1::2], parts[2::2], strict=True)]


@cache
def positional(text: str) -> tuple[str, tuple[str, ...]]:
    """The statement with its parameters numbered, `$1`, and their names in that order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    statement = re.sub(r"^\s*--.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\$([a-z]\w*)", number, statement), tuple(names)

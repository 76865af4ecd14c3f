"""SQL as source: statements in `sql/*.sql`, each under a `-- name:` line, found by that name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

_HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Query:
    """One statement; its parameters are written `$name`."""

    name: str
    text: str


@cache
def load_queries() -> Mapping[str, Query]:
    """All named statements of the shared dialect."""
    folder = resources.files(__package__) / "sql"
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

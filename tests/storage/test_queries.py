"""SQL is written once; what an engine takes otherwise is counted and explained."""

from __future__ import annotations

import re

import pytest

from session_buddy_skills.storage.queries import engine_queries, shared_queries
from tests.conftest import ROOT


def test_what_postgresql_takes_otherwise_is_in_the_docs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shared, own = shared_queries(), engine_queries("postgresql")
    overrides = sorted(shared.keys() & own.keys())
    additions = sorted(own.keys() - shared.keys())
    with capsys.disabled():
        print(  # noqa: T201
            f"\nof {len(shared)} queries PostgreSQL takes {len(overrides)} otherwise: "
            f"{', '.join(overrides)}; and {len(additions)} that are its own: {', '.join(additions)}"
        )
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.split("### What PostgreSQL takes otherwise")[1].split("\n#")[0]
    rows = re.findall(r"^\| `(\w+)` \| (override|its own) \| .{20,} \|$", table, re.MULTILINE)
    assert sorted(name for name, kind in rows if kind == "override") == overrides
    assert sorted(name for name, kind in rows if kind == "its own") == additions


def test_duckdb_takes_all_as_it_is_shared() -> None:
    assert engine_queries("duckdb") == {}


def test_each_engine_has_every_query() -> None:
    own = engine_queries("postgresql")
    assert all(query.text for query in (*shared_queries().values(), *own.values()))
    for name in shared_queries().keys() & own.keys():
        assert own[name].text != shared_queries()[name].text

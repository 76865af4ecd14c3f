"""What session-buddy's V4 keeps beside invocations: A/B tests, categories and modalities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from uuid_utils.compat import uuid5

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.importers.s0 import utc_text
from session_buddy_skills.importers.sqlite_files import Row, SqliteFile
from session_buddy_skills.imports import NAMESPACE, BadRecord, Item

_GROUPS = ("control", "treatment")
_FEWEST_SAMPLE = 2


def items_of(file: SqliteFile, noted: Counter[str]) -> Iterator[Item | BadRecord]:
    """Rows of the tables that are there; what they have no place for is noted."""
    for table, query, make, needed in _TABLES:
        if table in file.tables:
            for row in file.rows(query, *needed):
                yield from _made(table, row, make, noted)


Make = Callable[[Row, "Counter[str]"], list[Item]]


def _made(table: str, row: Row, make: Make, noted: Counter[str]) -> Iterator[Item | BadRecord]:
    try:
        yield from make(row, noted)
    except InputError as error:
        key = next(iter(row.values()), None)
        yield BadRecord(f"{table}, {shown(key)}", str(error).rstrip("."))


def _ab_test(row: Row, noted: Counter[str]) -> list[Item]:
    started = _time(row, "start_date", "created_at")
    stopped = None
    if row["status"] != "running":
        stopped = _time(row, "end_date", "start_date")
    if row.get("assignment_ratio") not in (None, 0.5):
        noted["A/B tests with other shares than one half: new users are halved"] += 1
    return [
        Item(
            "ab_test_configs",
            ("test_name",),
            {
                "test_name": _name(row, "test_name"),
                "control_strategy": _name(row, "control_strategy"),
                "treatment_strategy": _name(row, "treatment_strategy"),
                "sample_size": max(_FEWEST_SAMPLE, _whole(row, "min_sample_size", 100)),
                "description": row.get("description") or None,
                "created_at": started,
                "stopped_at": stopped,
            },
        )
    ]


def _ab_assignment(row: Row, _noted: Counter[str]) -> list[Item]:
    return [
        Item(
            "ab_test_assignments",
            ("test_name", "user_hash"),
            {
                "test_name": _name(row, "test_name"),
                "user": _name(row, "user_id"),
                "test_group": _group(row),
                "assigned_at": _time(row, "assigned_at"),
                "test_created_at": _time(row, "test_start_date", "test_created_at"),
            },
        )
    ]


def _ab_outcome(row: Row, noted: Counter[str]) -> list[Item]:
    if row["group_name"] is None:
        noted["outcomes of users who are in no group of their test: left out"] += 1
        return []
    told = [row[name] for name in ("test_name", "outcome_id", "user_id", "recorded_at")]
    return [
        Item(
            "ab_test_outcomes",
            ("outcome_id",),
            {
                "outcome_id": str(uuid5(NAMESPACE, f"session-buddy outcome {told}")),
                "test_name": _name(row, "test_name"),
                "user": _name(row, "user_id"),
                "test_group": _group(row),
                "outcome": "completed" if row["completed"] else "abandoned",
                "duration_seconds": _seconds(row),
                "recorded_at": _time(row, "recorded_at"),
                "test_created_at": _time(row, "test_start_date", "test_created_at"),
            },
        )
    ]


def _category(row: Row, noted: Counter[str]) -> list[Item]:
    noted["categories whose domain or parent has no place here"] += bool(
        row.get("domain") or row.get("parent_category_id")
    )
    return [_kind_of_skill("category", _name(row, "category_name"), row.get("description"))]


def _mapping(row: Row, _noted: Counter[str]) -> list[Item]:
    names = {name: _name(row, name) for name in ("skill_name", "category_name")}
    return [Item("skill_category_mapping", tuple(names), names)]


def _modality(row: Row, noted: Counter[str]) -> list[Item]:
    noted["modalities whose formats or review have no place here"] += bool(
        row.get("input_format") or row.get("output_format") or row.get("requires_human_review")
    )
    modality = _name(row, "modality_type")
    names = {"skill_name": _name(row, "skill_name"), "modality_type": modality}
    return [
        _kind_of_skill("modality", modality, None),
        Item("skill_modalities", ("skill_name",), names),
    ]


def _kind_of_skill(kind: str, name: str, description: Any) -> Item:
    row = {"kind": kind, "category_name": name, "description": description or None}
    return Item("skill_categories", ("kind", "category_name"), row)


_TABLES: tuple[tuple[str, str, Make, tuple[str, ...]], ...] = (
    (
        "ab_test_configs",
        "ab_tests",
        _ab_test,
        ("test_name", "control_strategy", "treatment_strategy", "status"),
    ),
    ("ab_test_assignments", "ab_assignments", _ab_assignment, ("user_id", "group_name")),
    (
        "ab_test_outcomes",
        "ab_outcomes",
        _ab_outcome,
        ("outcome_id", "user_id", "completed", "duration_seconds", "recorded_at"),
    ),
    ("skill_categories", "categories", _category, ("category_name",)),
    ("skill_category_mapping", "category_mapping", _mapping, ("skill_name",)),
    ("skill_modalities", "modalities", _modality, ("skill_name", "modality_type")),
)


def _name(row: Row, column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise InputError(f"{column} must be text, not {shown(value)}.")
    return value.strip()


def _group(row: Row) -> str:
    if row["group_name"] not in _GROUPS:
        group = shown(row["group_name"])
        raise InputError(f"group_name must be 'control' or 'treatment', not {group}.")
    return str(row["group_name"])


def _whole(row: Row, column: str, default: int) -> int:
    value = row.get(column)
    return value if isinstance(value, int) and 0 < value < 2**31 else default


def _seconds(row: Row) -> float | None:
    value = row["duration_seconds"]
    if value is None:
        return None
    if not isinstance(value, float | int) or not 0 <= value < float("inf"):
        raise InputError(f"duration_seconds must be a number from 0 on, not {shown(value)}.")
    return float(value)


def _time(row: Row, *columns: str) -> datetime:
    """The first of these times that is there."""
    for column in columns:
        if row.get(column):
            return datetime.fromisoformat(utc_text(row[column], column)).astimezone(UTC)
    raise InputError(f"{columns[0]} is required.")

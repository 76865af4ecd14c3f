"""What callers of the bridge say: a programming error is told at once, whatever the backend."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from uuid import UUID

import uuid_utils

from session_buddy_skills.errors import InputError

TEXT_OR_NONE = (str, type(None))
LONGEST_DEADLINE = 86_400
_LARGEST = 2**63
"""Of larger numbers nobody could write, or store, a record."""

Kinds = dict[str, type]
"""What a call takes, by name: text, a list of texts, a whole number, or an id."""
START: Kinds = {
    "skill_name": str,
    "session_id": str,
    "user_query": str,
    "alternatives_considered": list,
    "selection_rank": int,
    "recommendation_id": UUID,
    "workflow_path": str,
    "workflow_phase": str,
    "workflow_step_id": str,
    "project": str,
    "user": str,
    "source": str,
}
END: Kinds = {"error_type": str, "follow_up_actions": list, "rating": int}
QUESTION: Kinds = {
    "user_query": str,
    "limit": int,
    "session_id": str,
    "workflow_phase": str,
    "project": str,
    "user_id": str,
}
_TEXT = (TEXT_OR_NONE, "text")
_PATH = ((*TEXT_OR_NONE, PurePath), "text or a path")
_SETUP: dict[str, tuple[tuple[type, ...], str]] = {
    "session_id": ((str,), "text"),
    "deadline": ((int, float), "a number of seconds"),
    "enabled": ((bool,), "True or False"),
    "url": _TEXT,
    "mcp_server_url": _TEXT,
    "database": _PATH,
    "db_path": _PATH,
    "data_dir": _PATH,
}
_IDS = (str, UUID, uuid_utils.UUID)
_LISTS = (list, tuple)
_NEEDED = frozenset({"skill_name", "session_id"})
NEEDED_TO_ASK = frozenset({"user_query", "session_id", "limit"})


def check_setup(**told: Any) -> None:
    """Make sure that what a bridge is made with makes sense.

    Raises:
        TypeError: something is of another kind.
        InputError: the session has no name, or the deadline is none.
    """
    for name, value in told.items():
        types, words = _SETUP[name]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            raise TypeError(f"{name} must be {words}, not {value!r}")
    if not told.get("session_id", "named").strip():
        raise InputError("session_id must not be empty.")
    if not 0 < told.get("deadline", 1) <= LONGEST_DEADLINE:
        raise InputError(
            f"deadline must be more than 0 and at most {LONGEST_DEADLINE} seconds, "
            f"not {told['deadline']}."
        )


def stated(value: Any, otherwise: Any) -> Any:
    """The value, where it is not None or empty text: what is of another kind is told of later."""
    return otherwise if value is None or value == "" else value


def given(fields: dict[str, Any], kinds: Kinds, needed: frozenset[str] = _NEEDED) -> dict[str, Any]:
    """What a caller gave: without None, unless it is needed, and empty lists; lists are copied.

    Raises:
        TypeError: a field is not one of these, or of another kind.
    """
    kept: dict[str, Any] = {}
    for name, value in fields.items():
        kind = kinds.get(name)
        if kind is None:
            raise TypeError(f"got an unexpected keyword argument {name!r}")
        if value is None and name not in needed:
            continue
        if kind is str:
            if not isinstance(value, str):
                raise TypeError(f"{name} must be text, not {value!r}")
            kept[name] = value
        elif kind is int:
            if not isinstance(value, int) or isinstance(value, bool):
                raise TypeError(f"{name} must be a whole number, not {value!r}")
            if abs(value) >= _LARGEST:
                raise TypeError(f"{name} must be a whole number of at most 64 bits")
            kept[name] = value
        elif kind is UUID:
            if not isinstance(value, _IDS):
                raise TypeError(f"{name} must be a UUID or its text, not {value!r}")
            kept[name] = str(value)
        elif texts := _texts(name, value):
            kept[name] = texts
    return kept


def are_texts(values: object) -> bool:
    """Whether this is a list of texts, looked at in the fastest way."""
    if values.__class__ is not list:
        return False
    try:
        "".join(values)
    except TypeError:
        return False
    return True


def _texts(name: str, value: object) -> tuple[str, ...]:
    """A copy of a list, which its owner may change before the thread makes a record of it."""
    if isinstance(value, _LISTS):
        texts = tuple(value)
        # Not `all(…)`: what a generator needs is in no cache either, and takes 10 microseconds.
        for one in texts:
            if not isinstance(one, str):
                break
        else:
            return texts
    raise TypeError(f"{name} must be a list of texts, not {value!r}")

"""The one tree of errors. Each docstring is its error's default message.

A face (tool, page, command) turns a `SkillsError` into its own form: a tool error, an HTTP
status, an exit code. Exit codes are those of BSD's `sysexits.h`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

SHOWN_CHARS = 80
SHOWN_PROBLEMS = 5


class SkillsError(Exception):
    """Something went wrong in session-buddy-skills."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").strip())


class InputError(SkillsError):
    """The request is not valid."""

    exit_code = 65

    @classmethod
    def from_validation(cls, error: ValidationError) -> InputError:
        """What pydantic found, as a sentence: which field, which value, what would be right."""
        problems = error.errors(include_url=False)
        sentences = [_explain(problem) for problem in problems[:SHOWN_PROBLEMS]]
        if len(problems) > SHOWN_PROBLEMS:
            sentences.append(f"and {len(problems) - SHOWN_PROBLEMS} more problems")
        return cls("; ".join(sentences) + ".")


class UnknownInvocationError(InputError):
    """No such invocation is stored."""


class ConflictError(InputError):
    """The invocation is already stored with other content."""


class SettingsError(SkillsError):
    """The configuration is not valid."""

    exit_code = 78


class AddressError(SkillsError):
    """The server cannot listen on that address."""

    exit_code = 69


class ServerUnreachableError(SkillsError):
    """The server has not answered, or not with anything that makes sense."""

    exit_code = 69


class EmbedderError(SkillsError):
    """What turns text into vectors cannot be used."""

    exit_code = 69


class StorageError(SkillsError):
    """The database could not be read or written."""

    exit_code = 74


class StorageFullError(StorageError):
    """The disk is full; nothing of this write was stored."""


class DatabaseUnreachableError(StorageError):
    """The database server cannot be reached; send this again later."""

    exit_code = 69


class ConnectionLostError(StorageError):
    """The connection to the database server was lost; what was being written may be stored."""

    exit_code = 69


class ContentionError(StorageError):
    """Others were writing the same invocations; nothing of this write was stored."""

    exit_code = 75


class ReadersInTheWayError(StorageError):
    """DuckDB cannot move its log into the file while somebody reads what updates have replaced."""

    exit_code = 75


class StatementTimeoutError(StorageError):
    """The database took too long, or waited too long for a lock; nothing was stored."""

    exit_code = 75


class OverloadedError(StorageError):
    """Too many writes are waiting; send this one again later."""

    exit_code = 75


class DatabaseHeldError(StorageError):
    """Another process holds the database."""

    exit_code = 75


class DatabaseAccessError(StorageError):
    """The database may not be opened for writing."""

    exit_code = 77


class ReadOnlyDatabaseError(DatabaseAccessError):
    """The database takes no writes, as a standby does."""


class NotADatabaseError(StorageError):
    """There is something else where the database should be."""

    exit_code = 65


class SchemaError(StorageError):
    """The database's schema is not one that this version knows."""

    exit_code = 65


def shown(value: object) -> str:
    """The value as JSON, cut to a readable length."""
    if isinstance(value, int) and value.bit_length() > SHOWN_CHARS:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, float | int | list | dict) or value is None:
        text = json.dumps(value, default=str)
        return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"
    text = str(value)
    cut = "" if len(text) <= SHOWN_CHARS else f"… ({len(text)} characters)"
    return json.dumps(text[:SHOWN_CHARS]) + cut


_RULES: Mapping[str, str] = {
    "string_type": "must be text",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must have no control characters",
    "string_unicode": "must be valid Unicode text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a smaller number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "path_type": "must be a path",
}


def _explain(problem: ErrorDetails) -> str:
    field = _field_name(problem["loc"])
    kind, value, context = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "missing":
        return f"{field} is required"
    if kind == "extra_forbidden":
        return f"{field} is not known here"
    if kind == "too_long":
        most, actual = context["max_length"], context["actual_length"]
        return f"{field} must have at most {most} items, not {actual}"
    if kind == "too_short":
        return f"{field} must have at least {context['min_length']} item"
    if kind == "contradiction":
        return f"{field}: {problem['msg']}" if problem["loc"] else problem["msg"]
    bounds = {name: _plain_number(bound) for name, bound in context.items()}
    rule = _RULES[kind].format(**bounds) if kind in _RULES else _lower_first(problem["msg"])
    return f"{field or 'the argument'} {rule}, not {shown(value)}"


def _field_name(location: tuple[int | str, ...]) -> str:
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name


def _plain_number(bound: object) -> object:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def contradiction(message: str) -> Exception:
    """A validator's error about fields that do not go together; the message is a whole clause."""
    from pydantic_core import PydanticCustomError

    escaped: Any = message.replace("{", "{{").replace("}", "}}")
    return PydanticCustomError("contradiction", escaped)

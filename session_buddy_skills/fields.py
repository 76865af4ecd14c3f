"""The kinds of value that a request may carry, each with its limits.

Names are trimmed and kept as given; blank optional text is the same as none.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from session_buddy_skills.limits import (
    CLOCK_SKEW_DAYS,
    ITEM_CHARS,
    LIST_ITEMS,
    NAME_CHARS,
    QUERY_CHARS,
)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No invocation is older; an earlier time is a mistake."""
CLOCK_SKEW = timedelta(days=CLOCK_SKEW_DAYS)
"""How far ahead of this machine's clock a caller's time may be."""
LONGEST_SECONDS = 366 * 86_400.0
"""Longest duration of one invocation."""


NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"
"""Text without characters of Unicode's category Cc, and without those that turn text around."""


def no_nul(text: str) -> str:
    """Refuse text with a NUL character, which not every database can keep."""
    if "\0" in text:
        raise PydanticCustomError("nul", "must have no NUL characters")
    return text


def blank_is_none(value: object) -> object:
    """None for text of blanks alone."""
    return None if isinstance(value, str) and not value.strip() else value


def _instant(value: object) -> datetime:
    """An aware time from ISO 8601 text or a datetime, in UTC."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        time = None
    if not isinstance(time, datetime):
        raise PydanticCustomError("time", "must be an ISO 8601 time like 2026-01-31T09:30:00Z")
    if time.utcoffset() is None:
        raise PydanticCustomError("naive", "must have a UTC offset, like 2026-01-31T09:30:00Z")
    try:
        time = time.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("early", "must not be before the year 2000") from None
    if time < EARLIEST:
        raise PydanticCustomError("early", "must not be before the year 2000")
    if time > datetime.now(UTC) + CLOCK_SKEW:
        raise PydanticCustomError("future", "must not lie in the future")
    return time


Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=NAME_CHARS, pattern=NO_CONTROL
    ),
]
OptionalName = Annotated[Name | None, BeforeValidator(blank_is_none)]
OptionalQuery = Annotated[
    Annotated[str, StringConstraints(max_length=QUERY_CHARS), AfterValidator(no_nul)] | None,
    BeforeValidator(blank_is_none),
]
Item = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=ITEM_CHARS),
    AfterValidator(no_nul),
]
Items = Annotated[list[Item], Field(max_length=LIST_ITEMS)]
OptionalNote = Annotated[
    Annotated[str, StringConstraints(max_length=1_000), AfterValidator(no_nul)] | None,
    BeforeValidator(blank_is_none),
]
Instant = Annotated[datetime, BeforeValidator(_instant)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=LONGEST_SECONDS, allow_inf_nan=False)]
Rank = Annotated[int, Field(strict=True, ge=1, le=10_000)]
Rating = Annotated[int, Field(strict=True, ge=1, le=5)]
Flag = Annotated[bool, Field(strict=True)]

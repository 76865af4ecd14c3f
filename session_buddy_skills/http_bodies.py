"""Bodies of HTTP requests, no larger than they may be."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json
from starlette.requests import Request

from session_buddy_skills.errors import InputError, shown
from session_buddy_skills.limits import BODY_BYTES


class TooLargeError(InputError):
    """The body is too large."""


async def body_of(request: Request) -> bytes:
    """All of it.

    Raises:
        TooLargeError: it has more than `BODY_BYTES`.
    """
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise TooLargeError(f"the body must have at most {BODY_BYTES} bytes.")
    return body


def object_of(body: bytes) -> dict[str, Any]:
    """The JSON object that it is.

    Raises:
        InputError: it is none.
    """
    try:
        found = from_json(body)
    except ValueError as error:
        raise InputError(f"the body must be a JSON object: {error}.") from error
    if not isinstance(found, dict):
        raise InputError(f"the body must be a JSON object, not {shown(found)}.")
    return found

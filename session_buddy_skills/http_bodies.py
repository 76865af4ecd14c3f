"""Bodies of HTTP requests, no larger than they may be."""

from __future__ import annotations

from starlette.requests import Request

from session_buddy_skills.errors import InputError
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

"""The token that a server may ask its clients for."""

from __future__ import annotations

from secrets import compare_digest

from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
    SimpleUser,
)
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp


def asking_for(app: ASGIApp, token: str) -> ASGIApp:
    """The app for requests that bring this token (RFC 6750); all others are turned away."""
    return AuthenticationMiddleware(app, _Bearer(token), _turned_away)


class _Bearer(AuthenticationBackend):
    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser]:
        scheme, _, given = conn.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not compare_digest(given.strip().encode(), self._token):
            raise AuthenticationError(
                "this server asks for its token: send it as Authorization: Bearer <token>."
            )
        return AuthCredentials(), SimpleUser("")


def _turned_away(_conn: HTTPConnection, error: AuthenticationError) -> Response:
    return JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"})

"""Asks the database, or the server that has it open."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import anyio
from pydantic import BaseModel

from session_buddy_skills import local_server
from session_buddy_skills.errors import DatabaseHeldError, InputError, StorageError
from session_buddy_skills.locations import stated_token
from session_buddy_skills.server_file import bearer

if TYPE_CHECKING:
    from session_buddy_skills.requests import Request as Asked
    from session_buddy_skills.service import Service
    from session_buddy_skills.settings import Settings

SECONDS = 30
SERVER_ERROR = 500

Direct = Callable[["Service", Any], Awaitable[BaseModel]]
"""What a tool does, without the tool."""


def ask(
    options: dict[str, object],
    tool: str,
    direct: Direct,
    request: type[Asked],
    arguments: dict[str, Any],
    *,
    reads: bool = True,
) -> dict[str, Any]:
    """What the tool answers: `direct` on the database, or the server that holds it.

    What only `reads` does not make a database where there is none.

    Raises:
        InputError: an argument is not valid.
        StorageError: the database cannot be read, or is not there.
    """
    from session_buddy_skills.requests import checked
    from session_buddy_skills.settings import Settings

    settings = Settings.load(**options)
    asked = checked(request, **arguments)
    if reads:
        require_database(settings)
    try:
        return anyio.run(partial(_ask_database, settings, direct, asked))
    except DatabaseHeldError as held:
        return _ask_server(settings, tool, arguments, held)


def require_database(settings: Settings) -> None:
    """Make sure that there is a database to read.

    Raises:
        StorageError: there is none.
    """
    if settings.engine == "duckdb" and not settings.database_path.exists():
        raise StorageError(
            f"there is no database {settings.database_path}; a server makes it when it starts, and "
            "SESSION_BUDDY_SKILLS_DATABASE or --database names another."
        )


async def _ask_database(settings: Settings, direct: Direct, request: Asked) -> dict[str, Any]:
    from session_buddy_skills.service import open_service

    async with open_service(settings, recommending=False) as service:
        return (await direct(service, request)).model_dump(mode="json")


def _ask_server(
    settings: Settings, tool: str, arguments: dict[str, Any], held: DatabaseHeldError
) -> dict[str, Any]:
    said = local_server.running(settings.locations)
    server = said.url if said else f"http://{settings.host}:{settings.port}"
    token = bearer(said.token if said else stated_token())
    try:
        health = _call(f"{server}/health", token)
        if health["database"] != str(settings.database_path):
            raise _hinted(held, settings)  # another server, with another record
        return _call(f"{server}/tools/{tool}", token, json.dumps(arguments).encode())
    except HTTPError as error:
        kind = InputError if error.code < SERVER_ERROR else StorageError
        raise kind(_said(server, error.read().decode(errors="replace"))) from error
    except TimeoutError as error:
        raise StorageError(f"the server at {server} has not answered in {SECONDS} s.") from error
    except (OSError, ValueError, KeyError) as error:
        raise _hinted(held, settings) from error


def _said(server: str, answer: str) -> str:
    """The server's sentence, or what it answered in its place."""
    try:
        return str(json.loads(answer)["error"])
    except (ValueError, KeyError, TypeError):
        return f"the server at {server} answered: {answer[:500]}"


def _hinted(held: DatabaseHeldError, settings: Settings) -> DatabaseHeldError:
    return DatabaseHeldError(
        f"{str(held).rstrip('.')}. If that is its server, it is not on port {settings.port}: set "
        "SESSION_BUDDY_SKILLS_PORT to its port."
    )


def _call(url: str, headers: dict[str, str], body: bytes | None = None) -> dict[str, Any]:
    asked = Request(url, body, headers)  # noqa: S310 - the scheme is named above
    with urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310 - likewise
        result: dict[str, Any] = json.load(answer)
        return result

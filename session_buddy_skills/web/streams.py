"""MCP over HTTP: one JSON for most calls, a stream of events for those that ask for progress.

Some clients post a message and read JSON, whatever they said they accept, so JSON is the rule.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from starlette.applications import Starlette
from starlette.routing import Mount

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.middleware import Middleware
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MCP_PATH = "/mcp"
PROTOCOL = b"mcp-protocol-version"
FIRST_THAT_STREAMS = b"2026-07-28"
"""Since then the SDK answers with JSON unless there is progress, and ends a call with its
connection, where it may stream."""
ASKED = b'"progressToken"'
LOOKED_AT = 64 * 1024
"""Bytes of a body that are looked through for it."""


def as_asked(
    plain: Starlette, streaming: Starlette, middleware: Sequence[Middleware] = ()
) -> Starlette:
    """Both behind the middleware, the second for calls that a stream is of use to."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in (plain, streaming):
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    return Starlette(
        routes=[Mount("/", _AsAsked(plain, streaming))], middleware=middleware, lifespan=lifespan
    )


class _AsAsked:
    def __init__(self, plain: ASGIApp, streaming: ASGIApp) -> None:
        self._plain, self._streaming = plain, streaming

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") != "POST" or scope["path"] != MCP_PATH:
            await self._plain(scope, receive, send)
            return
        protocol = next((value for name, value in scope["headers"] if name == PROTOCOL), b"")
        if protocol >= FIRST_THAT_STREAMS:
            await self._streaming(scope, receive, send)
            return
        first = await _beginning(receive)
        if any(ASKED in one.get("body", b"") for one in first):
            await self._streaming(scope, _after(first, receive), send)
        else:
            await _while_connected(self._plain, scope, _after(first, receive), send)


async def _while_connected(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have it answered, unless the client hangs up before; the SDK does so where it may stream."""
    read, answers = asyncio.Event(), False

    async def reading() -> Message:
        message = await receive()
        if not message.get("more_body"):
            read.set()
        return message

    async def sending(message: Message) -> None:
        nonlocal answers
        answers = True
        await send(message)

    async def end_with_connection() -> None:
        await read.wait()
        while (await receive())["type"] != "http.disconnect":
            pass
        if not answers:
            call.cancel()

    # Not a task group, which would put the errors of the app into a group.
    watching = asyncio.create_task(end_with_connection())
    try:
        with anyio.CancelScope() as call:
            await app(scope, reading, sending)
    finally:
        watching.cancel()


async def _beginning(receive: Receive) -> list[Message]:
    """The messages that a body begins with."""
    found: list[Message] = []
    size = 0
    while True:
        found.append(message := await receive())
        size += len(message.get("body", b""))
        if not message.get("more_body") or size > LOOKED_AT:
            return found


def _after(first: list[Message], receive: Receive) -> Receive:
    left = iter(first)

    async def replay() -> Message:
        return next(left, None) or await receive()

    return replay

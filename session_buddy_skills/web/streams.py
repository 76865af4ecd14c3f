"""MCP over HTTP: one JSON for most calls, a stream of events for those that it is of use to.

Some clients post a message and read JSON, whatever they said they accept, so JSON is the rule.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from starlette.routing import Router

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping

    from starlette.applications import Starlette
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

MCP_PATH = "/mcp"
PROTOCOL = b"mcp-protocol-version"
FIRST_THAT_STREAMS = b"2026-07-28"
"""Since then the SDK answers with JSON unless there is news of a call, or it takes 15 seconds."""
NAMED = b"mcp-name"
"""The header in which clients of that protocol name what they ask for."""
ASKED = b'"progressToken"'
LOOKED_AT = 64 * 1024
"""Bytes of a body that are looked through for it."""
WATCHED_AFTER_SECONDS = 0.05
"""A call that takes no longer is finished even if its client has gone: watching costs more."""


def as_asked(plain: Starlette, streaming: Starlette, long_tools: Collection[str]) -> ASGIApp:
    """Both as one, the second for calls that ask for progress and for those of `long_tools`.

    The SDK lets who waits for one of these know every 15 seconds that it is under way. No other
    call can send its client anything but its answer.
    """

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in (plain, streaming):
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    named = {name.encode() for name in long_tools}
    return _AsAsked(plain, streaming, named, Router(lifespan=lifespan))


class _AsAsked:
    def __init__(
        self,
        plain: ASGIApp,
        streaming: ASGIApp,
        long_tools: Collection[bytes],
        starting_and_ending: ASGIApp,
    ) -> None:
        self._plain, self._streaming = plain, streaming
        self._long_tools = long_tools
        self._starting_and_ending = starting_and_ending

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._starting_and_ending(scope, receive, send)
            return
        if scope.get("method") != "POST" or scope["path"] != MCP_PATH:
            await self._plain(scope, receive, send)
            return
        if self._takes_long(dict(scope["headers"])):
            await self._streaming(scope, receive, send)
            return
        first = await _beginning(receive)
        if any(ASKED in one.get("body", b"") for one in first):
            await self._streaming(scope, _after(first, receive), send)
        else:
            await _while_connected(self._plain, scope, _after(first, receive), send)

    def _takes_long(self, headers: Mapping[bytes, bytes]) -> bool:
        protocol = headers.get(PROTOCOL, b"")
        return protocol >= FIRST_THAT_STREAMS and headers.get(NAMED) in self._long_tools


async def _while_connected(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Have it answered, unless it takes a while and the client hangs up before.

    Where the SDK may stream it does so too, with two tasks and a stream for each call.
    """
    read, answers = asyncio.Event(), False
    watching: asyncio.Task[None] | None = None

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

    def watch() -> None:
        # Not a task group, which would put the errors of the app into a group.
        nonlocal watching
        watching = asyncio.create_task(end_with_connection())

    later = asyncio.get_running_loop().call_later(WATCHED_AFTER_SECONDS, watch)
    try:
        with anyio.CancelScope() as call:
            await app(scope, reading, sending)
    finally:
        later.cancel()
        if watching is not None:
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

"""A network that fails at a chosen moment, between a client and a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import ByteReceiveStream, ByteSendStream, SocketAttribute, SocketStream

BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


@dataclass
class Proxy:
    """Passes bytes on both ways, until it sees what it is to cut the connection at.

    Of what the client sends with those bytes, `deliver` says whether the server still gets it;
    the answer never comes back. `refuse_afterwards` says whether it stays so; `before_next` runs
    before the next connection is made. While `frozen`, nothing passes and nothing ends.
    """

    server_port: int
    port: int = 0
    cut_at: bytes | None = None
    deliver: bool = True
    refuse_afterwards: bool = False
    before_next: Callable[[], Awaitable[object]] | None = None
    frozen: bool = False
    cuts: int = 0
    one_by_one: anyio.Lock = field(default_factory=anyio.Lock)

    async def serve(self, client: SocketStream) -> None:
        """Pass on one connection, until either side ends it."""
        async with client:
            if self.cuts and self.refuse_afterwards:
                return
            async with self.one_by_one:  # the next but one waits as well
                if self.cuts and self.before_next is not None:
                    before_next, self.before_next = self.before_next, None
                    await before_next()
            async with (
                await anyio.connect_tcp("127.0.0.1", self.server_port) as server,
                anyio.create_task_group() as both_ways,
            ):
                both_ways.start_soon(self._answers, server, client, both_ways.cancel_scope)
                await self._requests(client, server, both_ways.cancel_scope)

    async def _requests(
        self, client: ByteReceiveStream, server: SocketStream, scope: anyio.CancelScope
    ) -> None:
        with suppress(*BROKEN):
            while True:
                chunk = await client.receive()
                if self.frozen:
                    continue  # as a network that loses it
                if self.cut_at is not None and self.cut_at in chunk:
                    self.cut_at = None
                    self.cuts += 1
                    if self.deliver:
                        await server.send(chunk)
                        await anyio.sleep(0.1)
                    break
                await server.send(chunk)
        scope.cancel()

    async def _answers(
        self, server: ByteReceiveStream, client: ByteSendStream, scope: anyio.CancelScope
    ) -> None:
        cuts = self.cuts
        with suppress(*BROKEN):
            while True:
                chunk = await server.receive()
                if self.cuts == cuts and not self.frozen:
                    await client.send(chunk)
        scope.cancel()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free port of 127.0.0.1."""
    proxy = Proxy(port)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        [proxy.port] = {one.extra(SocketAttribute.local_port) for one in listener.listeners}
        async with anyio.create_task_group() as connections:
            connections.start_soon(listener.serve, proxy.serve)
            yield proxy
            connections.cancel_scope.cancel()

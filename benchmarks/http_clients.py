"""Recording over MCP HTTP with 16 clients at once: how much of a call is storage."""

from __future__ import annotations

import asyncio
import time

import httpx2

from benchmarks.engines import NewDatabase
from benchmarks.figures import Figure, durations, p50
from benchmarks.processes import http_server

CLIENTS = 16
CALLS = 100


async def measure(new_database: NewDatabase) -> list[Figure]:
    """The clients send what crackerjack sends, over connections that stay open.

    They share the two cores with the server, as they would on a developer's machine.
    """
    with new_database() as settings, http_server(settings) as url:
        async with httpx2.AsyncClient(base_url=url, timeout=60) as connection:
            await call(connection, "warm", 0)
            before = (await connection.get("/health")).json()["storage"]
            since = time.perf_counter()
            taken = await asyncio.gather(*(client(url, number) for number in range(CLIENTS)))
            wall = time.perf_counter() - since
            after = (await connection.get("/health")).json()["storage"]
    writes = after["writes"] - before["writes"]
    assert writes == CLIENTS * CALLS
    waited = (after["seconds_waited"] - before["seconds_waited"]) / writes
    whole = sum(map(sum, taken)) / writes
    return [
        Figure(f"calls by {CLIENTS} HTTP clients", writes / wall, "/s"),
        Figure("call over HTTP, p50", p50([one for some in taken for one in some]) * 1e3, "ms"),
        Figure("call over HTTP, mean", whole * 1e3, "ms"),
        Figure("of it until on disk, mean", waited * 1e3, "ms"),
        Figure("storage share of a call", 100 * waited / whole, "%", "<= 20"),
    ]


async def client(url: str, number: int) -> list[float]:
    """Seconds that each call of one client took."""
    async with httpx2.AsyncClient(base_url=url, timeout=60) as connection:
        return await durations(lambda turn: call(connection, f"session-{number}", turn), CALLS)


async def call(connection: httpx2.AsyncClient, session: str, turn: int) -> None:
    """One `track_invocation`."""
    arguments = {
        "session_id": session,
        "skill_name": f"skill-{turn % 50}",
        "user_query": f"{session} asks for {turn}",
        "workflow_phase": "tests",
    }
    message = {
        "jsonrpc": "2.0",
        "id": turn,
        "method": "tools/call",
        "params": {"name": "track_invocation", "arguments": arguments},
    }
    accept = {"Accept": "application/json, text/event-stream"}
    response = await connection.post("/mcp", json=message, headers=accept)
    assert response.json()["result"]["isError"] is False

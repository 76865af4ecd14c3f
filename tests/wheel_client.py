"""Records and asks through an installed command, over stdio. Run by .ci/wheel."""

from __future__ import annotations

import asyncio
import os
import sys

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(command: str) -> None:
    transport = StdioTransport(command, [], env=dict(os.environ))
    async with Client(transport) as client:
        start = {"session_id": "wheel", "skill_name": "pytest-run", "user_query": "run the tests"}
        await client.call_tool("track_invocation", start)
        await client.call_tool(
            "complete_invocation",
            {"session_id": "wheel", "skill_name": "pytest-run", "completed": True},
        )
        summary = (await client.call_tool("session_summary", {"session_id": "wheel"})).data
    if summary.completed_invocations != 1:
        raise SystemExit(f"the wheel recorded {summary}")
    sys.stdout.write("the wheel records over stdio\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

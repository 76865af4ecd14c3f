"""Records and asks through an installed command, over both transports. Run by .ci/wheel."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport


async def main(command: str) -> None:
    async with Client(
        StdioTransport(command, ["--isolated"], env=dict(os.environ), keep_alive=False)
    ) as client:
        await record(client, "stdio")
    serve = [command, "serve", "--port", "0"]
    with subprocess.Popen(serve, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        try:
            line = server.stderr.readline()
            if "MCP on " not in line:
                raise SystemExit(f"the wheel does not serve: {line}")
            url = line.split("MCP on ")[1].split(",")[0]
            async with Client(url) as client:
                await record(client, "HTTP")
        finally:
            server.terminate()


async def record(client: Client[Any], session: str) -> None:
    use = {"session_id": session, "skill_name": "pytest-run"}
    await client.call_tool("track_invocation", use | {"user_query": "run the tests"})
    await client.call_tool("complete_invocation", use | {"completed": True})
    summary = (await client.call_tool("session_summary", {"session_id": session})).data
    if summary.completed_invocations != 1:
        raise SystemExit(f"the wheel recorded {summary}")
    sys.stdout.write(f"the wheel records over {session}\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

import asyncio

from fastmcp import Client


async def main() -> None:
    async with Client("http://127.0.0.1:8678/mcp") as client:
        use = {"session_id": "monday", "skill_name": "pytest-run"}
        await client.call_tool("track_invocation", use | {"user_query": "run the tests"})
        await client.call_tool("complete_invocation", use | {"completed": True})
        summary = await client.call_tool("session_summary", {"session_id": "monday"})
        print(summary.data.completed_invocations, "of", summary.data.total_invocations)


asyncio.run(main())

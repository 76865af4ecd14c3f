"""Record uses of skills; the program does not wait for anything."""

import asyncio

from session_buddy_skills.bridge import SkillsBridge


async def main() -> None:
    async with SkillsBridge("basic-tracking") as bridge:
        async with bridge.run("pytest-run", user_query="run the tests", workflow_phase="tests"):
            await asyncio.sleep(0.01)  # the work
        try:
            async with bridge.run("ruff-format", user_query="format this"):
                raise FileNotFoundError("pyproject.toml")
        except FileNotFoundError as error:
            print(f"ruff-format failed: {error}")
    status = bridge.status()
    print(f"{status.queued} wait, {status.spooled} are in the spool")


asyncio.run(main())

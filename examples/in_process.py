import asyncio

from session_buddy_skills import open_service


async def main() -> None:
    async with open_service() as service:
        async with service.track("pytest-run", session_id="tuesday") as run:
            run.follow_up_actions.append("commit")
        print((await service.session_summary("tuesday")).skills_by_count)


asyncio.run(main())

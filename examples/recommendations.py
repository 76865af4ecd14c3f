"""Ask which skill fits, take it, and say what it was chosen from."""

import asyncio

from session_buddy_skills.bridge import SkillsBridge

HISTORY = {"pytest-run": "run the tests", "git-commit": "commit my changes"}


async def main() -> None:
    async with SkillsBridge("recommendations", deadline=5) as bridge:
        for skill, request in HISTORY.items():
            for _ in range(3):
                async with bridge.run(skill, user_query=request):
                    pass
        await asyncio.sleep(2)  # what was told is delivered in the background
        found = await bridge.recommend("please run the tests", limit=1)
        if not found:
            print(f"nothing is recommended: {found.reason}")
            return
        chosen = found[0]["skill_name"]
        async with bridge.run(chosen, recommendation_id=found.recommendation_id):
            print(f"{chosen}: {found[0]['reason']}")


asyncio.run(main())

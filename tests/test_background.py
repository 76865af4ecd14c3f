from __future__ import annotations

import asyncio

from session_buddy_skills.background import in_background


async def test_work_that_takes_a_cancellation_for_something_else_ends_with_the_block() -> None:
    taken = 0

    async def work() -> None:
        nonlocal taken
        while taken < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                taken += 1  # as a driver does that asks again
        await asyncio.sleep(60)

    async with asyncio.timeout(10):
        async with in_background(work()):
            await asyncio.sleep(0)
    assert taken == 2

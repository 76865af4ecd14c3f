"""What others leave beside the database is taken in while a server has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from session_buddy_skills.background import in_background
from session_buddy_skills.capture.events import EventIntake
from session_buddy_skills.locations import Locations
from session_buddy_skills.service import Service
from session_buddy_skills.spooling import SpoolIntake


@asynccontextmanager
async def taking_in(service: Service, own: Locations) -> AsyncIterator[EventIntake]:
    """Take in spool and events for as long as the block runs."""
    events = EventIntake(service, own.events)
    async with (
        in_background(SpoolIntake(service, own.spool).run()),
        in_background(events.run()),
    ):
        yield events

"""For programs that record and ask, and must not depend on a server being there.

from session_buddy_skills.bridge import SkillsBridge

async with SkillsBridge("my-session") as bridge:
    async with bridge.run("pytest-run", user_query="run the tests"):
        ...
"""

from session_buddy_skills.bridge.crackerjack import (
    SkillsTracker,
    create_skills_tracker,
    tracked_agent,
)
from session_buddy_skills.bridge.recorder import Status
from session_buddy_skills.bridge.runs import Run
from session_buddy_skills.bridge.skills_bridge import Recommended, SkillsBridge
from session_buddy_skills.bridge.tracked_work import TrackedWork
from session_buddy_skills.bridge.workflow_observer import WorkflowObserver

__all__ = [
    "Recommended",
    "Run",
    "SkillsBridge",
    "SkillsTracker",
    "Status",
    "TrackedWork",
    "WorkflowObserver",
    "create_skills_tracker",
    "tracked_agent",
]

"""Reports of every kind, each made when it is first asked for."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from session_buddy_skills.storage.store import InvocationStore
from session_buddy_skills.storage.user_key import HashUser
from session_buddy_skills.workflow_reports import WorkflowReports

if TYPE_CHECKING:
    from session_buddy_skills.ab_testing import AbTesting
    from session_buddy_skills.activity_reports import ActivityReports
    from session_buddy_skills.categorizing import Categorizing
    from session_buddy_skills.change_reports import ChangeReports
    from session_buddy_skills.community_reports import CommunityReports
    from session_buddy_skills.user_reports import UserReports


class Analyses:
    """What the record tells.

    What needs numpy or scipy loads it when it is first asked, since a program that only records has
    no use for them.
    """

    def __init__(self, store: InvocationStore, hash_user: HashUser) -> None:
        self._store = store
        self._hash_user = hash_user
        self.workflow = WorkflowReports(store)
        """Reports on phases."""

    @cached_property
    def activity(self) -> ActivityReports:
        """Reports on what was done when."""
        from session_buddy_skills.activity_reports import ActivityReports

        return ActivityReports(self._store)

    @cached_property
    def community(self) -> CommunityReports:
        """Reports on what many sessions have in common."""
        from session_buddy_skills.community_reports import CommunityReports

        return CommunityReports(self._store)

    @cached_property
    def changes(self) -> ChangeReports:
        """Reports on what has changed."""
        from session_buddy_skills.change_reports import ChangeReports

        return ChangeReports(self._store)

    @cached_property
    def users(self) -> UserReports:
        """Reports on users."""
        from session_buddy_skills.user_reports import UserReports

        return UserReports(self._store, self._hash_user)

    @cached_property
    def ab_tests(self) -> AbTesting:
        """A/B tests of strategies."""
        from session_buddy_skills.ab_testing import AbTesting

        return AbTesting(self._store.database, self._hash_user)

    @cached_property
    def taxonomy(self) -> Categorizing:
        """Kinds of skills."""
        from session_buddy_skills.categorizing import Categorizing

        return Categorizing(self._store.database)

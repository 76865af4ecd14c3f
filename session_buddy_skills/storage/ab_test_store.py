"""A/B tests in and out of the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from session_buddy_skills.errors import ConflictError, InputError, shown
from session_buddy_skills.storage.database import Connection, Database, Row
from session_buddy_skills.storage.retrying import read, write_in_turn

DEFINITION = ("control_strategy", "treatment_strategy", "sample_size", "description")


@dataclass(frozen=True, slots=True)
class Results:
    """What is stored of one test; rows by group."""

    test: Row
    assigned: dict[str, int]
    decided: dict[str, int]
    sample: dict[str, Row]
    """Sums over the runs of the sample."""
    anything: bool


class AbTestStore:
    """Every read and write of A/B tests. What may be sent twice counts once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, test: Row, now: datetime) -> Row:
        """Store a test.

        Raises:
            ConflictError: there is another one of that name.
        """

        async def work(connection: Connection) -> Row:
            await connection.execute("insert_ab_test", test | {"now": now})
            stored = await _test(connection, test["test_name"])
            for name in DEFINITION:
                if stored[name] != test[name]:
                    raise ConflictError(
                        f'the A/B test "{test["test_name"]}" is there already, with {name} '
                        f"{shown(stored[name])}, not {shown(test[name])}; give the new one "
                        "another name."
                    )
            return stored

        return await write_in_turn(self._database, "ab_tests", work)

    async def tests(self) -> list[Row]:
        """All of them, the newest first."""
        return await read(self._database, lambda one: one.fetch("ab_tests"))

    async def assign(self, test_name: str, user_hash: str, test_group: str, now: datetime) -> Row:
        """The test, with the group that the user has: the one given here unless there was one.

        Raises:
            InputError: there is no such test, or it was stopped and the user has no group.
        """
        user = {"test_name": test_name, "user_hash": user_hash}

        async def work(connection: Connection) -> Row:
            test = await _test(connection, test_name)
            if test["stopped_at"] is None:
                new = {"test_group": test_group, "now": now}
                await connection.execute("insert_ab_assignment", user | new)
            rows = await connection.fetch("ab_assignment", user)
            if not rows:
                raise InputError(f"{_was_stopped(test)} and takes no new users.")
            return test | rows[0]

        return await write_in_turn(self._database, "ab_tests", work)

    async def record(self, run: Row, now: datetime) -> tuple[Row, bool]:
        """The run as it is stored, and whether it was not before.

        Raises:
            ConflictError: the id is stored with other content.
            InputError: there is no such test, it was stopped, or the user has no group.
        """
        user = {name: run[name] for name in ("test_name", "user_hash")}

        async def work(connection: Connection) -> tuple[Row, bool]:
            for stored in await connection.fetch("ab_outcome", {"outcome_id": run["outcome_id"]}):
                for name, value in run.items():
                    if stored[name] != value:
                        raise ConflictError(
                            f'the outcome "{run["outcome_id"]}" is stored already, with another '
                            f"{_public(name)}; give the new one another outcome_id."
                        )
                return stored, False
            test = await _test(connection, run["test_name"])
            if test["stopped_at"] is not None:
                raise InputError(f"{_was_stopped(test)} and takes no more outcomes.")
            rows = await connection.fetch("ab_assignment", user)
            if not rows:
                raise InputError(
                    "user_id must be a user whom assign_ab_test has given a group of the A/B test "
                    f'"{run["test_name"]}".'
                )
            new = run | {"test_group": rows[0]["test_group"], "now": now}
            await connection.execute("insert_ab_outcome", new)
            return new, True

        return await write_in_turn(self._database, "ab_tests", work)

    async def stop(self, test_name: str, now: datetime) -> Row:
        """End a test.

        Raises:
            InputError: there is no such test.
        """

        async def work(connection: Connection) -> Row:
            await connection.execute("stop_ab_test", {"test_name": test_name, "now": now})
            return await _test(connection, test_name)

        return await write_in_turn(self._database, "ab_tests", work)

    async def results(self, test_name: str, fewest_users: int) -> Results:
        """What is stored of a test, whose sample is filled by no fewer users in each group.

        Raises:
            InputError: there is no such test.
        """
        named = {"test_name": test_name}

        async def work(connection: Connection) -> Results:
            test = await _test(connection, test_name)
            assigned = await connection.fetch("ab_assigned_users", named)
            recorded = await connection.fetch("ab_recorded_runs", named)
            size = test["sample_size"]
            sized = named | {
                "sample_size": size,
                "runs_per_user": max(1, size // fewest_users),
            }
            sample = await connection.fetch("ab_groups", sized)
            return Results(
                test=test,
                assigned={row["test_group"]: row["assigned_users"] for row in assigned},
                decided={row["test_group"]: row["decided"] for row in recorded},
                sample={row["test_group"]: row for row in sample},
                anything=bool(recorded),
            )

        return await read(self._database, work)


async def _test(connection: Connection, test_name: str) -> Row:
    rows = await connection.fetch("ab_test", {"test_name": test_name})
    if not rows:
        raise InputError(f'no A/B test "{test_name}" is known; create_ab_test makes one.')
    return rows[0]


def _was_stopped(test: Row) -> str:
    return (
        f'the A/B test "{test["test_name"]}" was stopped at {test["stopped_at"]:%Y-%m-%d %H:%M} UTC'
    )


def _public(name: str) -> str:
    return "user_id" if name == "user_hash" else name

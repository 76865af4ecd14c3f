"""The command `session-buddy-skills`: without more the shim, which must start at once.

The hook more so: nothing is loaded here that it has no use for.
"""

from __future__ import annotations

import atexit
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from session_buddy_skills.locations import Locations

OPTIONS = ("--database", "--data-dir")


def main() -> None:
    """Run the shim, the hook, or one of the commands, with which the process ends."""
    if sys.argv[1:2] == ["hook"] and "--help" not in sys.argv:
        from session_buddy_skills.capture.hook import main as run_hook

        try:
            run_hook(sys.argv[2:])
        finally:
            # At once, and well: Claude Code is not to hear of streams that nobody reads.
            os._exit(0)
    own = of_shim(sys.argv[1:])
    if own is None:
        end_with(run_command)
    else:
        from session_buddy_skills.shim.passing import main as run_shim

        run_shim(own)


def run_command() -> None:
    """Run one of the commands."""
    from session_buddy_skills.cli import main as run

    run()


def end_with(run: Callable[[], None]) -> None:
    """Run what the process ends with, and leave the interpreter as it is then.

    To take it down would take a command a fifth of its time, and a server most of its stop.
    """
    code = 1  # of whatever is raised but SystemExit

    def leave() -> None:
        try:
            for stream in (sys.stdout, sys.stderr):
                if not (stream is None or stream.closed):
                    stream.flush()
        except OSError:
            return  # to be told of as ever
        os._exit(code)

    # What is registered first is called last, when threads and all others are done. Who came even
    # before, as OpenTelemetry and coverage do, would not be called.
    if not atexit._ncallbacks():
        atexit.register(leave)
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


def of_shim(arguments: Sequence[str]) -> Locations | None:
    """Where the shim's database is; None where the arguments are more than that."""
    given: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, is_there, value = rest.pop(0).partition("=")
        if name not in OPTIONS or not (is_there or rest):
            return None
        given[name] = value if is_there else rest.pop(0)
    from pathlib import Path

    from session_buddy_skills.locations import locations

    folder = given.get("--data-dir")
    return locations(given.get("--database"), Path(folder) if folder else None)

"""The server as a process of its own, started and stopped by what measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_buddy_skills.locations import PREFIX
from session_buddy_skills.settings import Settings

COMMAND = (sys.executable, "-m", "session_buddy_skills")
ROOT = Path(__file__).parents[1]


def environment(settings: Settings) -> dict[str, str]:
    """That of a process which keeps its data there."""
    folder = str(settings.data_dir)
    given = {
        "HOME": folder,
        "PATH": os.environ["PATH"],
        f"{PREFIX}DATA_DIR": folder,
        f"{PREFIX}EMBEDDER": settings.embedder,
    }
    return given | ({f"{PREFIX}DATABASE": settings.database} if settings.database else {})


@contextmanager
def http_server(settings: Settings) -> Iterator[str]:
    """The address of a server on a free port of this machine."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        env=environment(settings),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        if "MCP on " not in line:
            raise RuntimeError(f"the server did not start: {line}")
        try:
            yield line.split("MCP on ")[1].split("/mcp")[0]
        finally:
            process.terminate()
            process.stderr.read()

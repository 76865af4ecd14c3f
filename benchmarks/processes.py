"""The server as a process of its own, started and stopped by what measures it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from session_buddy_skills.settings import PREFIX

COMMAND = (sys.executable, "-m", "session_buddy_skills")
ROOT = Path(__file__).parents[1]


def environment(data_dir: Path) -> dict[str, str]:
    """That of a process which keeps its data in this folder."""
    return {"HOME": str(data_dir), "PATH": os.environ["PATH"], f"{PREFIX}DATA_DIR": str(data_dir)}


@contextmanager
def http_server(data_dir: Path) -> Iterator[str]:
    """The address of a server on a free port of this machine."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"],
        env=environment(data_dir),
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

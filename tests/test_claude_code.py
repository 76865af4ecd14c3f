"""Claude Code itself, which the tests' Node packages bring: it connects, and takes the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from session_buddy_skills import local_server
from session_buddy_skills.locations import PREFIX, Locations
from tests.conftest import COMMAND, ROOT, ServerProcess

PLUGIN = ROOT / "plugin"
PROGRAMS = ROOT / "tests/node/node_modules/@anthropic-ai"


@pytest.fixture
def claude_code() -> Path:
    found = next(PROGRAMS.glob("claude-code-*/claude"), None)
    if found is None:
        pytest.skip("Claude Code is not installed")
    return found


def claude(program: Path, home: Path, *arguments: str, **variables: str) -> str:
    """What a command of it says, in a home and a project where there is nothing else."""
    (home / "project").mkdir(parents=True, exist_ok=True)
    process = subprocess.run(
        [program, *arguments],
        env={
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **variables,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
        },
        cwd=home / "project",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.mark.slow
def test_it_connects_to_the_shim_and_over_http(
    claude_code: Path, tmp_path: Path, server: ServerProcess
) -> None:
    home, own = tmp_path / "home", Locations(tmp_path / "data")
    variables = {"DATA_DIR": own.data_dir, "PORT": 0, "EMBEDDER": "none"}
    stated = [f"-e{PREFIX}{name}={value}" for name, value in variables.items()]
    claude(claude_code, home, "mcp", "add", "shim", *stated, "--", *COMMAND)
    claude(claude_code, home, "mcp", "add", "--transport", "http", "web", f"{server.url}/mcp")
    listed = claude(claude_code, home, "mcp", "list")
    assert local_server.stop(own) is not None
    states = dict(line.split(": ", 1) for line in listed.splitlines() if ": " in line)
    assert states["shim"].endswith("✔ Connected")
    assert states["web"] == f"{server.url}/mcp (HTTP) - ✔ Connected"


@pytest.mark.slow
def test_the_plugin_is_valid_and_installs(claude_code: Path, tmp_path: Path) -> None:
    home, own = tmp_path / "home", Locations(tmp_path / "data")
    variables = {f"{PREFIX}DATA_DIR": str(own.data_dir), f"{PREFIX}EMBEDDER": "none"}
    assert "Validation passed" in claude(
        claude_code, home, "plugin", "validate", "--strict", str(PLUGIN)
    )
    claude(claude_code, home, "plugin", "marketplace", "add", str(PLUGIN))
    claude(claude_code, home, "plugin", "install", "session-buddy-skills@session-buddy-skills")
    listed = claude(claude_code, home, "mcp", "list", **variables, **{f"{PREFIX}PORT": "0"})
    assert local_server.stop(own) is not None
    assert "plugin:session-buddy-skills:skills: session-buddy-skills  - ✔ Connected" in listed


def test_the_plugin_has_the_version_of_the_package() -> None:
    manifest = json.loads((PLUGIN / ".claude-plugin/plugin.json").read_text(encoding="utf-8"))
    assert manifest["version"] == version("session-buddy-skills")

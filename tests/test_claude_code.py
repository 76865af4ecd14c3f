"""Claude Code itself, which the tests' Node packages bring: it connects, and takes the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from session_buddy_skills import local_server
from session_buddy_skills.locations import PREFIX, Locations
from session_buddy_skills.mcp_http import McpHttp
from session_buddy_skills.service import open_service
from session_buddy_skills.settings import Settings
from tests.conftest import COMMAND, ROOT, ServerProcess
from tests.invocations import all_invocations
from tests.messages_api import ASKED, messages_api

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
    install_plugin(claude_code, home)
    listed = claude(claude_code, home, "mcp", "list", **variables, **{f"{PREFIX}PORT": "0"})
    assert local_server.stop(own) is not None
    assert "plugin:session-buddy-skills:skills: session-buddy-skills  - ✔ Connected" in listed


def write_skill(home: Path) -> None:
    skill = home / "project/.claude/skills/fix-lint/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: fix-lint\ndescription: Fix lint.\n---\nRun the linter.\n")


def wait_until_recorded(own: Locations, invocations: int) -> None:
    """Wait for so many that have ended."""
    running = local_server.running(own)
    assert running is not None
    client = McpHttp(running.url)
    give_up = time.monotonic() + 20
    health: dict[str, int] = {}
    while (health.get("invocations"), health.get("pending_invocations")) != (invocations, 0):
        assert time.monotonic() < give_up, health
        time.sleep(0.2)
        health = client.call_tool("health_check", {}, 5)
    client.close()


def install_plugin(program: Path, home: Path) -> None:
    claude(program, home, "plugin", "marketplace", "add", str(PLUGIN))
    claude(program, home, "plugin", "install", "session-buddy-skills@session-buddy-skills")


def install_hooks(program: Path, home: Path) -> None:
    subprocess.run([*COMMAND, "setup", "claude-code"], env={"HOME": str(home)}, check=True)
    claude(program, home, "mcp", "add", "--scope", "user", "skills", "--", *COMMAND)


@pytest.mark.slow
@pytest.mark.parametrize("install", [install_plugin, install_hooks])
async def test_what_it_runs_is_recorded(
    install: Callable[[Path, Path], None], claude_code: Path, tmp_path: Path
) -> None:
    """Nothing else is installed, and the real program is used."""
    home, own = tmp_path / "home", Locations(tmp_path / "data")
    write_skill(home)
    install(claude_code, home)
    with messages_api() as model:
        variables = {
            f"{PREFIX}DATA_DIR": str(own.data_dir),
            f"{PREFIX}EMBEDDER": "none",
            f"{PREFIX}PORT": "0",
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": "none",
        }
        for prompt in (ASKED, "/fix-lint tests"):
            claude(claude_code, home, "-p", prompt, "--allowedTools", "Skill", **variables)
    wait_until_recorded(own, 2)
    assert local_server.stop(own) is not None
    async with open_service(Settings.load(data_dir=own.data_dir), recommending=False) as service:
        found = await all_invocations(service)
    assert [
        (one.skill_name, one.called_by, one.user_query, one.arguments, one.project) for one in found
    ] == [
        ("fix-lint", "model", ASKED, "src", "project"),
        ("fix-lint", "slash", "/fix-lint tests", "tests", "project"),
    ]
    assert [one.model is not None for one in found] == [True, True]


@pytest.mark.slow
async def test_its_telemetry_is_recorded(
    claude_code: Path, tmp_path: Path, server: ServerProcess
) -> None:
    """Without plugin and hooks."""
    home = tmp_path / "home"
    write_skill(home)
    with messages_api() as model:
        variables = {
            "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": server.url,
            "OTEL_LOG_USER_PROMPTS": "1",
            "OTEL_LOG_TOOL_DETAILS": "1",
            "ANTHROPIC_BASE_URL": model,
            "ANTHROPIC_API_KEY": "none",
        }
        for prompt in (ASKED, "/fix-lint tests"):
            claude(claude_code, home, "-p", prompt, "--allowedTools", "Skill", **variables)
    wait_until_recorded(Locations(server.data_dir), 2)
    server.stop()
    settings = Settings.load(data_dir=server.data_dir)
    async with open_service(settings, recommending=False) as service:
        found = await all_invocations(service)
    assert [(one.skill_name, one.called_by, one.user_query, one.outcome) for one in found] == [
        ("fix-lint", "model", ASKED, "completed"),
        ("fix-lint", "slash", "/fix-lint tests", "completed"),
    ]


def test_the_plugin_has_the_version_of_the_package() -> None:
    manifest = json.loads((PLUGIN / ".claude-plugin/plugin.json").read_text(encoding="utf-8"))
    assert manifest["version"] == version("session-buddy-skills")

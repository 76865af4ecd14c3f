"""crackerjack's own client, from the registry, unmodified, against our server."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.bridge.test_docs import patch_for_crackerjack
from tests.bridge.test_faults import metrics
from tests.conftest import ROOT, ServerProcess

HERE = ROOT / ".venv-crackerjack"
"""Kept, since it takes half a minute to make."""
PACKAGES = ["mcp>=1.29,<2", "httpx>=0.28,<1", "numpy>=2.2,<3", "oneiric"]
"""What the client imports, of the hundreds that crackerjack depends on."""
CLIENT = """
import asyncio, sys
from datetime import datetime
from pathlib import Path
if sys.argv[2] == "plain HTTP":
    sys.modules["mcp"] = None
from crackerjack.integration.session_buddy_mcp import MCPClientConfig, SessionBuddyMCPClient
from crackerjack.models.session_metrics import SessionMetrics
from crackerjack.skills.health import fetch_skill_health

async def main():
    url, name = sys.argv[1:]
    config = MCPClientConfig(server_url=url, enable_fallback=False, max_retries=1)
    client = SessionBuddyMCPClient(config, session_id=name)
    assert await client.connect()
    ended = await client.track_invocation(name, "line too long", ["x"], 1, "fast_hooks")
    await ended(completed=False, error_type="builtins.OSError", follow_up_actions=["retry"])
    await client.track_invocation(name)
    assert await client.get_recommendations("format this", 3, "fast_hooks") == []
    await client.get_workflow_recommendations(name)
    made = SessionMetrics(session_id=name, project_path=Path("."), start_time=datetime.now())
    made.git_branch_count = 4
    await client.record_git_metrics(made)
    health = await fetch_skill_health(session_buddy_url=f"{url}/mcp")
    assert health.status == "fresh" and health.raw_rows, health
    print("done", flush=True)

asyncio.run(main())
"""


def python_3_13() -> str | None:
    found = shutil.which("python3.13")
    if found is None:
        return None
    if subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:
        return found
    # A shim of pyenv's, which has that version and does not use it here.
    versions = sorted((Path(found).parents[1] / "versions").glob("3.13*/bin/python"))
    return str(versions[-1]) if versions else None


@pytest.fixture(scope="module")
def crackerjack() -> str:
    """A Python that has crackerjack; made once, by whichever process of the tests comes first."""
    with (ROOT / ".venv-crackerjack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return make_crackerjack()


def make_crackerjack() -> str:
    python = HERE / "bin/python"
    done = HERE / ".installed"
    if done.exists():
        return str(python)
    own = python_3_13()
    if own is None:
        pytest.skip("crackerjack needs Python 3.13, and there is none")
    # Our own pip, and nothing compiled that is not imported: a third of the time.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    for command in (
        [own, "-m", "venv", "--clear", "--without-pip", str(HERE)],
        [*pip, "install", "-q", "--no-compile", "--no-deps", "crackerjack==0.74.4"],
        [*pip, "install", "-q", "--no-compile", *PACKAGES],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip(f"crackerjack cannot be installed: {made.stderr.strip()[-300:]}")
    done.touch()
    return str(python)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["MCP", "plain HTTP"])
def test_its_client_records_and_asks(crackerjack: str, server: ServerProcess, name: str) -> None:
    done = subprocess.run(
        [crackerjack, "-c", CLIENT, server.url, name],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=server.data_dir,
    )
    assert done.stdout.endswith("done\n"), done.stderr
    found = metrics(server)[name]
    assert (found["failed_invocations"], found["pending_invocations"]) == (1, 1)
    assert found["common_errors"] == {"builtins.OSError": 1}
    assert found["follow_up_actions"] == {"retry": 1}
    assert found["workflow_phases"] == {"fast_hooks": 1}
    asked = {"session_id": name}
    summary = httpx2.post(f"{server.url}/tools/session_summary", json=asked, timeout=30).json()
    assert summary["git"]["branch_count"] == 4


@pytest.mark.slow
def test_the_patch_of_the_docs_applies_to_it(crackerjack: str, tmp_path: Path) -> None:
    [site] = Path(crackerjack).parents[1].glob("lib/python3*/site-packages")
    patch = patch_for_crackerjack()
    for name in re.findall(r"^\+\+\+ b/(.*)$", patch, re.MULTILINE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(site / name, tmp_path / name)
    subprocess.run(["git", "apply", "-"], input=patch, text=True, cwd=tmp_path, check=True)
    subprocess.run([crackerjack, "-m", "compileall", "-q", "."], cwd=tmp_path, check=True)

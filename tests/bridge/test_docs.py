"""The scenes in examples/ run, and the patch of docs/crackerjack.md is as small as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bridge.test_faults import metrics
from tests.conftest import ROOT, ServerProcess, environment

PRINTS = {
    "basic_tracking.py": (
        "ruff-format failed: pyproject.toml\n0 wait, 0 are in the spool\n",
        {"pytest-run", "ruff-format"},
    ),
    "recommendations.py": ("pytest-run: ", {"pytest-run", "git-commit"}),
    "workflow_aware.py": (
        "0 wait, 0 are in the spool\n",
        {"fast_hooks", "tests", "FormattingAgent", "pytest-run"},
    ),
    "server_down.py": (
        "100 uses recorded, in a second\nrecommended: []\n100 in the spool, the breaker is not "
        "closed: True\na wrong call is an error at once: ",
        set(),
    ),
}


@pytest.mark.parametrize("name", PRINTS)
def test_a_scene_runs(name: str, server: ServerProcess, tmp_path: Path) -> None:
    code = (ROOT / "examples" / name).read_text(encoding="utf-8")
    here = tmp_path / name
    code = code.replace('backend="mcp")', f'backend="mcp", mcp_server_url="{server.url}")')
    code = re.sub(r'SkillsBridge\(("[\w-]+")', rf'SkillsBridge(\1, url="{server.url}"', code)
    here.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, here],
        env=environment(tmp_path / "own"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    printed, skills = PRINTS[name]
    assert done.stdout.startswith(printed)
    assert set(metrics(server)) == skills


def patch_for_crackerjack() -> str:
    text = (ROOT / "docs/crackerjack.md").read_text(encoding="utf-8")
    [patch] = re.findall(r"```diff\n(.*?)```", text, re.DOTALL)
    return str(patch)


def test_the_patch_for_crackerjack_is_small_and_off_by_default() -> None:
    patch = patch_for_crackerjack()
    changed = re.findall(r"^[+-](?![+-])", patch, re.MULTILINE)
    assert 0 < len(changed) <= 40
    assert "bridge: bool = False" in patch

"""What a program pays for: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"duckdb", "fastmcp", "mcp", "numpy", "scipy", "torch", "uvicorn", "sentence_transformers"}


def loaded_by(code: str) -> set[str]:
    report = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1])) & HEAVY


@pytest.mark.parametrize(
    ("code", "needed"),
    [
        ("import session_buddy_skills", set[str]()),
        ("from session_buddy_skills import Settings", set[str]()),
        ("from session_buddy_skills import open_service", set[str]()),
        (
            "from session_buddy_skills.cli import cli\n"
            "cli(['--help'], standalone_mode=False)\n"
            "cli(['db', 'migrate', '--help'], standalone_mode=False)",
            set[str](),
        ),
        ("import server", {"fastmcp", "mcp", "uvicorn"}),
    ],
)
def test_only_what_is_needed_is_loaded(code: str, needed: set[str]) -> None:
    assert loaded_by(code) == needed

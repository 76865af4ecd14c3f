"""The programs on Node that tests run: pinned in tests/node, installed by `make test`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MODULES = Path(__file__).parent / "node" / "node_modules"
INSPECTOR = MODULES / "@modelcontextprotocol/inspector/clients/cli/build/index.js"
CONFORMANCE = MODULES / "@modelcontextprotocol/conformance/dist/index.js"


def node_command(program: Path) -> tuple[str, str]:
    """Node and the program; skips where they are not installed, which CI does not allow."""
    found = sorted(MODULES.glob("node-*/bin/node"))
    if found and program.exists():
        return str(found[0]), str(program)
    reason = "Node's tools are not installed; `make test` installs them where npm is"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)

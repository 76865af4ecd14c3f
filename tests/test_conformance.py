"""The official conformance suite of the protocol against a real server process."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ServerProcess
from tests.node_tools import CONFORMANCE, node_command

APPLY = [
    "server-initialize",
    "ping",
    "logging-set-level",
    "tools-list",
    "resources-list",
    "prompts-list",
    "dns-rebinding-protection",
]
FIXTURE = "calls a tool, resource or prompt that only the suite's own example server has"
STATELESS = "needs server-sent events and sessions; this server is stateless and answers in JSON"
NOT_OFFERED = "the server does not offer this capability, and says so"
DO_NOT_APPLY = {
    "completion-complete": NOT_OFFERED,
    "elicitation-sep1034-defaults": FIXTURE,
    "elicitation-sep1330-enums": FIXTURE,
    "json-schema-2020-12": FIXTURE,
    "prompts-get-embedded-resource": FIXTURE,
    "prompts-get-simple": FIXTURE,
    "prompts-get-with-args": FIXTURE,
    "prompts-get-with-image": FIXTURE,
    "resources-read-binary": FIXTURE,
    "resources-read-text": FIXTURE,
    "resources-subscribe": NOT_OFFERED,
    "resources-templates-read": FIXTURE,
    "resources-unsubscribe": NOT_OFFERED,
    "server-sse-multiple-streams": STATELESS,
    "server-sse-polling": STATELESS,
    "tools-call-audio": FIXTURE,
    "tools-call-elicitation": FIXTURE,
    "tools-call-embedded-resource": FIXTURE,
    "tools-call-error": "passes for any unknown tool, so it would show nothing; " + FIXTURE,
    "tools-call-image": FIXTURE,
    "tools-call-mixed-content": FIXTURE,
    "tools-call-sampling": FIXTURE,
    "tools-call-simple-text": "passes for any unknown tool, so it would show nothing; " + FIXTURE,
    "tools-call-with-logging": FIXTURE,
    "tools-call-with-progress": FIXTURE,
}


@pytest.mark.slow
def test_every_scenario_is_decided() -> None:
    listed = subprocess.run(
        [*node_command(CONFORMANCE), "list", "--server"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = re.findall(r"^  - (\S+)", listed.stdout, re.MULTILINE)
    assert set(names) == {*APPLY, *DO_NOT_APPLY}


@pytest.mark.slow
@pytest.mark.parametrize("scenario", APPLY)
def test_scenario_passes(empty_server: ServerProcess, tmp_path: Path, scenario: str) -> None:
    url = f"{empty_server.url}/mcp"
    options = ["--url", url, "--scenario", scenario, "-o", str(tmp_path / "out")]
    done = subprocess.run(
        [*node_command(CONFORMANCE), "server", *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [report] = (tmp_path / "out").rglob("checks.json")
    statuses = [check["status"] for check in json.loads(report.read_text())]
    assert "SUCCESS" in statuses, done.stdout
    assert "FAILURE" not in statuses, done.stdout
    assert done.returncode == 0

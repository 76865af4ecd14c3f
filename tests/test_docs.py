"""The documentation says what the code does, and its commands work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generate import pages
from session_buddy_skills.locations import PREFIX
from tests.conftest import COMMAND, ROOT, ServerProcess, environment

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").glob("*.md"),
]


@pytest.mark.parametrize("name", pages())
def test_generated_pages_are_up_to_date(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages()[name], "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8")):
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_and_targets_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?<![\w-])make ([a-z]+)\b", text):
        if f"`make {target}" in text or f"$ make {target}" in text:
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for file in re.findall(r"`(tests/\w+\.py|benchmarks/\w+\.py|[a-z]+/[a-z_]+\.py)`", text):
        assert (ROOT / file).exists() or (ROOT / "session_buddy_skills" / file).exists(), file


def readme_examples() -> dict[str, str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"```python\n# (examples/\w+\.py)\n(.*?)```", text, re.DOTALL)
    return dict(found)


@pytest.mark.parametrize("name", readme_examples())
def test_the_readme_shows_the_examples_as_they_are(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == readme_examples()[name]


def test_the_quick_start_prints_what_the_readme_says(server: ServerProcess, tmp_path: Path) -> None:
    code = (ROOT / "examples/quick_start.py").read_text(encoding="utf-8")
    here = tmp_path / "quick_start.py"
    here.write_text(code.replace("http://127.0.0.1:8678", server.url), encoding="utf-8")
    done = subprocess.run([sys.executable, here], capture_output=True, text=True, check=True)
    assert f"quick_start.py\n{done.stdout}```" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_in_process_runs(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "examples/in_process.py"],
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{'pytest-run': 1}\n"


def test_the_commands_of_the_readme_exist(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for command in set(re.findall(r"session-buddy-skills (db \w+|serve)", text)):
        done = subprocess.run(
            [*COMMAND, *command.split(), "--help"],
            env=environment(tmp_path),
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, command


@pytest.mark.slow
def test_the_replay_counts_right_over_both_transports(tmp_path: Path) -> None:
    history = tmp_path / "history.csv"
    lines = [f'"query {n}, with a comma",skill-{n % 7}' for n in range(60)]
    history.write_text("query,skill\n" + "\n".join(lines) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.replay", "--history", str(history)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {f"{PREFIX}EMBEDDER": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.findall(r"(\w+) +60 queries, 7 skills: every count right", done.stdout) == [
        "stdio",
        "HTTP",
    ]

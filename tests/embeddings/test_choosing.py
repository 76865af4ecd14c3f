"""Which embedder is taken, and what happens where one cannot be."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from session_buddy_skills.embeddings.choosing import choices, load_onnx
from session_buddy_skills.embeddings.model_folder import find_model, model_name
from session_buddy_skills.errors import EmbedderError
from session_buddy_skills.settings import Settings
from tests.models import FOLDER, NAME


def settings_of(folder: Path, **values: object) -> Settings:
    return Settings.load(data_dir=folder, **values)


@pytest.mark.parametrize(
    ("embedder", "expected"),
    [
        ("none", []),
        ("static", ["static"]),
        ("auto", ["static", "onnx", "static"]),
        ("onnx", ["static", "onnx", "sentence-transformers", "static"]),
        ("sentence-transformers", ["static", "sentence-transformers", "onnx", "static"]),
    ],
)
async def test_static_answers_until_the_better_one_is_ready(
    tmp_path: Path, embedder: str, expected: list[str]
) -> None:
    found = await choices(settings_of(tmp_path, embedder=embedder))
    assert [one.name for one in found] == expected
    assert [one.stopgap for one in found] == [len(expected) > 1, *[False] * 5][: len(expected)]


@pytest.mark.slow
async def test_a_model_that_was_made_is_taken_at_once(tmp_path: Path, made_model: Path) -> None:
    (tmp_path / "models").symlink_to(made_model.parent)
    settings = settings_of(tmp_path)
    found = await choices(settings)
    assert [one.name for one in found] == ["onnx", "static", "onnx", "static"]
    assert [one.last_resort for one in found] == [False, False, False, True]
    since = time.monotonic()
    assert (await load_onnx(settings)).model == f"{NAME}-int8"
    assert time.monotonic() - since < 5


@pytest.mark.slow
async def test_what_was_made_serves_when_the_original_is_gone(
    tmp_path: Path, made_model: Path
) -> None:
    gone = tmp_path / "models" / "my-model@01234567"
    gone.parent.mkdir()
    gone.symlink_to(made_model)
    settings = settings_of(tmp_path, model=str(tmp_path / "my-model"))
    assert (await load_onnx(settings)).dimensions == 384


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"])
def test_the_packaged_model_is_found_by_its_name(name: str) -> None:
    assert find_model(name, allow_download=False) == FOLDER
    assert find_model(str(FOLDER), allow_download=False) == FOLDER
    assert model_name(name, FOLDER) == NAME


def test_models_of_one_name_are_told_apart_by_their_weights(tmp_path: Path) -> None:
    names = set()
    for place, content in (("a", b"1"), ("b", b"2"), ("c", b"2")):
        folder = tmp_path / place / "model"
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(content)
        names.add(model_name(str(folder), folder))
    assert len(names) == 2
    assert all(name.startswith("model@") for name in names)


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no such name!", "/no/such/folder"])
def test_a_missing_model_is_told_at_once_without_the_network(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    since = time.monotonic()
    with pytest.raises(EmbedderError, match=r"not on this machine|there is no folder"):
        find_model(name, allow_download=False)
    assert time.monotonic() - since < 2


def test_a_folder_without_weights_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"it has no model\.safetensors"):
        find_model(str(tmp_path), allow_download=False)

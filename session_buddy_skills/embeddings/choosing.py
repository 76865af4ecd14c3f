"""Which embedders are tried, in which order, and how each is made ready."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import to_thread

from session_buddy_skills.embeddings.embedder import Embedder
from session_buddy_skills.embeddings.model_folder import find_model, model_name, slug
from session_buddy_skills.embeddings.onnx import OnnxEmbedder
from session_buddy_skills.embeddings.sentences import SentenceEmbedder
from session_buddy_skills.embeddings.static import StaticEmbedder
from session_buddy_skills.errors import EmbedderError
from session_buddy_skills.settings import Settings, offline_environment

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """An embedder that can be loaded."""

    name: str
    load: Callable[[], Awaitable[Embedder]]
    stopgap: bool = False
    """Whether the next is better, but takes longer."""
    last_resort: bool = False
    """Whether it stands in for what was asked for."""
    optional: bool = False
    """Whether it is no news where it cannot be used."""


async def choices(settings: Settings) -> list[Choice]:
    """What is to be tried, in this order, until one that is no stopgap is in use."""

    async def static() -> Embedder:
        return await to_thread.run_sync(StaticEmbedder)

    async def onnx() -> Embedder:
        return await load_onnx(settings)

    async def made() -> Embedder:
        folder = await to_thread.run_sync(lambda: _made_before(settings))
        return await to_thread.run_sync(lambda: OnnxEmbedder(folder or settings.models_folder))

    async def sentences() -> Embedder:
        folder = await _found(settings)
        # Left to itself when the server stops: importing torch cannot be interrupted.
        return await to_thread.run_sync(
            lambda: SentenceEmbedder(folder, model_name(settings.model, folder)),
            abandon_on_cancel=True,
        )

    sentence_models = {
        "auto": [Choice("onnx", onnx, optional=True)],
        "onnx": [Choice("onnx", onnx), Choice("sentence-transformers", sentences)],
        "sentence-transformers": [
            Choice("sentence-transformers", sentences),
            Choice("onnx", onnx),
        ],
    }
    if settings.embedder == "none":
        return []
    if settings.embedder == "static":
        return [Choice("static", static)]
    wanted = sentence_models[settings.embedder]
    first_is_made = wanted[0].name == "onnx" and await to_thread.run_sync(
        lambda: _made_before(settings) is not None
    )
    at_once = [Choice("static", static, stopgap=True)]
    if first_is_made:
        # It loads in a moment, so that the memory of a stopgap is saved.
        at_once.insert(0, Choice("onnx", made))
    return [*at_once, *wanted, Choice("static", static, last_resort=True)]


async def load_onnx(settings: Settings) -> Embedder:
    """The model as int8 ONNX, which is made from the sentence model where it is not there yet.

    Raises:
        EmbedderError: it is not there and cannot be made.
    """
    made_before = await to_thread.run_sync(lambda: _made_before(settings))
    if made_before is not None:
        try:
            return await to_thread.run_sync(lambda: OnnxEmbedder(made_before))
        except EmbedderError as error:
            logger.warning("making the model anew: %s", error)
    folder = await _found(settings)
    name = model_name(settings.model, folder)
    target = settings.models_folder / name
    logger.info("making an int8 ONNX of %s, once, in %s", settings.model, target)
    making = [sys.executable, "-P", "-m", "session_buddy_skills.embeddings.onnx_making"]
    done = await anyio.run_process(
        [*making, str(folder), str(target), name],
        check=False,
        env=offline_environment(),
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise EmbedderError(said[-1] if said else f"making an ONNX of {settings.model} failed.")
    return await to_thread.run_sync(lambda: OnnxEmbedder(target))


async def _found(settings: Settings) -> Path:
    """The folder of the model, downloaded if need be."""
    # Left to itself when the server stops: a download may take minutes.
    return await to_thread.run_sync(
        lambda: find_model(settings.model, allow_download=settings.allow_download),
        abandon_on_cancel=True,
    )


def _made_before(settings: Settings) -> Path | None:
    """The folder with what was made of this model; of what is no longer there, if need be."""
    try:
        folder = find_model(settings.model, allow_download=False)
    except EmbedderError:
        name = slug(re.split(r"[/\\]", settings.model.rstrip("/\\"))[-1])
        made = sorted(settings.models_folder.glob(f"{name}@*"))
        return made[-1] if made else None
    target = settings.models_folder / model_name(settings.model, folder)
    return target if target.is_dir() else None

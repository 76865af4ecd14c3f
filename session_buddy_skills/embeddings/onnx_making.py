"""Makes an int8 ONNX file from a sentence model: `python -m …onnx_making FOLDER TARGET NAME`.

A process of its own, since it needs torch, whose half a gigabyte would stay.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from session_buddy_skills.embeddings.onnx import OnnxEmbedder
from session_buddy_skills.errors import EmbedderError, SkillsError

OPSET = 17
NICENESS = 10
LEAST_COSINE = 0.98
"""To the original, for each of the texts below."""
TEXTS = (
    "",
    "tests",
    "run the tests",
    "Please fix the failing unit tests in the payment module before we deploy.",
    "What will the weather be like in Lisbon next weekend?",
    "def add(a, b):\n    return a + b\n",
    "git rebase --interactive HEAD~3 && git push --force-with-lease",
    "Übersetze diesen Absatz ins Englische und kürze ihn auf drei Sätze.",
    "¿Puedes resumir este documento en una frase?",
    "请帮我写一个单元测试",
    "テストを実行してください",
    "напиши заметки к выпуску",
    "🎉🚀 ship it 🚢",
    "ValueError: invalid literal for int() with base 10: 'abc'",
    "https://example.org/a/very/long/path?with=query&and=more",
    '{"skills": [{"name": "lint", "source": "project"}], "count": 1}',
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20",
    "Refactor, refactor, refactor! " * 40,
    "The report is due on Friday. " * 80,
)


def make(folder: Path, target: Path, name: str) -> None:
    """Write the model, its tokenizer and `meta.json` to the folder `target`, whole or not at all.

    Raises:
        EmbedderError: what is needed is not installed, the folder holds no sentence model, or what
            came out is not close enough to it.
        OSError: the target cannot be written.
    """
    original = _sentence_transformer(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as temporary:
        draft = Path(temporary) / target.name
        draft.mkdir()
        _export(original, draft, name)
        _check(original, OnnxEmbedder(draft), name)
        if target.exists():  # a damaged one, or that of another process
            shutil.rmtree(target)
        draft.rename(target)


def _sentence_transformer(folder: Path) -> Any:
    try:
        import onnx  # noqa: F401 - the export needs it
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise EmbedderError(
            f"{error.name} is not installed; install session-buddy-skills[semantic]."
        ) from error
    try:
        return SentenceTransformer(str(folder), device="cpu", local_files_only=True).eval()
    # It has no error of its own, and passes on those of what it is made of.
    except Exception as error:
        raise EmbedderError(f"{folder} holds no usable sentence model: {error}") from error


def _export(original: Any, draft: Path, name: str) -> None:
    import torch

    from session_buddy_skills.embeddings.quantising import quantise

    class Whole(torch.nn.Module):
        """Tokens in, vectors of unit length out."""

        def __init__(self) -> None:
            super().__init__()
            self.original = original

        def forward(self, ids: Any, mask: Any) -> Any:
            features = {"input_ids": ids, "attention_mask": mask}
            return torch.nn.functional.normalize(
                self.original(features)["sentence_embedding"], dim=-1
            )

    names = ["input_ids", "attention_mask"]
    # Of unequal length, so that padding is in what is traced.
    example = original.tokenizer(["a text", "a longer text"], padding=True, return_tensors="pt")
    axes = {one: {0: "batch", 1: "tokens"} for one in names} | {"embedding": {0: "batch"}}
    whole = draft / "float32.onnx"
    with warnings.catch_warnings(), torch.no_grad():
        # It says that it traces, and that a successor exists, which needs more to be installed.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Whole(),
            tuple(example[one] for one in names),
            str(whole),
            dynamo=False,
            opset_version=OPSET,
            input_names=names,
            output_names=["embedding"],
            dynamic_axes=axes,
        )
    quantise(whole, draft / "model.onnx")
    whole.unlink()
    tokenizer = original.tokenizer.backend_tokenizer
    tokenizer.enable_truncation(int(original.max_seq_length or 512))
    tokenizer.no_padding()
    tokenizer.save(str(draft / "tokenizer.json"))
    meta = {
        "model": name,
        "dimensions": int(original.encode("size", show_progress_bar=False).shape[-1]),
        "padding": int(original.tokenizer.pad_token_id or 0),
    }
    (draft / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _check(original: Any, made: OnnxEmbedder, name: str) -> None:
    wanted = original.encode(list(TEXTS), show_progress_bar=False, normalize_embeddings=True)
    cosines = np.einsum("nd,nd->n", wanted, made.embed(TEXTS))
    if cosines.min() < LEAST_COSINE:
        raise EmbedderError(
            f"the model {name} as int8 ONNX is not close enough to the original: a cosine of "
            f"{cosines.min():.3f}, where {LEAST_COSINE} is the least."
        )


def main() -> None:
    """Make what the arguments name; where that fails, one sentence on standard error."""
    folder, target, name = sys.argv[1:]
    if hasattr(os, "nice"):
        # The server that waits for it serves meanwhile.
        os.nice(NICENESS)
    try:
        make(Path(folder), Path(target), name)
    except SkillsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        sys.stderr.write(f"the model cannot be written to {target}: {error.strerror or error}.\n")
        sys.exit(EmbedderError.exit_code)


if __name__ == "__main__":
    main()

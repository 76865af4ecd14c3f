"""How long and how many what callers send may be."""

from __future__ import annotations

NAME_CHARS = 200
"""Longest name of a skill, session, phase, project, user, error and the like, in characters."""
QUERY_CHARS = 20_000
"""Longest user query, in characters."""
LIST_ITEMS = 100
"""Most alternatives or follow-up actions of one invocation."""
ITEM_CHARS = 500
"""Longest alternative or follow-up action, in characters."""
BATCH_INVOCATIONS = 1_000
"""Most invocations in one `record_invocations` call."""
CATALOG_SKILLS = 5_000
"""Most skills in one `register_skills` call."""
DESCRIPTION_CHARS = 5_000
"""Longest description of a skill, in characters."""
PATH_CHARS = 1_000
"""Longest location of a skill, in characters."""
RECOMMENDED_SKILLS = 100
"""Most skills in one recommendation."""
REQUEST_CHARS = 1_000_000
"""Longest query of a recommendation, in characters; the first 20,000 are looked at."""
CLOCK_SKEW_DAYS = 1
"""How far in the future a time may be, as clocks differ."""
BODY_BYTES = 4 * 2**20
"""Largest body of one plain HTTP request; the MCP SDK has the same limit for its own."""

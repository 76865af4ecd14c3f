"""What may be kept of what a user asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from session_buddy_skills.claude_code.uses import Use
from session_buddy_skills.limits import QUERY_CHARS

Prompts = Literal["full", "redacted", "none"]


def kept(use: Use, prompts: str) -> Use:
    """The use with as much of its request and arguments as may be kept."""
    if prompts == "full":
        return use
    if prompts == "none":
        return replace(use, prompt=None, arguments=None)
    # Most never need it, and it takes a tenth of a second to load.
    from session_buddy_skills.claude_code.redacting import redacted

    prompt, arguments = (
        text and redacted(text, QUERY_CHARS) for text in (use.prompt, use.arguments)
    )
    return replace(use, prompt=prompt, arguments=arguments)

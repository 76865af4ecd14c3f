"""What hooks and a transcript tell of one session, as one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from session_buddy_skills.claude_code.uses import Use

_OPEN = ("pending", "unknown")


def merged(hooked: Sequence[Use], read: Sequence[Use]) -> list[tuple[Use, str | None]]:
    """Each use once, and the key that it had while only hooks told of it, if that was another.

    The transcript knows more, but for an end that is not written yet. A slash command is known to
    hooks by its prompt, and in the transcript by its line, since copies of a session keep that.
    """
    by_key = {use.key: use for use in hooked}
    found: list[tuple[Use, str | None]] = []
    for use in read:
        known = by_key.pop(use.key, None)
        former = None
        if use.prompt_id and use.prompt_id != use.key and use.called_by == "slash":
            former = use.prompt_id
            known = known or by_key.pop(former, None)
        found.append((use if known is None else _one(known, use), former))
    return found + [(use, None) for use in by_key.values()]


def _one(hooked: Use, read: Use) -> Use:
    if read.outcome not in _OPEN or hooked.outcome == "unknown":
        return read
    return replace(
        read,
        outcome=hooked.outcome,
        error_type=hooked.error_type,
        ended_at=hooked.ended_at,
        end_inferred=hooked.end_inferred,
    )

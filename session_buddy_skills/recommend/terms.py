"""Text into the terms that lexical search compares."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

from bm25s.stopwords import STOPWORDS_EN_PLUS

TERM_CHARS = 4_000
"""How much of a text is looked at; what is asked for comes first."""
GRAM_CHARS = 4

STOP_WORDS = frozenset(STOPWORDS_EN_PLUS)

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Lower-case words; `camelCase`, `snake_case` and `kebab-case` are several."""
    text = unicodedata.normalize("NFKC", text[:TERM_CHARS])
    return _WORD.findall(_HUMP.sub(" ", text).casefold())


def telling(text: str) -> str:
    """The words that tell what a text is about: without those that any text has."""
    return " ".join(word for word in words(text) if word not in STOP_WORDS)


def readable_name(name: str) -> str:
    """A skill's name as words: `plugin:runTests` is "plugin run tests"."""
    return " ".join(words(name)) or name


def word_terms(text: str) -> list[str]:
    """The words, and each two that stand side by side."""
    found = words(text)
    return found + [f"{one} {two}" for one, two in pairwise(found)]


def gram_terms(text: str) -> list[str]:
    """Each four characters in a row of a word, which forms of one word share."""
    return [
        word[start : start + GRAM_CHARS]
        for word in words(text)
        for start in range(max(1, len(word) - GRAM_CHARS + 1))
    ]

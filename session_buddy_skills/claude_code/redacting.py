"""Takes secrets out of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.plugins.base import BasePlugin, RegexBasedDetector
from detect_secrets.plugins.high_entropy_strings import HighEntropyStringsPlugin
from detect_secrets.plugins.ip_public import IPPublicDetector
from detect_secrets.plugins.keyword import CONFIG_DENYLIST_REGEX_TO_GROUP, KeywordDetector

REDACTED = "[redacted]"
_KEY_BLOCK = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY.*?(?:-----END[^-]*-----|\Z)", re.DOTALL)
"""The library tells where a private key begins; what has to go is all of it."""
_NO_SECRETS = (IPPublicDetector,)
_KINDS: Mapping[str, type[BasePlugin]] = get_mapping_from_secret_type_to_class()
_PLUGINS = [kind() for kind in _KINDS.values() if kind not in _NO_SECRETS]


_BEYOND = 1_000
"""A secret may begin before the end of what is kept, and show what it is after it only."""


@lru_cache(1_000)
def redacted(text: str, chars: int) -> str:
    """The first so many characters, with each secret that is found in them replaced."""
    lines = _KEY_BLOCK.sub(REDACTED, text[: chars + _BEYOND]).split("\n")
    return "\n".join(map(_line, lines))[:chars]


def _line(line: str) -> str:
    for plugin in _PLUGINS:
        if isinstance(plugin, RegexBasedDetector):
            for pattern in plugin.denylist:
                line = pattern.sub(REDACTED, line)
        else:
            # Longest first, or a part that was taken out of one leaves its rest behind.
            for secret in sorted(_found(plugin, line), key=len, reverse=True):
                line = line.replace(secret, REDACTED)
    return line


def _found(plugin: BasePlugin, line: str) -> Iterator[str]:
    if isinstance(plugin, KeywordDetector):
        # What is typed or pasted has quotation marks in some places only.
        yield from plugin.analyze_string(line)
        yield from plugin.analyze_string(line, CONFIG_DENYLIST_REGEX_TO_GROUP)
    elif isinstance(plugin, HighEntropyStringsPlugin):
        with plugin.non_quoted_string_regex(is_exact_match=False):
            for secret in plugin.analyze_string(line):
                if plugin.calculate_shannon_entropy(secret) > plugin.entropy_limit:
                    yield secret
    else:
        yield from plugin.analyze_string(line)

"""Bytes that a terminal sends -> the keys that were pressed."""

from __future__ import annotations

import re

ENTER, ERASE, ESCAPE = "\r", "\x7f", "\x1b"
_SEQUENCE = re.compile(
    r"\x1b\[200~.*?(?:\x1b\[201~|$)"  # pasted
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # arrows and other keys with a name
    r"|\x1bO."
    r"|\x1b[^\x1b[O]",  # with Alt
    re.DOTALL,
)
_SAME = {"\n": ENTER, "\b": ERASE}


def keys_of(data: bytes) -> list[str]:
    """Return the keys, each one character; keys with a name, such as arrows, are left out."""
    text = _SEQUENCE.sub("", data.decode("utf-8", "ignore"))
    return [_SAME.get(one, one) for one in text]

"""JSON that somebody else may have written: read within bounds, or refused as what it is."""

from __future__ import annotations

import json
from typing import Any

LONGEST = 64 * 1024 * 1024
"""Bytes; a Rollout of a thousand instances has well under one million."""


def parse_json(text: str | bytes, *, longest: int = LONGEST) -> Any:
    """Return the value; raises ValueError for what is no JSON, too long or nested too deeply."""
    if len(text) > longest:
        raise ValueError(f"longer than {longest // 1024 // 1024} MiB")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error

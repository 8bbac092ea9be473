"""Finds the JSON Schemas: in the installed package, else in the checkout.

They lie at the top of the repository, where editors and people look for them; the wheel carries
a copy, which an editable install has not.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmssplan.errors import NotFound

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

_SUFFIX = ".schema.json"


def schema_names() -> tuple[str, ...]:
    """Return the names `schema` knows, sorted: `plan`, `rollout`, ..."""
    return tuple(sorted(_schema_files()))


@cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema of that name, shared: read it only. Raises NotFound, naming those there."""
    found = _schema_files().get(name)
    if found is None:
        raise NotFound(
            f"there is no schema called {name!r}", hint=f"known: {', '.join(schema_names())}"
        )
    document: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return document


def _schema_files() -> dict[str, Traversable]:
    entries = sorted(_folder().iterdir(), key=lambda entry: entry.name)
    return {entry.name.partition(".")[0]: entry for entry in entries if _is_schema(entry)}


def _folder() -> Traversable:
    packaged = files("vmssplan") / "schemas"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "schemas"


def _is_schema(entry: Traversable) -> bool:
    return entry.name.endswith(_SUFFIX)

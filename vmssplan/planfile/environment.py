"""Fills environment variables into the target: `${NAME}` and `${NAME:-default}`.

Only there: the same Plan then goes to a test and a production set, while what it rolls out, and
how, is the reviewed text and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmssplan.errors import Problem
    from vmssplan.planfile.source import Document

_VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^${}]*))?\}")


def with_environment(
    document: Document, environment: Mapping[str, str]
) -> tuple[Document, list[Problem]]:
    """Return the document with its target filled in, and the variables that are not there."""
    root = document.value
    target = root.get("target") if isinstance(root, dict) else None
    if not isinstance(root, dict) or not isinstance(target, dict):
        return document, []
    filled: dict[str, object] = {}
    problems: list[Problem] = []
    for key, value in target.items():
        filled[key] = value
        if isinstance(value, str) and "${" in value:
            filled[key], messages = _filled(value, environment)
            problems += [document.problem(("target", key), message) for message in messages]
    return replace(document, value={**root, "target": filled}), problems


def _filled(text: str, environment: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the text filled in; with a message, the text stays as it was."""
    messages: list[str] = []
    if "${" in _VARIABLE.sub("", text):
        messages.append("expected ${NAME} or ${NAME:-default} after `${`")

    def value_of(found: re.Match[str]) -> str:
        name, default = found["name"], found["default"]
        # As in a shell, `:-` also stands in for a variable that is set and empty.
        value = environment.get(name) or default
        if value is None:
            state = "empty" if name in environment else "not set"
            messages.append(
                f"the environment variable {name} is {state};"
                f" set it, or give a default: ${{{name}:-...}}"
            )
        elif "${" in value:
            messages.append(f"the environment variable {name} contains `${{`")
        return value or ""

    filled = _VARIABLE.sub(value_of, text)
    return (text if messages else filled), messages

"""Terraform's habits: options with one dash mean those with two.

Only the names listed here, so that a slip stays a slip, and short options stay short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SINGLE_DASH = frozenset(
    {
        "out",
        "json",
        "no-color",
        "detailed-exitcode",
        "auto-approve",
        "input",
        "lock-timeout",
        "help",
        "version",
    }
)


def doubled(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with `-out=FILE` written as `--out=FILE`, and so on.

    What comes after `--` is left as it is.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [*(_doubled(one) for one in arguments[:end]), *arguments[end:]]


def _doubled(argument: str) -> str:
    name, _, _ = argument[1:].partition("=")
    is_single = argument.startswith("-") and not argument.startswith("--")
    return f"-{argument}" if is_single and name in SINGLE_DASH else argument

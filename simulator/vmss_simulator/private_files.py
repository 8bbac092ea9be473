"""Files and folders that only their owner can read, whatever the umask."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ONLY = 0o600
OWNER_FOLDER = 0o700


def make_private_folder(folder: Path) -> None:
    """Make the folder, and those above it that are missing, for the owner only."""
    # Not `parents=True`: that gives the folders above whatever the umask leaves.
    if not folder.is_dir():
        make_private_folder(folder.parent)
        folder.mkdir(mode=OWNER_FOLDER, exist_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file in one piece, readable by its owner only; OSError when it cannot be."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with _opened(beside, os.O_TRUNC) as stream:
        stream.write(text)
    beside.replace(path)


def append_private(path: Path) -> TextIO:
    """Open a file for appending; a new one is readable by its owner only."""
    return _opened(path, os.O_APPEND)


def _opened(path: Path, how: int) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | how, OWNER_ONLY)
    return os.fdopen(descriptor, "w", encoding="utf-8", newline="\n")

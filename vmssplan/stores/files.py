"""Files and folders that hold state: for their owner only, whatever the umask, written whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

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
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, OWNER_ONLY)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_bounded(path: Path, longest: int) -> bytes:
    """Return the content of a file; raises ValueError when it is longer."""
    with path.open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise ValueError(f"longer than {longest // 1024 // 1024} MiB")
    return content

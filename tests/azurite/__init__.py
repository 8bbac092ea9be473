"""Azurite, the emulator of Azure Blob storage: installed once, served for one test session.

`python -m tests.azurite` installs it, as `make test` does first. Without npm it cannot be had;
then its tests say that they are skipped, but never where CI is set.
"""

from __future__ import annotations

import base64
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import npm
from tests.support.npm import CannotInstallError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Azurite", "CannotInstallError", "install", "serving"]

HERE = Path(__file__).parent
FOLDER = HERE.parents[1] / ".azurite"
PROGRAM = FOLDER / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
ACCOUNT = "teamstate"
KEY = base64.b64encode(b"opens nothing but this emulator").decode()
LISTENS = "successfully listens on "


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running emulator; `url` has no account yet."""

    url: str

    def state(self, container: str, prefix: str = "") -> str:
        """Return the `--state` of a container."""
        return f"azblob+{self.url}/{ACCOUNT}/{container}" + (f"/{prefix}" if prefix else "")

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to be let in."""
        return {"AZURE_STORAGE_KEY": KEY}


def install() -> None:
    """Install the version that the lock file names, unless it is there; raises CannotInstall."""
    npm.install("Azurite", HERE, FOLDER)


@contextmanager
def serving() -> Iterator[Azurite]:
    """Serve it on a free port, in memory, while the context lasts."""
    options = ("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck")
    with subprocess.Popen(
        ["node", str(PROGRAM), "--silent", "--blobPort", "0", *options],
        env={**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            for line in process.stdout:
                said += line
                if LISTENS in line:
                    yield Azurite(line.partition(LISTENS)[2].strip())
                    break
            else:
                raise AssertionError(f"Azurite did not start: {said}")
        finally:
            process.kill()

"""Programs from npm that only tests need: the versions of a lock file, in a folder git ignores."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from filelock import FileLock

if TYPE_CHECKING:
    from pathlib import Path


class CannotInstallError(Exception):
    """Node or npm is missing; says so."""


def install(what: str, here: Path, folder: Path) -> None:
    """Install what the lock file in `here` names into `folder`, unless it is there.

    Raises:
        CannotInstallError: where there is no npm.

    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise CannotInstallError(f"{what} needs node and npm, and they are not installed")
    folder.mkdir(exist_ok=True)
    wanted = (here / "package-lock.json").read_bytes()
    with FileLock(folder / "installing.lock"):
        done = folder / "installed.json"
        if done.exists() and done.read_bytes() == wanted:
            return
        for name in ("package.json", "package-lock.json"):
            shutil.copy(here / name, folder / name)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run([npm, "ci", *options], cwd=folder, check=True)
        done.write_bytes(wanted)

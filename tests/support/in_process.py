"""The program in this process: faster than another one, and logging is put back afterwards."""

from __future__ import annotations

import io
import logging
import os
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import Program, Result, environment
from vmssplan.cli import run
from vmssplan.cli.logs import SDK_TRACE, StandardError

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGGERS = ("", "vmssplan", "azure", SDK_TRACE, "opentelemetry")


@contextmanager
def logging_put_back() -> Iterator[None]:
    """Undo what the program does to logging while the context lasts."""
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        yield
    finally:
        root = logging.getLogger()
        for handler in [each for each in root.handlers if isinstance(each, StandardError)]:
            root.removeHandler(handler)
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Everything it printed."""
        return self.out + self.err


class Here:
    """The program in this process, in a folder and an environment of its own."""

    def __init__(
        self, folder: Path, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch
    ) -> None:
        self.folder = folder
        self._capsys = capsys
        self._patch = patch
        patch.chdir(folder)
        kept = environment()
        for name in set(os.environ) - set(kept):
            patch.delenv(name)
        for name, value in kept.items():
            patch.setenv(name, value)

    def run(self, *arguments: str | Path, **extra: str) -> Answer:
        """Run to the end."""
        self._capsys.readouterr()
        with self._patch.context() as patch, logging_put_back():
            for name, value in extra.items():
                patch.setenv(name, value)
            code = run([str(one) for one in arguments])
        said = self._capsys.readouterr()
        return Answer(code, said.out, said.err)


@dataclass(frozen=True, slots=True)
class ProgramHere(Program):
    """The program in one working folder, which runs to its end in this process."""

    def run(self, *arguments: str | Path, **extra: str) -> Result:
        """Run to the end, without a terminal."""
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, Path(os.devnull).open() as nothing:
            patch.chdir(self.folder)
            kept = environment(**extra)
            for name in set(os.environ) - set(kept):
                patch.delenv(name)
            for name, value in kept.items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", nothing)
            with redirect_stdout(out), redirect_stderr(err), logging_put_back():
                code = run([str(one) for one in arguments])
        return Result(code, out.getvalue(), err.getvalue())

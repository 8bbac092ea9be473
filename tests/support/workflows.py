"""Runs the shell steps of a composite action and of a pipeline, as they are written there.

What a runner does around them is done here as far as these files need it: expressions in `env`,
conditions, outputs, the shell's own options.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from tests.e2e.program import PATIENCE_SECONDS, ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ACTION = ROOT / "action.yml"
EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")
CONDITION = re.compile(r"([\w.-]+) (==|!=) '([^']*)'")


def load(path: Path) -> Any:
    """Return the document in a YAML file."""
    return yaml.safe_load(path.read_text("utf-8"))


def bash(script: str, folder: Path, variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a script as the runners do, and return its exit code and what it printed."""
    file = folder / "step.sh"
    file.write_text(script, encoding="utf-8")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(file)],
        cwd=folder,
        env={**environment(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def with_program(folder: Path) -> str:
    """Put `vmssplan` into a folder, and return a PATH that begins with it."""
    bin_folder = folder / "bin"
    bin_folder.mkdir(exist_ok=True)
    program = bin_folder / "vmssplan"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vmssplan "$@"\n', encoding="utf-8")
    program.chmod(0o700)
    return f"{bin_folder}{os.pathsep}{os.environ['PATH']}"


@dataclass
class Job:
    """A job that uses the action: its folder, its variables, and what has come of its steps."""

    folder: Path
    variables: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    code: int = 0

    def use_action(self, **given: str) -> Job:
        """Run the steps of the action that are shell, until one fails; inputs by their names."""
        document = load(ACTION)
        defaults = {name: str(one.get("default", "")) for name, one in document["inputs"].items()}
        inputs = {**defaults, **{name.replace("_", "-"): value for name, value in given.items()}}
        assert set(inputs) == set(defaults), "an input that the action has not"
        self.log, self.code, self.outputs = "", 0, {}
        context = {f"inputs.{name}": value for name, value in inputs.items()}
        for step in document["runs"]["steps"]:
            if self.code == 0 and "run" in step and _holds(step.get("if", ""), context):
                self._run(step, context)
        named = document["outputs"]
        self.outputs = {name: _filled(one["value"], context) for name, one in named.items()}
        return self

    def _run(self, step: Mapping[str, Any], context: dict[str, str]) -> None:
        output = self.folder / "output"
        output.write_text("")
        own = {name: _filled(value, context) for name, value in step.get("env", {}).items()}
        folder = self.folder / _filled(step.get("working-directory", "."), context)
        variables = {**self.variables, "GITHUB_OUTPUT": str(output), **own}
        self.code, said = bash(step["run"], folder, variables)
        self.log += said
        if "id" in step:
            context.update(_outputs(step["id"], output.read_text("utf-8")))


def _outputs(step: str, text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        assert equals, f"no output: {line!r}"
        yield f"steps.{step}.outputs.{name}", value


def _filled(text: str, context: Mapping[str, str]) -> str:
    return EXPRESSION.sub(lambda found: context.get(found[1], ""), str(text))


def _holds(condition: str, context: Mapping[str, str]) -> bool:
    for part in condition.split(" && ") if condition else ():
        found = CONDITION.fullmatch(part.strip())
        assert found is not None, f"a condition that is not understood: {part}"
        is_equal = context.get(found[1], "") == found[3]
        if is_equal != (found[2] == "=="):
            return False
    return True

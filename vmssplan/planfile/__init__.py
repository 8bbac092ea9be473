"""Plan files: YAML in, checked and typed Plans out, every mistake named with its place.

The way of a file, one module a step: `loading` finds and decodes it, `source` reads the YAML and
remembers where everything stands, `environment` fills in the target, `checking` holds it against
the JSON Schema, `build` makes the Plan. YAML and JSON Schema are heavy to import, so they wait
behind `load_plans`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.planfile.loaded import LoadedPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["LoadedPlan", "load_plans", "read_plan"]


def load_plans(
    paths: Sequence[Path], environment: Mapping[str, str], *, distinct_targets: bool = True
) -> tuple[LoadedPlan, ...]:
    """Return the Plans in these files and folders, in order.

    A folder stands for every *.yaml and *.yml below it, sorted. `distinct_targets=False` allows
    several Plans for one scale set, which is fine to check and never to apply.
    Raises DocumentInvalid with the problems of all files together.
    """
    from vmssplan.planfile.loading import load  # noqa: PLC0415 (imports yaml and jsonschema)

    return load(paths, environment, distinct_targets=distinct_targets)


def read_plan(text: str, file: str, environment: Mapping[str, str]) -> LoadedPlan:
    """Return the one Plan in a text; `file` names it in the problems of DocumentInvalid."""
    from vmssplan.planfile.loading import read  # noqa: PLC0415 (imports yaml and jsonschema)

    return read(text, file, environment)

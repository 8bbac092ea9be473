"""Plan x live scale set -> Changes: the owned fields that differ, and nothing else.

The only file that knows deepdiff. What the Plan does not own never reaches the comparison, so
provider defaults and read-only fields cannot make noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.model import ModelFields, image_fields

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Change:
    """One owned field that differs: its key path in the Plan; None means: not there."""

    path: str
    before: str | None
    after: str | None


def diff_model(live: ModelFields, wanted: ModelFields) -> tuple[Change, ...]:
    """Return the changes that turn the live model into the wanted one, sorted by path.

    Only fields that `wanted` sets are compared. Names and ids compare without case, as Azure
    compares them: a difference in case alone is no change.
    """
    from deepdiff import DeepDiff  # noqa: PLC0415 - 0.3 s that most commands need not pay

    after = owned_fields(wanted, wanted)
    before = _in_spelling_of(owned_fields(live, wanted), after)
    difference = DeepDiff(before, after, view="tree", threshold_to_diff_deeper=0)
    leaves = [
        change
        for level in _levels(difference)
        for change in _leaf_changes(_path(level), _absent(level.t1), _absent(level.t2))
    ]
    return tuple(sorted(leaves, key=lambda change: change.path))


def owned_fields(values: ModelFields, owner: ModelFields) -> dict[str, Any]:
    """Return the fields of `values` that `owner` sets, as the Plan writes them."""
    fields: dict[str, Any] = {}
    if owner.image is not None:
        fields["image"] = image_fields(values.image) if values.image is not None else None
    if owner.vm_size is not None:
        fields["vmSize"] = values.vm_size
    if owner.upgrade_policy is not None:
        fields["upgradePolicy"] = values.upgrade_policy and values.upgrade_policy.value
    return fields


def same_value(key: str, one: str | None, other: str | None) -> bool:
    """Tell whether Azure holds the two values of that key equal; None equals None alone."""
    if one is None or other is None or key == "uri":
        return one == other
    return one.casefold() == other.casefold()


def _in_spelling_of(value: Any, wanted: Any, key: str = "") -> Any:
    """Return `value`, written as `wanted` where Azure holds the two spellings equal."""
    if isinstance(value, dict) and isinstance(wanted, dict):
        return {k: _in_spelling_of(v, wanted.get(k), k) for k, v in value.items()}
    is_same = isinstance(value, str) and isinstance(wanted, str) and same_value(key, value, wanted)
    return wanted if is_same else value


def _levels(difference: Any) -> Iterator[Any]:
    for kind in sorted(difference):
        yield from difference[kind]


def _path(level: Any) -> str:
    return ".".join(["model", *(str(key) for key in level.path(output_format="list"))])


def _absent(value: Any) -> Any:
    return value if isinstance(value, str | dict) else None


def _leaf_changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    """Break a whole image that came or went into its keys."""
    if not isinstance(before, dict) and not isinstance(after, dict):
        yield Change(path, before, after)
        return
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    for key in sorted({*old, *new}):
        yield Change(f"{path}.{key}", old.get(key), new.get(key))

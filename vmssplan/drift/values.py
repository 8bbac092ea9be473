"""What Runs left of a scale set, and what is found when the live set is held against that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vmssplan.model import ModelFields, ScaleSetId

# --- what Runs left: from the journals ------------------------------------------------------


class Trace(StrEnum):
    """How a Run knows of a value: it left it at its end, set it on its way, or found it there."""

    LEFT = "left"
    SET = "set"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """The fields of the model that a Run left, set or found."""

    run: str
    trace: Trace
    fields: ModelFields


@dataclass(frozen=True, slots=True)
class LeftInstance:
    """An instance as a Run left it.

    `fields` is what it ran; None where the Run left it alone, and then `image` is what it ran, in
    one word. `unfinished` says why nothing is known of it: the Run was not done with it. None for
    `vm_id` and `is_protected` means that the Run does not know.
    """

    run: str
    vm_id: str | None
    image: str
    fields: ModelFields | None = None
    is_protected: bool | None = None
    unfinished: str = ""


@dataclass(frozen=True, slots=True)
class UnfinishedRun:
    """A Run that began after the last complete one, and did not end well.

    `exit_code` is None where it was killed.
    """

    run: str
    exit_code: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class LeftPinned:
    """Autoscale settings that a Run bound to a count for its own time, and has not given back."""

    run: str
    settings: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the Runs of a scale set left; everything is empty where there was none.

    `run` is the last one that came to its end, None where none did. `models` has the newest
    first; a field's base is the first of them that is live, or else the last that has the field.
    """

    run: str | None = None
    models: tuple[KnownModel, ...] = ()
    instances: Mapping[str, LeftInstance] = field(default_factory=dict)
    unfinished: tuple[UnfinishedRun, ...] = ()
    pinned: tuple[LeftPinned, ...] = ()


# --- what is found --------------------------------------------------------------------------


class FieldState(StrEnum):
    """How base, live and desired value of a field compare; `different` where no base is known."""

    IN_SYNC = "inSync"
    PENDING = "pending"
    CONVERGED = "converged"
    CHANGED_OUTSIDE = "changedOutside"
    BOTH_CHANGED = "bothChanged"
    DIFFERENT = "different"

    @property
    def is_drift(self) -> bool:
        """True when somebody changed it, or nobody knows who did."""
        return self in _DRIFTED_FIELD


_DRIFTED_FIELD = frozenset(
    {FieldState.CHANGED_OUTSIDE, FieldState.BOTH_CHANGED, FieldState.DIFFERENT}
)


@dataclass(frozen=True, slots=True)
class FieldFinding:
    """One owned field; a value is None where the field is not there.

    `known` tells which Run has the base from where; None where no Run knows one.
    """

    path: str
    state: FieldState
    base: str | None
    live: str | None
    desired: str | None
    known: KnownModel | None


class InstanceState(StrEnum):
    """What is to be told of an instance."""

    CHANGED = "changed"
    OUTDATED = "outdated"
    REPLACED = "replaced"
    NEW_OUTDATED = "newOutdated"
    PROTECTION = "protection"
    DIFFERENT = "different"
    NEW = "new"
    GONE = "gone"
    CONVERGED = "converged"
    UNFINISHED = "unfinished"
    UNHEALTHY = "unhealthy"

    @property
    def is_drift(self) -> bool:
        """True when somebody did it, or nobody knows who did; Azure by itself does the others."""
        return self in _DRIFTED_INSTANCE


_DRIFTED_INSTANCE = frozenset(
    {
        InstanceState.CHANGED,
        InstanceState.OUTDATED,
        InstanceState.REPLACED,
        InstanceState.NEW_OUTDATED,
        InstanceState.PROTECTION,
        InstanceState.DIFFERENT,
    }
)


@dataclass(frozen=True, slots=True)
class InstanceFinding:
    """One thing about one instance: what the Run left, what is now; None where there is none."""

    instance_id: str
    state: InstanceState
    was: str | None
    now: str | None
    run: str | None = None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """All that was found about one scale set.

    `newer_version` is published and not pinned yet, where the Plan follows latest. `outdated`
    counts the instances that the Plan would upgrade.
    """

    plan: str
    target: ScaleSetId
    baseline: Baseline
    fields: tuple[FieldFinding, ...]
    instances: tuple[InstanceFinding, ...]
    total: int
    outdated: int
    newer_version: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def drifted_fields(self) -> tuple[FieldFinding, ...]:
        """The fields that drifted."""
        return tuple(one for one in self.fields if one.state.is_drift)

    @property
    def drifted_instances(self) -> tuple[InstanceFinding, ...]:
        """What drifted about instances."""
        return tuple(one for one in self.instances if one.state.is_drift)

    @property
    def has_drift(self) -> bool:
        """True when anything drifted."""
        return bool(self.drifted_fields or self.drifted_instances)

    @property
    def has_pending(self) -> bool:
        """True when the Plan wants something that no Run has brought about yet."""
        return any(one.state is FieldState.PENDING for one in self.fields)

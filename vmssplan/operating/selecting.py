"""Selection x scale set -> instances: and everything that is named must be there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan.batching import natural_order
from vmssplan.errors import NotFound, UsageInvalid
from vmssplan.operating.words import state_words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmssplan.model import HealthSource, Instance, ModelFields, ScaleSet
    from vmssplan.operating.values import Selection

_MOST_NAMED = 12


def select(
    scale_set: ScaleSet,
    selection: Selection,
    wanted: ModelFields | None = None,
    source: HealthSource | None = None,
) -> tuple[Instance, ...]:
    """Return the instances, by instance id; `wanted` None means what the set's model says.

    Raises UsageInvalid when nothing is named, and NotFound when an id, a domain or a zone that is
    named is not in the set: a typing mistake must not read as "nothing to do". A state that no
    instance is in selects none.
    """
    if selection.is_empty:
        raise UsageInvalid(
            "no instance is selected",
            hint="name some with --ids, --update-domain, --fault-domain, --zone or --state,"
            " or say --all",
        )
    _check_known(scale_set, selection)
    fields = scale_set.model if wanted is None else wanted
    seen_by = source or scale_set.health_source
    chosen = [one for one in scale_set.instances if _selects(selection, one, fields, seen_by)]
    return tuple(sorted(chosen, key=lambda one: natural_order(one.instance_id)))


def _selects(
    selection: Selection, instance: Instance, wanted: ModelFields, source: HealthSource
) -> bool:
    return (
        _is_in(instance.instance_id, selection.ids)
        and _is_in(instance.update_domain, selection.update_domains)
        and _is_in(instance.fault_domain, selection.fault_domains)
        and _is_in(instance.zone, selection.zones)
        and (
            not selection.states
            or not set(selection.states).isdisjoint(state_words(instance, wanted, source))
        )
    )


def _is_in(value: object, named: Collection[object]) -> bool:
    """Tell whether it is named; a kind of which nothing is named takes all."""
    return not named or value in named


def _check_known(scale_set: ScaleSet, selection: Selection) -> None:
    instances = scale_set.instances
    kinds: tuple[tuple[str, Iterable[object], set[object]], ...] = (
        ("instance", selection.ids, {one.instance_id for one in instances}),
        ("update domain", selection.update_domains, {one.update_domain for one in instances}),
        ("fault domain", selection.fault_domains, {one.fault_domain for one in instances}),
        ("zone", selection.zones, {one.zone for one in instances}),
    )
    for word, named, there in kinds:
        missing = [str(value) for value in named if value not in there]
        if missing:
            raise NotFound(
                f"{scale_set.id} has no {word} {', '.join(missing)}",
                hint=_what_there_is(word, there),
            )


def _what_there_is(word: str, there: set[object]) -> str:
    names = sorted((str(value) for value in there if value is not None), key=natural_order)
    if not names:
        return f"its instances have no {word}"
    listed = ", ".join(names[:_MOST_NAMED])
    more = f", and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"there is {listed}{more}"

"""What is asked of all instances of one look at a set, worked out once.

Most instances of a look are the very values of the look before, so what was worked out then is
only brought up to date: a Run looks hundreds of times at what may be a thousand instances.
"""

from __future__ import annotations

from itertools import compress
from operator import is_not
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmssplan.model.live import Instance
    from vmssplan.model.plan import HealthSource


class Roster:
    """The answers about some instances."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._instances = instances
        self._by_id: Mapping[str, Instance] | None = None
        self._serving: dict[HealthSource, frozenset[str]] = {}
        # By identity, with the machines, so that nothing else can get it.
        self._strangers: dict[int, tuple[Mapping[str, str], Sequence[Instance]]] = {}

    def take_over(self, before: Roster) -> None:
        """Begin with what was worked out before, where it can be brought up to date."""
        then, now = before._instances, self._instances
        if len(then) != len(now):
            return
        changed: dict[str, Instance] = {}
        is_same_machines = True
        for n in compress(range(len(now)), map(is_not, now, then)):
            old, new = then[n], now[n]
            if old.instance_id != new.instance_id:
                return
            is_same_machines = is_same_machines and old.vm_id == new.vm_id
            changed[new.instance_id] = new
        if before._by_id is not None:
            self._by_id = {**before._by_id, **changed} if changed else before._by_id
        if is_same_machines:
            self._strangers = {k: one for k, one in before._strangers.items() if not one[1]}
        for source, serving in before._serving.items():
            well = {i for i, new in changed.items() if new.is_in_service(source)}
            sick = changed.keys() - well
            is_same = serving.issuperset(well) and serving.isdisjoint(sick)
            self._serving[source] = serving if is_same else (serving | well) - sick

    def by_id(self) -> Mapping[str, Instance]:
        """Return the instances by instance id."""
        if self._by_id is None:
            self._by_id = {one.instance_id: one for one in self._instances}
        return self._by_id

    def serving(self, source: HealthSource) -> frozenset[str]:
        """Return the ids of the instances in service."""
        found = self._serving.get(source)
        if found is None:
            found = frozenset(i.instance_id for i in self._instances if i.is_in_service(source))
            self._serving[source] = found
        return found

    def strangers(self, machines: Mapping[str, str]) -> Sequence[Instance]:
        """Return the instances that are not these machines (vm ids by instance id)."""
        known = self._strangers.get(id(machines))
        if known is None:
            found = [one for one in self._instances if machines.get(one.instance_id) != one.vm_id]
            known = self._strangers[id(machines)] = (machines, found)
        return known[1]

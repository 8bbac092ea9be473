"""How many instances were in service at every moment, as far as the journal tells.

An instance is out from the intent to operate on it until it is called healthy again. One that
fell ill by itself is known to be out only where the Run was watching it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from vmssplan.engine import events as ev
from vmssplan.engine.evidence import GONE

if TYPE_CHECKING:
    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout


class Serving:
    """Who is in service; told one Event after the other."""

    def __init__(self, rollout: Rollout) -> None:
        self._serves = {one.instance_id: one.in_service for one in rollout.instances}
        self._before: dict[str, bool] = {}
        self._asked: dict[int, tuple[str, ...]] = {}

    @property
    def count(self) -> int:
        """How many are in service."""
        return sum(self._serves.values())

    def serves(self, instance_id: str) -> bool:
        """Tell whether that one is in service."""
        return self._serves.get(instance_id, False)

    def happened(self, event: Event) -> bool:
        """Take note of an Event; tell whether anybody's service may have changed."""
        if isinstance(event, ev.InstanceEvent):
            self._instance_happened(event)
            return True
        match event:
            case ev.UpgradeIntended(request=number, instance_ids=ids):
                self._asked[number] = ids
                self._before.update({i: self.serves(i) for i in ids})
                self._serves.update(dict.fromkeys(ids, False))
            case ev.RequestDeferred(request=int(number)) | ev.RequestRefused(request=int(number)):
                for one in self._asked.pop(number, ()):
                    self._put_back(one)
            case ev.InstanceAppeared(instance=instance):
                self._serves[instance.instance_id] = instance.in_service
            case _:
                return False
        return True

    def _instance_happened(self, event: ev.InstanceEvent) -> None:
        one = event.instance_id
        match event:
            case ev.InstanceBecameHealthy() | ev.InstanceReady():
                self._serves[one] = True
            case ev.InstanceBecameUnhealthy() | ev.InstanceFailed():
                self._serves[one] = False
            case ev.InstanceSkipped(reason=reason) if reason == GONE:
                self._serves.pop(one, None)
            case ev.InstanceSkipped() | ev.InstanceNotStarted():
                self._put_back(one)
            case ev.InstanceUpgraded():
                self._before.pop(one, None)
            case _:
                assert_never(event)

    def _put_back(self, instance_id: str) -> None:
        """Nothing was done to it: it serves as it did before the request."""
        self._serves[instance_id] = self._before.pop(instance_id, self.serves(instance_id))

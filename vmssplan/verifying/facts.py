"""What judging goes by: the properties, the memory of a witness, and the facts of a moment.

The `Watch` remembers what a witness would: what was done, what was answered, since when what is
well. In service is what the set itself says at that moment; where a list is behind, what it shows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from vmssplan.gates import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vmssplan.engine.instructions import Instruction
    from vmssplan.rollout import Rollout
    from vmssplan.verifying.scene import Scene
    from vmssplan.verifying.world import Machine, World


class Property(StrEnum):
    """What must always be true."""

    FLOOR = "floor"
    ONCE = "once"
    REVIEWED = "reviewed"
    GATES = "gates"
    STRATEGY = "strategy"
    OPERATIONS = "operations"
    COMPLETE = "complete"
    SEEN_THROUGH = "seen through"
    ENDS = "ends"
    SOUND = "sound"


MEANINGS: Mapping[Property, str] = {
    Property.FLOOR: "no start leaves fewer in service than the floor; repairs do not count",
    Property.ONCE: "nothing current, and nothing that is being worked on, is operated on",
    Property.REVIEWED: "only what the Rollout names is operated on or written",
    Property.GATES: "no step, gate, approval, pause or hook is passed by; held means held",
    Property.STRATEGY: "batches wait for those before, windows are kept, failures stop",
    Property.OPERATIONS: "maxConcurrentOperations is kept; what is put off waits its time",
    Property.COMPLETE: "a Run that ends well has left nothing out without a reason",
    Property.SEEN_THROUGH: "a Run ends only when what it started is over, or past its deadline",
    Property.ENDS: "from every state an end is reached, or the Run waits for people",
    Property.SOUND: "the engine has an answer in every state",
}


class Breach(NamedTuple):
    """Something that must always be true, and is not."""

    property: Property
    text: str


class Watch(NamedTuple):
    """What a witness remembers of the Run, times in seconds.

    `completed` is the last step that ended, `began` when the open one did (-1: none is open); then
    how its gate has answered. `well` has since when each upgraded instance is seen to be well,
    `operated` the machines that were worked on, `tried` the instances since the last resume,
    `heard` how many instructions there were then.
    """

    completed: int = 0
    began: int = -1
    row: int = 0
    failed: int = 0
    unsure: int = 0
    errors: int = 0
    is_hook_done: bool = False
    well: tuple[tuple[str, int], ...] = ()
    operated: frozenset[str] = frozenset()
    tried: frozenset[str] = frozenset()
    not_before: int = 0
    heard: int = 0

    def asked_afresh(self) -> Watch:
        """Forget what the gate has answered."""
        return self._replace(row=0, failed=0, unsure=0, errors=0, is_hook_done=False)

    def measured(self, verdict: Verdict) -> Watch:
        """Remember one answer of a gate."""
        return self._replace(
            row=self.row + 1 if verdict is Verdict.SUCCESSFUL else 0,
            failed=self.failed + (verdict is Verdict.FAILED),
            unsure=self.unsure + (verdict is Verdict.INCONCLUSIVE),
            errors=self.errors + 1 if verdict is Verdict.ERROR else 0,
        )

    def unwatched(self, proof: int, now: int) -> Watch:
        """Forget what was not proven yet, because from now on nobody watches."""
        return self._replace(well=tuple(one for one in self.well if now - one[1] >= proof))

    def resumed(self, step: int, heard: int, *, is_open: bool) -> Watch:
        """Begin again where the Run goes on.

        Whoever resumes a Run wants it tried at once, whatever was put off before.
        """
        completed = min(self.completed, step - 1 if is_open else step)
        return self.asked_afresh()._replace(
            completed=completed,
            began=self.began if is_open and completed == self.completed else -1,
            tried=frozenset(),
            not_before=0,
            heard=heard,
        )


class Facts(NamedTuple):
    """What is judged by: the Rollout in force, what is there, what people said, and when."""

    scene: Scene
    rollout: Rollout
    added: frozenset[str]
    world: World
    inbox: Sequence[Instruction]
    watch: Watch
    now: int

    @property
    def told(self) -> dict[str, Machine]:
        """The machines as a look would show them now."""
        return {one.id: one for one in self.world.shown}

    def is_current(self, machine: Machine) -> bool:
        """Tell whether it needs no operation."""
        wanted = self.scene.wanted(self.rollout)
        is_current = self.scene.ground.is_current(machine, self.world.model, wanted)
        return is_current and not machine.is_failed

    def is_there(self, instance_id: str) -> bool:
        """Tell whether that very machine is in the set."""
        machine = self.told.get(instance_id)
        return machine is not None and machine.vm == self.rollout.machines.get(instance_id)

    def is_proven(self, instance_id: str) -> bool:
        """Tell whether it was seen to be well for long enough."""
        proof = self.rollout.health.min_healthy_time.total_seconds()
        return any(i == instance_id and self.now - at >= proof for i, at in self.watch.well)

    def serves(self, machine: Machine) -> bool:
        """Tell whether it is in service."""
        return machine.serves(self.rollout.health.source)


def named(ids: Sequence[str] | set[str] | frozenset[str]) -> str:
    """Return the ids in words."""
    return ", ".join(sorted(ids))


def left_out(ids: Sequence[str], facts: Facts) -> list[str]:
    """Return those that are there, could be operated on, and are outdated."""
    told = facts.told
    return [
        i
        for i in ids
        if facts.is_there(i)
        and not facts.is_current(told[i])
        and not told[i].is_protected
        and not (told[i].is_stopped and not told[i].is_failed)
    ]

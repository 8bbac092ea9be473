"""What can happen next, as a closed list: each with its words, and whether it is trouble.

Whatever only takes its time is free: it may happen at any moment, or never. Trouble is counted,
and how much of it there may be bounds what is explored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Group(StrEnum):
    """What kind of trouble it is; FREE is none."""

    FREE = "free"
    FAILURE = "failures"
    HEALTH = "health"
    SCALE = "scaling"
    OTHERS = "others"
    SERVICE = "service"
    CRASH = "crashes"
    PEOPLE = "people"


class Kind(StrEnum):
    """What can happen."""

    # Free, in the world.
    ENDS = "the operation on {ids} ends"
    DELIVERED = "the request for {ids} reaches the service after all"
    CATCHES_UP = "the list of instances has caught up"
    RECOVERS = "instance {ids} is healthy"
    OTHERS_END = "the operation of somebody else ends"
    # Free, of the process and of people.
    TIME = "time passes"
    ACCEPTED = "the service takes the request"
    PASSES = "it answers Successful"
    WAKES = "the Run is resumed"
    RESTS = "a minute passes"
    APPROVE = "somebody approves step {step}"
    GO_ON = "somebody tells the Run to go on"
    # Trouble with an operation.
    FAILS = "the operation ends, and has failed on {ids}, which is as it was"
    BREAKS = "the operation ends, and has failed on {ids}, which is out of service now"
    CANCELED = "the operation on {ids} is canceled before it did anything"
    STALE_FAILURE = "the operation on {ids} ends well, and says that it failed"
    STATUS_LOST = "nobody can ask any more how the operation on {ids} stands"
    LIST_BEHIND = "the operation on {ids} ends, and the list still shows what was before it"
    # Trouble with health, and by others.
    SICKENS = "instance {ids} falls sick"
    DELETED = "instance {ids} is deleted"
    REPLACED = "instance {ids} is deleted, and another machine gets its id"
    APPEARS = "a new instance {ids} appears"
    PROTECTED = "somebody protects instance {ids}"
    STOPPED = "somebody stops instance {ids}"
    UPGRADED = "somebody else upgrades instance {ids}"
    MODEL_CHANGED = "somebody changes the model"
    MODEL_TOUCHED = "somebody writes the model without changing it"
    OTHERS_BEGIN = "an operation of somebody else begins on the set"
    # Trouble with the service.
    UNSEEN = "time passes, and the service does not answer the look"
    FORBIDDEN = "time passes, and the look is refused for good"
    CONFLICT = "the service answers 409"
    THROTTLED = "the service answers 429, in 20 s again"
    REFUSED = "the service refuses the request for good"
    ETAG = "somebody has just written the model: the service answers 412"
    REPLY_LOST = "the request is carried out, and its reply is lost"
    REQUEST_LOST = "the request is lost on its way, and nobody can tell"
    REQUEST_LATE = "the reply is lost, and the request is still on its way"
    ACCEPTED_BEHIND = "the service takes the request, and the list still shows what was before it"
    ANSWERS_FAILED = "it answers Failed"
    ANSWERS_INCONCLUSIVE = "it answers Inconclusive"
    ANSWERS_ERROR = "it cannot be measured"
    # The process dies.
    DIES = "the process dies"
    DIES_WRITING = "time passes, and the process dies after {step} more lines of its journal"
    DIES_INTENDED = "the process dies after it wrote the intent down, before the request"
    DIES_SENT = "the request is carried out, and the process dies before it hears so"
    # People.
    ABORT = "somebody aborts the Run"
    HOLD = "somebody pauses the Run"
    ROLL_BACK = "somebody asks to roll back"
    REJECT = "somebody says no at step {step}"
    APPROVE_OTHER = "somebody approves step {step} of another Rollout"
    RESUME = "somebody resumes the Run"
    RESUME_BACK = "somebody rolls the Run back"


_GROUPS: dict[Group, tuple[Kind, ...]] = {
    Group.FAILURE: (
        Kind.FAILS,
        Kind.BREAKS,
        Kind.CANCELED,
        Kind.STALE_FAILURE,
        Kind.ANSWERS_FAILED,
        Kind.ANSWERS_INCONCLUSIVE,
        Kind.ANSWERS_ERROR,
    ),
    Group.HEALTH: (Kind.SICKENS,),
    Group.SCALE: (Kind.DELETED, Kind.REPLACED, Kind.APPEARS),
    Group.OTHERS: (
        Kind.PROTECTED,
        Kind.STOPPED,
        Kind.UPGRADED,
        Kind.MODEL_CHANGED,
        Kind.MODEL_TOUCHED,
        Kind.OTHERS_BEGIN,
        Kind.ETAG,
    ),
    Group.SERVICE: (
        Kind.STATUS_LOST,
        Kind.LIST_BEHIND,
        Kind.UNSEEN,
        Kind.FORBIDDEN,
        Kind.CONFLICT,
        Kind.THROTTLED,
        Kind.REFUSED,
        Kind.REPLY_LOST,
        Kind.REQUEST_LOST,
        Kind.REQUEST_LATE,
        Kind.ACCEPTED_BEHIND,
    ),
    Group.CRASH: (Kind.DIES, Kind.DIES_WRITING, Kind.DIES_INTENDED, Kind.DIES_SENT),
    Group.PEOPLE: (
        Kind.ABORT,
        Kind.HOLD,
        Kind.ROLL_BACK,
        Kind.REJECT,
        Kind.APPROVE_OTHER,
        Kind.RESUME,
        Kind.RESUME_BACK,
    ),
}
_GROUP_OF = {kind: group for group, kinds in _GROUPS.items() for kind in kinds}


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens: to which instances, at which step.

    `number` is the request it is about, 0 for none. For DIES_WRITING `step` counts lines.
    """

    kind: Kind
    ids: tuple[str, ...] = ()
    step: int = 0
    number: int = 0

    @property
    def group(self) -> Group:
        """What kind of trouble it is."""
        return _GROUP_OF.get(self.kind, Group.FREE)

    @property
    def is_trouble(self) -> bool:
        """Tell whether it is counted."""
        return self.kind in _GROUP_OF

    def __str__(self) -> str:
        """Render for people."""
        return self.kind.format(ids=", ".join(self.ids) or "the model", step=self.step)

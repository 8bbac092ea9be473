"""The core of apply: pure `decide` and `evolve`. Time is an argument, nothing is touched.

`decide` says what to do next, from the Rollout, what has happened, and what is live now;
`evolve` says what is true after an Event. Resume is `evolve` over the journal, then going on.
"""

from vmssplan.engine.decision import (
    Command,
    Finish,
    Look,
    Record,
    ReimageInstances,
    UpgradeInstances,
    Wait,
    WriteModel,
    decide,
)
from vmssplan.engine.events import Event
from vmssplan.engine.state import Live, Outcome, Phase, Progress, RunState, evolve, replay

__all__ = [
    "Command",
    "Event",
    "Finish",
    "Live",
    "Look",
    "Outcome",
    "Phase",
    "Progress",
    "Record",
    "ReimageInstances",
    "RunState",
    "UpgradeInstances",
    "Wait",
    "WriteModel",
    "decide",
    "evolve",
    "replay",
]

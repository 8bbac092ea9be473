"""The core of apply: pure `decide` and `evolve`. Time is an argument, nothing is touched.

`decide` says what to do next, from what has happened, what is live now, and what people say;
`evolve` says what is true after an Event. Resume is `evolve` over the journal, then going on.
"""

from vmssplan.engine.commands import (
    Command,
    Finish,
    Look,
    Measure,
    PinBounds,
    Record,
    ReimageInstances,
    RestoreBounds,
    RunProgram,
    UpgradeInstances,
    Wait,
    Write,
    WriteModel,
)
from vmssplan.engine.decision import decide
from vmssplan.engine.events import Event
from vmssplan.engine.evolution import evolve, replay
from vmssplan.engine.progress import Phase, Progress
from vmssplan.engine.state import Live, Outcome, Pins, RunState

__all__ = [
    "Command",
    "Event",
    "Finish",
    "Live",
    "Look",
    "Measure",
    "Outcome",
    "Phase",
    "PinBounds",
    "Pins",
    "Progress",
    "Record",
    "ReimageInstances",
    "RestoreBounds",
    "RunProgram",
    "RunState",
    "UpgradeInstances",
    "Wait",
    "Write",
    "WriteModel",
    "decide",
    "evolve",
    "replay",
]

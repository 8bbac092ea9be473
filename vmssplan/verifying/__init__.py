"""A model checker of the scheduler: every way a small set can fare, driven by the real engine.

What is explored is an abstract world in which anything may happen between two looks, and the very
`decide` and `evolve` that apply uses. `world` is that world and what a look at it shows, `moves`
what can happen, `nature` what it does to the world, `process` the executor's loop without a
service, `judging` what must be true at every request and every event, `stepping` one move from one
situation to the next, `keys` which situations are the same, `exploring` the search, `reducing` how
a large set becomes a small one, `story` a counterexample told again, and `bound` what holds for
any size.
"""

from vmssplan.verifying.bound import Bound, bound_of
from vmssplan.verifying.exploring import Explored, Limits, explore
from vmssplan.verifying.facts import MEANINGS, Breach, Property
from vmssplan.verifying.moves import Group, Kind, Move
from vmssplan.verifying.reducing import Small, made_up, reduce_set
from vmssplan.verifying.scene import ENGINE, Scene, Scheduler, scene_of
from vmssplan.verifying.stepping import Situation, begin, moves_of, take
from vmssplan.verifying.story import Chapter, tell

__all__ = [
    "ENGINE",
    "MEANINGS",
    "Bound",
    "Breach",
    "Chapter",
    "Explored",
    "Group",
    "Kind",
    "Limits",
    "Move",
    "Property",
    "Scene",
    "Scheduler",
    "Situation",
    "Small",
    "begin",
    "bound_of",
    "explore",
    "made_up",
    "moves_of",
    "reduce_set",
    "scene_of",
    "take",
    "tell",
]

"""Makes a Case in which something does not hold as small as it can be, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.swarm.cases import Case, Life

T = TypeVar("T")
OPTIONAL = (
    "strategy",
    "availability",
    "health",
    "failure",
    "gates",
    "hooks",
    "autoscale",
    "onScale",
)
MOST_TRIES = 2000


def shrink(case: Case, fails: Callable[[Case], bool]) -> Case:
    """Return a Case that still fails, and none of whose simpler ones does."""
    tries = 0
    is_smaller = True
    while is_smaller and tries < MOST_TRIES:
        is_smaller = False
        for simpler in simpler_ones(case):
            tries += 1
            if fails(simpler):
                case, is_smaller = simpler, True
                break
    return case


def simpler_ones(case: Case) -> Iterator[Case]:
    """Yield every Case with one thing less, the greatest simplifications first."""
    for lives in _shorter(case.lives):
        if lives:
            yield replace(case, lives=lives)
    for number, life in enumerate(case.lives):
        for simpler in _simpler_lives(life):
            lives = (*case.lives[:number], simpler, *case.lives[number + 1 :])
            yield replace(case, lives=lives)
    yield from (replace(case, others=others) for others in _shorter(case.others))
    yield from (replace(case, people=people) for people in _shorter(case.people))
    yield from (replace(case, answers=answers) for answers in _shorter(case.answers) if answers)
    yield from (replace(case, world=world) for world in _simpler_worlds(case.world))
    yield from (replace(case, plan=plan) for plan in _simpler_plans(case.plan))


def _shorter(items: Sequence[T]) -> Iterator[tuple[T, ...]]:
    for number in range(len(items)):
        yield (*items[:number], *items[number + 1 :])


def _simpler_lives(life: Life) -> Iterator[Life]:
    if life.dies is not None:
        yield replace(life, dies=None)
    if life.rest:
        yield replace(life, rest=0)
    if life.waits:
        yield replace(life, waits=False)
    if life.rolls_back:
        yield replace(life, rolls_back=False)


def _without(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in raw.items() if name != key}


def _simpler_worlds(world: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for faults in _shorter(world.get("faults", ())):
        yield {**world, "faults": list(faults)}
    for number, rule in enumerate(world.get("faults", ())):
        for simpler in _simpler_rules(rule):
            faults = world["faults"]
            yield {**world, "faults": [*faults[:number], simpler, *faults[number + 1 :]]}
    for key in ("zones", "autoscale", "model", "upgradePolicy", "overrides"):
        if key in world:
            yield _without(world, key)
    for key in ("options", "overrides"):
        for name in world.get(key, {}):
            yield {**world, key: _without(world[key], name)}
    actions = world.get("autoscale", {}).get("actions", ())
    for fewer in _shorter(actions):
        yield {**world, "autoscale": {**world["autoscale"], "actions": list(fewer)}}
    last = str(world["capacity"] - 1)
    if world["capacity"] > 1 and last not in world.get("overrides", {}):
        yield {**world, "capacity": world["capacity"] - 1}


def _simpler_rules(rule: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key in ("match", "when"):
        for name in rule.get(key, {}):
            yield {**rule, key: _without(rule[key], name)}
    for name, values in rule.get("match", {}).items():
        for fewer in _shorter(values):
            if fewer:
                yield {**rule, "match": {**rule["match"], name: list(fewer)}}


def _simpler_plans(plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key in OPTIONAL:
        if key not in plan:
            continue
        yield _without(plan, key)
        if isinstance(plan[key], dict):
            for name in plan[key]:
                yield {**plan, key: _without(plan[key], name)}
        elif isinstance(plan[key], list):
            for fewer in _shorter(plan[key]):
                yield {**plan, key: list(fewer)}
    for number, gate in enumerate(plan.get("gates", ())):
        for name in sorted(gate.keys() - {"after", "approval", "http", "command"}):
            gates = [*plan["gates"][:number], _without(gate, name), *plan["gates"][number + 1 :]]
            yield {**plan, "gates": gates}
    for name in sorted(plan["model"].keys() - {"image"}):
        yield {**plan, "model": _without(plan["model"], name)}

"""From a seed to a Case. One stream of randomness: the same seed is the same Case for ever."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.support.values import TARGET
from tests.swarm.cases import Case, Deed, Life, Saying
from tests.swarm.trouble import draw_faults
from tests.worlds import NEW, OLD, image
from vmssplan.model import OrderKey, StrategyType

LATEST = 4000
"""Seconds after the start at which somebody may still do something."""
OTHER = "1.9.5"
"""An image that only others want."""
OTHER_SIZE = "Standard_D4s_v5"


def draw_case(seed: int) -> Case:
    """Return the Case of this seed."""
    random = Random(f"swarm {seed}")  # noqa: S311 - no secrets, but the same in every process
    is_stormy = _sometimes(random, 0.4)
    world = _world(random, is_stormy=is_stormy)
    plan = _plan(random, world["capacity"])
    return Case(
        seed,
        world,
        plan,
        tuple(_deeds(random, world, is_stormy=is_stormy)),
        tuple(_sayings(random)),
        tuple(_lives(random, is_stormy=is_stormy)),
        tuple(_answers(random)),
    )


def _sometimes(random: Random, probability: float) -> bool:
    return random.random() < probability


def _world(random: Random, *, is_stormy: bool) -> dict[str, Any]:
    capacity = random.choice([1, 2, 2, 3, 3, 4, 4, 5, 6, 8, 10, 12])
    options: dict[str, Any] = {
        "concurrentOperations": random.choice(["conflict", "disjoint"]),
        "throttling": _sometimes(random, 0.3),
        "failedOperationFailsScaleSet": _sometimes(random, 0.5),
        "initializingHealth": _sometimes(random, 0.5),
        "protectedInstances": random.choice(["skip", "refuse"]),
        "reimageAppliesModel": not _sometimes(random, 0.1),
        "updateDomainCount": random.choice([1, 2, 3, 5]),
        "instancePageSize": random.choice([2, 5, 100]),
        "whileRolling": random.choice(["refuse", "preempt"]),
    }
    world: dict[str, Any] = {
        "capacity": capacity,
        "applicationHealth": _sometimes(random, 0.6),
        "options": options,
        "faults": draw_faults(
            random, capacity, random.randint(2, 5) if is_stormy else random.choice([0, 0, 1, 2])
        ),
    }
    if _sometimes(random, 0.5):
        world["zones"] = random.choice([["1"], ["1", "2"], ["1", "2", "3"]])
    if _sometimes(random, 0.3):
        world["autoscale"] = {
            "minimum": random.randint(0, capacity),
            "maximum": capacity + random.randint(0, 4),
            "default": capacity,
            "actions": [
                {"at": _span(random, LATEST), "capacity": random.randint(0, capacity + 4)}
                for _ in range(random.randint(0, 2))
            ],
        }
    if _sometimes(random, 0.15):
        spot = {"priority": "Spot", "evictionPolicy": random.choice(["Deallocate", "Delete"])}
        world["model"] = {"properties": {"virtualMachineProfile": spot}}
    if _sometimes(random, 0.05):
        world["upgradePolicy"] = random.choice(["Automatic", "Rolling"])
    overrides = {}
    for _ in range(random.choice([0, 0, 1, 2])):
        overrides[str(random.randrange(capacity))] = _override(
            random, has_health=world["applicationHealth"]
        )
    if overrides:
        world["overrides"] = overrides
    return world


def _override(random: Random, *, has_health: bool) -> dict[str, Any]:
    states: list[dict[str, Any]] = [
        {"protection": {"fromScaleSetActions": True}},
        {"power": "deallocated"},
        {"power": "stopped"},
        {"provisioning": "Failed"},
        {"image": image(NEW)},
        {"latestModelApplied": False},
    ]
    if has_health:
        states += [{"health": "unhealthy"}, {"provisioning": "Failed", "health": "unhealthy"}]
    return random.choice(states)


def _span(random: Random, longest: int) -> str:
    return f"PT{random.randint(0, longest)}S"


def _amount(random: Random, total: int) -> int | str:
    if _sometimes(random, 0.5):
        return random.randint(1, total)
    return f"{random.choice([10, 20, 34, 50, 100])}%"


def _plan(random: Random, capacity: int) -> dict[str, Any]:
    kind = random.choice(list(StrategyType))
    strategy: dict[str, Any] = {
        "type": kind.value,
        "method": random.choice(["upgrade", "upgrade", "reimage"]),
        "pauseTimeBetweenBatches": random.choice(["PT0S", "PT0S", "PT30S", "PT5M"]),
    }
    if kind in (StrategyType.FIXED_BATCH, StrategyType.SLIDING_WINDOW):
        count = 1 if kind is StrategyType.SLIDING_WINDOW else random.randint(1, 3)
        strategy["batchSize"] = [_amount(random, capacity) for _ in range(count)]
    if _sometimes(random, 0.3):
        by = random.sample(list(OrderKey), random.randint(0, 3))
        strategy["order"] = {
            "unhealthyFirst": _sometimes(random, 0.5),
            "by": [each.value for each in by],
        }
    if _sometimes(random, 0.15):
        chosen = random.sample(range(capacity), random.randint(1, capacity))
        strategy[random.choice(["include", "exclude"])] = {"instanceIds": [str(i) for i in chosen]}
    model: dict[str, Any] = {"image": image(NEW)}
    if _sometimes(random, 0.1):
        model["vmSize"] = OTHER_SIZE
    if _sometimes(random, 0.15):
        model["upgradePolicy"] = "Manual"
    plan: dict[str, Any] = {
        "metadata": {"name": "web"},
        "target": {
            "subscriptionId": TARGET.subscription_id,
            "resourceGroup": TARGET.resource_group,
            "scaleSet": TARGET.name,
        },
        "model": model,
        "strategy": strategy,
        "availability": _availability(random, capacity),
        "health": {
            "minHealthyTime": random.choice(["PT0S", "PT30S", "PT3M"]),
            "deadline": random.choice(["PT2M", "PT10M", "PT10M", "PT30M"]),
        },
        "failure": {
            "maxFailedInstances": random.choice([0, 0, 0, 1, 2]),
            "onFailure": random.choice(["freeze", "rollback"]),
        },
        "autoscale": random.choice(["pin", "pin", "pin", "ignore"]),
        "onScale": random.choice(["absorb", "absorb", "absorb", "refuse"]),
    }
    if _sometimes(random, 0.1):
        plan["health"]["source"] = "instanceView"
    elif _sometimes(random, 0.1):
        plan["health"] |= {"source": "command", "command": {"run": ["./health.sh"]}}
    if _sometimes(random, 0.4):
        plan["gates"] = [_gate(random) for _ in range(random.randint(1, 2))]
    hooks = {
        name: {"run": [f"./{name}.sh"]}
        for name in ("beforeBatch", "afterBatch")
        if _sometimes(random, 0.25)
    }
    if hooks:
        plan["hooks"] = hooks
    return plan


def _availability(random: Random, capacity: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    match random.randrange(3):
        case 0:
            found["maxUnavailable"] = _amount(random, capacity)
        case 1:
            found["minInService"] = _amount(random, capacity)
    if _sometimes(random, 0.4):
        found["maxConcurrentOperations"] = random.randint(1, 3)
    return found


def _gate(random: Random) -> dict[str, Any]:
    gate: dict[str, Any] = {"after": random.choice(["each batch", "batch 1", "batch 2"])}
    match random.randrange(3):
        case 0:
            gate["approval"] = {"message": "well?"}
            return gate
        case 1:
            gate["http"] = {"url": "https://status.invalid/ready"}
        case _:
            gate["command"] = {"run": ["./smoke.sh"]}
    for name, values in (
        ("initialDelay", ["PT0S", "PT1M"]),
        ("interval", ["PT10S", "PT2M"]),
        ("consecutiveSuccesses", [1, 2, 3]),
        ("failureLimit", [0, 1]),
        ("inconclusiveLimit", [0, 2]),
        ("consecutiveErrorLimit", [0, 2]),
    ):
        if _sometimes(random, 0.4):
            gate[name] = random.choice(values)
    return gate


def _deeds(random: Random, world: dict[str, Any], *, is_stormy: bool) -> list[Deed]:
    deeds = []
    latest = LATEST // 3 if is_stormy else LATEST
    for _ in range(random.randint(1, 7) if is_stormy else random.choice([0, 0, 0, 1, 2])):
        does, given = _deed(random, world["capacity"])
        if _sometimes(random, 0.3):
            deeds.append(Deed(does, given, before_write=random.randint(1, 12)))
        else:
            deeds.append(Deed(does, given, at=random.randint(0, latest)))
    return deeds


def _deed(random: Random, capacity: int) -> tuple[str, dict[str, Any]]:
    ids = [str(i) for i in random.sample(range(capacity + 2), random.randint(1, min(3, capacity)))]
    least = random.randint(0, capacity)
    deeds: list[tuple[str, dict[str, Any]]] = [
        ("setCapacity", {"capacity": random.randint(0, capacity + 4)}),
        ("setCapacity", {"capacity": capacity + random.randint(1, 3)}),
        ("delete", {"instanceIds": ids}),
        ("protect", {"instanceIds": ids}),
        ("unprotect", {"instanceIds": ids}),
        ("upgrade", {"instanceIds": ids}),
        ("reimage", {"instanceIds": ids}),
        ("restart", {"instanceIds": ids}),
        ("powerOff", {"instanceIds": ids}),
        ("start", {"instanceIds": ids}),
        ("deallocate", {"instanceIds": ids}),
        ("evict", {"instanceIds": ids[:1]}),
        ("tag", {"tags": {"touched": "yes"}}),
        ("setImage", {"version": random.choice([OLD, NEW, OTHER, OTHER])}),
        ("setSize", {"vmSize": OTHER_SIZE}),
        ("setPolicy", {"mode": random.choice(["Automatic", "Rolling", "Manual"])}),
        ("setAutoscale", {"minimum": least, "maximum": capacity + random.randint(0, 4)}),
        ("deleteAutoscale", {}),
        ("startRollingUpgrade", {}),
    ]
    return random.choice(deeds)


def _sayings(random: Random) -> list[Saying]:
    words = ["approve", "approve", "reject", "hold", "hold", "goOn", "abort", "rollBack"]
    count = random.choice([0, 0, 0, 0, 1, 1, 2, 3])
    said = [Saying(random.choice(words), random.randint(0, LATEST)) for _ in range(count)]
    return sorted(said, key=lambda one: one.at)


def _lives(random: Random, *, is_stormy: bool) -> list[Life]:
    lives = [
        Life(
            dies=random.choice([None, random.randint(1, 30), random.randint(1, 300)]),
            rest=random.choice([0, 0, 1, 20, 45, 300, 3600]),
            waits=_sometimes(random, 0.4),
        )
        for _ in range(random.randint(1, 4) if is_stormy else random.choice([0, 0, 1]))
    ]
    last = Life(waits=_sometimes(random, 0.4))
    lives.append(last)
    if _sometimes(random, 0.2):
        lives.append(Life(dies=random.choice([None, random.randint(1, 60)]), rolls_back=True))
        lives.append(last)
    return lives


def _answers(random: Random) -> list[str]:
    words = ["Successful", "Successful", "Successful", "Failed", "Inconclusive", "Error"]
    answers = [random.choice(words) for _ in range(random.choice([0, 0, 1, 3, 6]))]
    return [*answers, random.choice(["Successful", "Successful", "Successful", "Failed"])]

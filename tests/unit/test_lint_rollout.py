"""What only the computed Rollout tells: what stops it, and whether it can end."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.values import (
    at_most,
    current,
    instance,
    instances,
    minutes,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.lint import lint_rollout
from vmssplan.model import (
    CommandProbe,
    Failure,
    Gate,
    Health,
    HealthState,
    Hooks,
    HttpProbe,
    OnFailure,
    ScaleSet,
    Selector,
)

PROBE = HttpProbe("https://web.invalid/ok")
PAIRS = strategy("fixedBatch", 2)
SICK = {"application_health": HealthState.UNHEALTHY}


def sick(*ids: str, of: int) -> ScaleSet:
    """Return a set in which these instances are not healthy."""
    return scale_set(instance(str(n), **(SICK if str(n) in ids else {})) for n in range(of))


def heads(live: ScaleSet, boot: float | None = None, **changes: Any) -> list[str]:
    """Return the findings about a Rollout without their sentences."""
    made = rollout(live, **changes)
    found = lint_rollout(made, None if boot is None else seconds(boot))
    return [f"{one.severity} {one.rule} {one.path}" for one in found]


@pytest.mark.parametrize(
    ("live", "changes", "expected"),
    [
        pytest.param(scale_set(4), {}, [], id="nothing wrong"),
        pytest.param(
            scale_set([current("0"), current("1")]),
            {"failure": Failure(9)},
            [],
            id="nothing to upgrade",
        ),
        pytest.param(
            scale_set(4),
            {"failure": Failure(4), "availability": at_most(4)},
            ["warning abort-never-triggers failure.maxFailedInstances"],
            id="all may fail",
        ),
        pytest.param(
            scale_set([instance("0"), *(current(str(n)) for n in range(1, 4))]),
            {"failure": Failure(1)},
            ["warning abort-never-triggers failure.maxFailedInstances"],
            id="the only one left may fail",
        ),
        pytest.param(
            scale_set(4),
            {"failure": Failure(4), "availability": at_most(4), "gates": (Gate(PROBE),)},
            [],
            id="all may fail, but a gate asks the application",
        ),
        pytest.param(
            scale_set(4),
            {"failure": Failure(2), "strategy": PAIRS},
            ["warning floor-stops-first failure.maxFailedInstances"],
            id="two may fail, and no more than two may be out",
        ),
        pytest.param(
            scale_set(4),
            {"failure": Failure(1), "strategy": PAIRS},
            [],
            id="one of two may fail",
        ),
        pytest.param(
            scale_set(4),
            {"failure": Failure(3), "strategy": PAIRS, "availability": at_most(4)},
            ["warning abort-comes-last failure.maxFailedInstances"],
            id="three of four may fail",
        ),
        pytest.param(
            sick("3", of=4),
            {"strategy": strategy(exclude=Selector(("3",)))},
            ["error floor-stuck availability"],
            id="the floor is broken by one that is left out",
        ),
        pytest.param(
            sick("0", "3", of=4),
            {"strategy": strategy(exclude=Selector(("3",)))},
            ["warning floor-stops-midway availability"],
            id="one can be cured, and then there is no room",
        ),
        pytest.param(
            sick("0", "3", of=4), {}, ["warning floor-broken availability"], id="all can be cured"
        ),
        pytest.param(
            sick("3", of=4),
            {"strategy": strategy("fixedBatch", 2, exclude=Selector(("3",)))},
            [],
            id="room for one is room enough for a batch of two",
        ),
        pytest.param(
            sick("3", of=4),
            {
                "strategy": strategy("fixedBatch", 2, exclude=Selector(("3",))),
                "hooks": Hooks(CommandProbe(("./drain",))),
            },
            ["error floor-stuck availability"],
            id="unless the whole batch has to be drained together",
        ),
    ],
)
def test_what_ends_it(live: ScaleSet, changes: dict[str, Any], expected: list[str]) -> None:
    """The abort rule, the floor, or nothing."""
    assert heads(live, **changes) == expected


@pytest.mark.parametrize(("away", "rule"), [(("3",), "awaits-others"), (("2", "3"), "stuck")])
def test_what_others_work_on_comes_back(away: tuple[str, ...], rule: str) -> None:
    """Where that makes room, the floor is only waited for."""
    live = scale_set(
        instance("3", provisioning_state="Updating")
        if number == "3"
        else instance(number, **(SICK if number in away else {}))
        for number in "0123"
    )
    made = rollout(live, strategy=strategy(exclude=Selector(away)))
    [found] = lint_rollout(made, busy=1)

    assert found.rule == f"floor-{rule}"


def test_a_floor_that_stops_first_rolls_nothing_back() -> None:
    """Where a rollback was meant to follow, that is said."""
    changes: dict[str, Any] = {"strategy": PAIRS, "failure": Failure(2, OnFailure.ROLLBACK)}
    (found,) = lint_rollout(rollout(scale_set(4), **changes))

    assert found.message == (
        "instances that fail stay out of service, and the floor is reached with 2: more than 2"
        " never fail, so the floor stops a bad image, and nothing is rolled back"
    )
    assert found.fix == "use 1 or less"


@pytest.mark.parametrize(
    ("boot", "health", "expected"),
    [
        (None, Health(), []),
        (600, Health(), []),
        (601, Health(), ["warning deadline-shorter-than-boot health.deadline"]),
        (601, Health(deadline=minutes(20)), []),
    ],
)
def test_a_deadline_shorter_than_the_boot(
    boot: float | None, health: Health, expected: list[str]
) -> None:
    """It is found where somebody has measured how long health takes here."""
    assert heads(scale_set(4), boot, health=health) == expected


def test_nobody_knows_how_long_other_sources_of_health_take() -> None:
    """The instance view is healthy with the end of the operation."""
    bare = [instance(one.instance_id, application_health=None) for one in instances(2)]

    assert heads(scale_set(bare, has_application_health=False), 9_999) == []

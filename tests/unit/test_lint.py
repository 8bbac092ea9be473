"""Each rule finds what it is for, at the right key, and nothing in a good Plan."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.copying import replace
from vmssplan.lint import Finding, Severity, lint_plan, lint_target
from vmssplan.model import (
    Amount,
    ApprovalGate,
    AutomaticRepairs,
    Availability,
    CommandProbe,
    Gate,
    Health,
    HealthSource,
    HttpProbe,
    Instance,
    Method,
    ModelFields,
    OrchestrationMode,
    Plan,
    PlatformActions,
    PlatformImage,
    ResourceImage,
    ScaleSet,
    ScaleSetId,
    Selector,
    Strategy,
    StrategyType,
    UpgradeMode,
    UriImage,
)

TARGET = ScaleSetId("00000000-0000-0000-0000-000000000001", "myrg", "web")
JAMMY = PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "22.04.202611010")
REPAIRS = AutomaticRepairs(timedelta(minutes=10), "Replace")
PLAN = Plan("web", TARGET, ModelFields(image=JAMMY))
APPROVAL = ApprovalGate("go on?")
PROBE = HttpProbe("https://example.com/ready")


def scale_set(count: int, *, domains: bool = True, **changes: object) -> ScaleSet:
    """Return a set of that many instances over five update domains and three zones."""
    instances = tuple(
        Instance(
            instance_id=str(number),
            vm_id=f"vm-{number}",
            image=JAMMY,
            exact_version=None,
            vm_size=None,
            latest_model_applied=True,
            update_domain=number % 5 if domains else None,
            fault_domain=number % 2 if domains else None,
            zone=str(number % 3 + 1) if domains else None,
        )
        for number in range(count)
    )
    live = ScaleSet(TARGET, "westeurope", '"1"', ModelFields(image=JAMMY), instances=instances)
    return replace(live, **changes)


def percent(value: int) -> Amount:
    """Return a percentage."""
    return Amount(value, percent=True)


def fixed(*sizes: Amount, **more: object) -> Strategy:
    """Return a fixedBatch strategy."""
    return Strategy(StrategyType.FIXED_BATCH, sizes, **more)  # type: ignore[arg-type]


def heads(findings: tuple[Finding, ...]) -> list[str]:
    """Return the findings without their sentences."""
    return [f"{each.severity} {each.rule} {each.path}" for each in findings]


PLAN_CASES = [
    pytest.param(PLAN, [], id="nothing wrong"),
    pytest.param(
        replace(PLAN, model=ModelFields()),
        ["error nothing-owned model"],
        id="no field of the model",
    ),
    pytest.param(
        replace(PLAN, model=ModelFields(upgrade_policy=UpgradeMode.ROLLING)),
        ["error upgrade-policy-not-manual model.upgradePolicy"],
        id="an upgrade policy by which Azure acts itself",
    ),
    pytest.param(
        replace(PLAN, model=ModelFields(image=replace(JAMMY, sku="${SKU}"))),
        ["warning variable-outside-target model.image.sku"],
        id="a variable in the model",
    ),
    pytest.param(
        replace(
            PLAN,
            health=Health(HealthSource.HTTP, http=HttpProbe("https://${HOST}/")),
            gates=(Gate(HttpProbe("https://${HOST}/")), Gate(ApprovalGate("${X}?"))),
        ),
        [
            "warning variable-outside-target health.http.url",
            "warning variable-outside-target gates[0].http.url",
        ],
        id="variables in addresses, not in questions",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=fixed(Amount(0), percent(120)),
            availability=Availability(max_unavailable=percent(0)),
        ),
        [
            "error amount-out-of-range strategy.batchSize[0]",
            "error percent-out-of-range strategy.batchSize[1]",
            "error percent-out-of-range availability.maxUnavailable",
            "warning batch-larger-than-floor strategy.batchSize[1]",
        ],
        id="amounts out of range",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=Strategy(
                include=Selector(instance_ids=("0", "1"), zones=("1",)),
                exclude=Selector(instance_ids=("1",), zones=("1", "2"), update_domains=(0,)),
            ),
        ),
        [
            "error contradictory-selectors strategy.exclude.instanceIds",
            "error contradictory-selectors strategy.exclude.zones",
        ],
        id="included and excluded",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=Strategy(
                StrategyType.SLIDING_WINDOW,
                (Amount(2),),
                pause_time_between_batches=timedelta(minutes=1),
            ),
            gates=(Gate(APPROVAL, 1),),
        ),
        [
            "error pause-in-sliding-window strategy.pauseTimeBetweenBatches",
            "error gate-in-sliding-window gates[0].after",
        ],
        id="batches in a window",
    ),
    pytest.param(
        replace(
            PLAN,
            model=ModelFields(image=UriImage("https://a.example/b.vhd")),
            strategy=Strategy(method=Method.REIMAGE),
        ),
        ["error reimage-without-version strategy.method"],
        id="reimage of an image without version",
    ),
    pytest.param(
        replace(
            PLAN,
            model=ModelFields(vm_size="Standard_D2s_v5"),
            strategy=Strategy(method=Method.REIMAGE),
        ),
        ["error reimage-without-version strategy.method"],
        id="reimage without image",
    ),
    pytest.param(
        replace(
            PLAN,
            model=ModelFields(image=ResourceImage("/subscriptions/s/galleries/g/images/i")),
            strategy=Strategy(method=Method.REIMAGE),
        ),
        [],
        id="reimage to the latest version of a gallery image, which is pinned",
    ),
    pytest.param(
        replace(PLAN, availability=Availability(min_in_service=percent(100))),
        ["error impossible-floor availability.minInService"],
        id="all must stay in service",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=fixed(Amount(1), Amount(3)),
            availability=Availability(max_unavailable=Amount(2)),
        ),
        ["warning batch-larger-than-floor strategy.batchSize[1]"],
        id="a batch that will be split",
    ),
    pytest.param(
        replace(PLAN, health=Health(HealthSource.HTTP, command=CommandProbe(("./check.sh",)))),
        [
            "error health-probe-missing health.source",
            "warning health-probe-unused health.command",
        ],
        id="the wrong probe",
    ),
    pytest.param(
        replace(
            PLAN,
            health=Health(min_healthy_time=timedelta(minutes=5), deadline=timedelta(minutes=4)),
        ),
        [],
        id="healthy in time may be proven after the deadline",
    ),
    pytest.param(
        replace(PLAN, health=Health(deadline=timedelta(seconds=9))),
        ["warning deadline-too-short health.deadline"],
        id="the first look is the last",
    ),
]


@pytest.mark.parametrize(("plan", "expected"), PLAN_CASES)
def test_lint_plan(plan: Plan, expected: list[str]) -> None:
    """A Plan that contradicts itself is told so without any scale set."""
    assert heads(lint_plan(plan)) == expected


def strategy_plan(strategy: Strategy, availability: Availability | None = None) -> Plan:
    """Return the Plan with another strategy and floor."""
    return replace(PLAN, strategy=strategy, availability=availability or Availability())


def gates_plan(last: int, strategy: Strategy, availability: Availability | None = None) -> Plan:
    """Return a Plan with gates after the last batch and the one that follows."""
    gates = (Gate(APPROVAL), Gate(APPROVAL, last), Gate(APPROVAL, last + 1))
    return replace(strategy_plan(strategy, availability), gates=gates)


TARGET_CASES = [
    pytest.param(
        replace(PLAN, availability=Availability(max_unavailable=percent(20))),
        scale_set(4),
        ["warning share-below-one availability.maxUnavailable"],
        id="a fifth of four",
    ),
    pytest.param(
        replace(PLAN, availability=Availability(max_unavailable=percent(20))),
        scale_set(5),
        [],
        id="a fifth of five",
    ),
    pytest.param(
        replace(PLAN, strategy=fixed(Amount(1), percent(20))),
        scale_set(4),
        ["warning share-below-one strategy.batchSize[1]"],
        id="a batch of a fifth of four, with nothing else to say what may be out",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=fixed(percent(20)),
            availability=Availability(max_unavailable=Amount(1)),
        ),
        scale_set(4),
        [],
        id="a batch of a fifth of four, and one may be out",
    ),
    pytest.param(PLAN, scale_set(4), [], id="nothing wrong"),
    pytest.param(
        strategy_plan(Strategy(StrategyType.PER_UPDATE_DOMAIN)),
        scale_set(4, domains=False, orchestration_mode=OrchestrationMode.FLEXIBLE),
        ["error update-domain-on-flexible strategy.type"],
        id="update domains on Flexible",
    ),
    *(
        pytest.param(
            strategy_plan(Strategy(strategy)),
            scale_set(4, domains=False),
            [f"error {rule} strategy.type"],
            id=rule,
        )
        for strategy, rule in (
            (StrategyType.PER_UPDATE_DOMAIN, "update-domains-missing"),
            (StrategyType.PER_FAULT_DOMAIN, "fault-domains-missing"),
            (StrategyType.PER_ZONE, "zones-missing"),
        )
    ),
    pytest.param(
        strategy_plan(Strategy(StrategyType.PER_ZONE)), scale_set(4), [], id="zones are there"
    ),
    pytest.param(
        replace(PLAN, health=Health(HealthSource.APPLICATION_HEALTH)),
        scale_set(4),
        ["error application-health-missing health.source"],
        id="no application health extension",
    ),
    pytest.param(
        replace(PLAN, health=Health(HealthSource.APPLICATION_HEALTH)),
        scale_set(4, has_application_health=True),
        [],
        id="an application health extension",
    ),
    pytest.param(
        replace(PLAN, availability=Availability(min_in_service=Amount(4))),
        scale_set(4),
        ["error impossible-floor availability.minInService"],
        id="a floor as high as the set",
    ),
    pytest.param(
        replace(PLAN, availability=Availability(min_in_service=percent(80))),
        scale_set(1),
        ["error impossible-floor availability.minInService"],
        id="a share of one is one",
    ),
    pytest.param(
        replace(PLAN, availability=Availability(min_in_service=percent(80))),
        scale_set(4),
        ["warning floor-rounded-down availability.minInService"],
        id="a share is rounded down",
    ),
    pytest.param(
        strategy_plan(fixed(Amount(2), percent(50)), Availability(max_unavailable=percent(20))),
        scale_set(12),
        [],
        id="a batch as large as allowed, and one that is judged without the set",
    ),
    pytest.param(
        strategy_plan(fixed(Amount(3)), Availability(max_unavailable=percent(20))),
        scale_set(12),
        ["warning batch-larger-than-floor strategy.batchSize"],
        id="a number larger than a share",
    ),
    pytest.param(
        strategy_plan(fixed(percent(50), Amount(1)), Availability(min_in_service=percent(75))),
        scale_set(12),
        ["warning batch-larger-than-floor strategy.batchSize[0]"],
        id="a batch below the floor",
    ),
    pytest.param(
        strategy_plan(Strategy(include=Selector(("0", "9"), (7,), zones=("3", "4")))),
        scale_set(4),
        [
            "error unknown-instance strategy.include.instanceIds[1]",
            "warning selector-unmatched strategy.include.updateDomains[0]",
            "warning selector-unmatched strategy.include.zones[1]",
        ],
        id="selectors that match nothing",
    ),
    pytest.param(
        strategy_plan(Strategy(exclude=Selector(fault_domains=(0, 1)))),
        scale_set(4),
        ["error selection-empty strategy.exclude"],
        id="all excluded",
    ),
    pytest.param(
        strategy_plan(Strategy(include=Selector(zones=("9",)))),
        scale_set(4),
        [
            "warning selector-unmatched strategy.include.zones[0]",
            "error selection-empty strategy.include",
        ],
        id="none included",
    ),
    pytest.param(PLAN, scale_set(0), [], id="an empty scale set"),
    *(
        pytest.param(
            PLAN,
            scale_set(count, platform=PlatformActions(os_upgrades=True)),
            ["error automatic-os-upgrade target"],
            id=f"Azure upgrades {count} by itself",
        )
        for count in (0, 4)
    ),
    pytest.param(
        replace(PLAN, health=Health(deadline=timedelta(minutes=11))),
        scale_set(4, platform=PlatformActions(repairs=REPAIRS)),
        ["warning repaired-before-deadline health.deadline"],
        id="repaired before the deadline",
    ),
    pytest.param(
        replace(PLAN, health=Health(deadline=timedelta(minutes=10))),
        scale_set(4, platform=PlatformActions(repairs=REPAIRS)),
        [],
        id="given up before it is repaired",
    ),
    *(
        pytest.param(
            gates_plan(last, strategy, availability),
            scale_set(12),
            ["error gate-after-last-batch gates[2].after"],
            id=f"{name} has {last} batches",
        )
        for name, last, strategy, availability in (
            ("perInstance", 12, Strategy(), None),
            ("perInstance on some", 2, Strategy(include=Selector(("0", "4"))), None),
            ("perUpdateDomain", 5, Strategy(StrategyType.PER_UPDATE_DOMAIN), None),
            (
                "perUpdateDomain, split",
                7,
                Strategy(StrategyType.PER_UPDATE_DOMAIN),
                Availability(max_unavailable=Amount(2)),
            ),
            ("a ramp", 5, fixed(Amount(1), Amount(5), percent(20)), None),
        )
    ),
    pytest.param(
        replace(
            strategy_plan(Strategy(StrategyType.SLIDING_WINDOW, (Amount(2),))),
            gates=(Gate(APPROVAL, 99),),
        ),
        scale_set(4),
        [],
        id="a window has no batches, which is judged without the set",
    ),
    pytest.param(
        replace(
            PLAN, gates=(Gate(APPROVAL, 99),), availability=Availability(min_in_service=Amount(4))
        ),
        scale_set(4),
        ["error impossible-floor availability.minInService"],
        id="no batch at all is one problem, not two",
    ),
]


@pytest.mark.parametrize(("plan", "live", "expected"), TARGET_CASES)
def test_lint_target(plan: Plan, live: ScaleSet, expected: list[str]) -> None:
    """A Plan that does not fit the live scale set is told so."""
    assert heads(lint_target(plan, live)) == expected


def test_findings_say_what_to_do() -> None:
    """A finding names both amounts in full, and what to change."""
    plan = replace(PLAN, availability=Availability(min_in_service=percent(99)))

    (finding,) = lint_target(plan, scale_set(1))

    assert finding == Finding(
        "impossible-floor",
        Severity.ERROR,
        "availability.minInService",
        "99% (= 1) of 1 instances must stay in service, so none can ever be upgraded",
        "lower minInService so that at least one instance may be out of service",
    )


def test_no_finding_comes_twice() -> None:
    """What is found without the scale set is not found again with it."""
    plan = strategy_plan(
        fixed(percent(50), Amount(9)),
        Availability(min_in_service=percent(100)),
    )

    assert lint_target(plan, scale_set(12)) == ()
    assert heads(lint_plan(plan)) == ["error impossible-floor availability.minInService"]

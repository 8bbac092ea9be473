"""Rules about what a Plan asks and runs: probes, gates, hooks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.copying import replace
from tests.support.values import NEW_IMAGE, TARGET, instance, scale_set
from vmssplan.lint import lint_plan, lint_target
from vmssplan.model import (
    Amount,
    CommandProbe,
    Counting,
    Gate,
    Health,
    HealthSource,
    Hooks,
    HttpProbe,
    Instance,
    ModelFields,
    OrchestrationMode,
    Plan,
    ProbeScope,
    Strategy,
    StrategyType,
)

PLAN = Plan("web", TARGET, ModelFields(image=NEW_IMAGE))
PROBE = HttpProbe("https://example.com/ready")
EACH = ProbeScope.INSTANCE
SECRETS = (
    "sig=abc",
    "a=b&token=abc",
    "access_token=abc",
    "code=abc",
    "x-functions-key=1&api-key=abc",
    "Password=abc",
    "a=b;client_secret=abc",
)
CASES = [
    pytest.param(
        replace(
            PLAN,
            gates=(
                Gate(
                    PROBE,
                    None,
                    Counting(
                        consecutive_successes=4,
                        interval=timedelta(minutes=1),
                        deadline=timedelta(minutes=3),
                    ),
                ),
                Gate(
                    PROBE,
                    None,
                    Counting(consecutive_successes=62, interval=timedelta(minutes=1)),
                ),
            ),
        ),
        ["error gate-deadline-too-short gates[1].deadline"],
        id="a gate that is given up before it can pass",
    ),
    pytest.param(
        replace(
            PLAN,
            strategy=Strategy(StrategyType.SLIDING_WINDOW, (Amount(2),)),
            hooks=Hooks(CommandProbe(("./drain.sh",)), CommandProbe(("./undrain.sh",))),
        ),
        [
            "error hook-in-sliding-window hooks.beforeBatch",
            "error hook-in-sliding-window hooks.afterBatch",
        ],
        id="hooks in a window",
    ),
    pytest.param(
        replace(
            PLAN,
            health=Health(
                HealthSource.HTTP,
                http=HttpProbe("http://{privateIpAddress}:8080/{instanceId}", scope=EACH),
            ),
            gates=(
                Gate(HttpProbe("https://{computerName}.example.com/{zone}/{vmId}", scope=EACH)),
                Gate(HttpProbe("https://example.com/ready?stage=test&since=5m")),
            ),
            hooks=Hooks(after_batch=CommandProbe(("./undrain.sh",))),
        ),
        [],
        id="all that an address may name",
    ),
    pytest.param(
        replace(
            PLAN,
            gates=(
                Gate(HttpProbe("https://{host}/{instanceID}", scope=EACH)),
                Gate(HttpProbe("https://{instanceId}.example.com")),
                Gate(HttpProbe("https://{}/")),
                Gate(HttpProbe("https://example.com/ready", scope=EACH)),
            ),
        ),
        [
            "error unknown-placeholder gates[0].http.url",
            "error unknown-placeholder gates[0].http.url",
            "error placeholder-without-instance gates[1].http.url",
            "error unknown-placeholder gates[2].http.url",
            "warning same-address-for-all gates[3].http.url",
        ],
        id="placeholders out of place",
    ),
    pytest.param(
        replace(
            PLAN,
            health=Health(http=HttpProbe("https://me:secret@example.com/")),
            gates=tuple(Gate(HttpProbe(f"https://example.com/ready?{query}")) for query in SECRETS),
        ),
        [
            "warning health-probe-unused health.http",
            "error secret-in-address health.http.url",
            *(
                f"error secret-in-address gates[{index}].http.url"
                for index, _ in enumerate(SECRETS)
            ),
        ],
        id="addresses that carry a secret",
    ),
    pytest.param(
        replace(
            PLAN,
            gates=(
                Gate(PROBE, counting=Counting(interval=timedelta(0))),
                Gate(replace(PROBE, timeout=timedelta(0))),
                Gate(replace(PROBE, timeout=timedelta(minutes=5))),
            ),
            hooks=Hooks(CommandProbe(("./drain.sh",), timedelta(0))),
        ),
        [
            "error timeout-too-short gates[1].http.timeout",
            "error timeout-too-short hooks.beforeBatch.timeout",
            "error interval-too-short gates[0].interval",
        ],
        id="no time, while a timeout may be longer than the interval",
    ),
]


@pytest.mark.parametrize(("plan", "expected"), CASES)
def test_what_is_asked_and_run(plan: Plan, expected: list[str]) -> None:
    """Each mistake is found at its key, and what is allowed is let alone."""
    found = lint_plan(plan)

    assert [f"{each.severity} {each.rule} {each.path}" for each in found] == expected


def test_a_secret_is_named_and_not_shown() -> None:
    """The finding says which parameter, and nothing of its value."""
    probe = HttpProbe("https://example.com/ready?a=b&access_token=hunter2")

    (found,) = lint_plan(replace(PLAN, gates=(Gate(probe),)))

    assert "`access_token`" in found.message
    assert "hunter2" not in f"{found.message} {found.fix}"


def test_placeholders_that_this_set_has_no_value_for() -> None:
    """A Flexible set knows no addresses, and a regional one no zones."""
    probe = HttpProbe("http://{privateIpAddress}/{zone}/{instanceId}", scope=EACH)
    asking = replace(PLAN, gates=(Gate(probe),))
    regional = [instance(str(number), zone=None) for number in range(3)]
    zonal = [instance(str(number), zone="1") for number in range(3)]
    flexible = OrchestrationMode.FLEXIBLE

    def found(instances: list[Instance], **changes: OrchestrationMode) -> list[str]:
        findings = lint_target(asking, scale_set(instances, **changes))
        return [f"{each.rule} {each.path} {each.message[:18]}" for each in findings]

    rule = "placeholder-without-value gates[0].http.url"
    assert found(zonal) == []
    assert found(regional) == [f"{rule} {{zone}} is not know"]
    assert found(zonal, orchestration_mode=flexible) == [f"{rule} {{privateIpAddress}}"]

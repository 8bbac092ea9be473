"""A Rollout as text: golden files of the everyday ones, and what must hold for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.copying import replace
from tests.support.reports import regional, twelve
from tests.support.values import (
    NEW_IMAGE,
    OLD_IMAGE,
    SIZE,
    at_most,
    autoscale_setting,
    current,
    instance,
    instances,
    minutes,
    plan,
    rollout,
    scale_set,
    seconds,
    strategy,
)
from vmssplan.model import (
    ApprovalGate,
    Autoscale,
    CommandProbe,
    Counting,
    Failure,
    Gate,
    Health,
    HealthSource,
    HealthState,
    Hooks,
    HttpProbe,
    Method,
    ModelFields,
    OnFailure,
    OnScale,
    PlatformImage,
    ResourceImage,
    Selector,
    UpgradeMode,
    UriImage,
)
from vmssplan.report.paint import PLAIN, Paint
from vmssplan.report.text import plan_line, rollout_text

if TYPE_CHECKING:
    from tests.support.golden import Golden
    from vmssplan.rollout import Rollout


def ramp() -> Rollout:
    """Return a canary, then five, then a fifth at a time."""
    how = strategy("fixedBatch", 1, 5, "20%", pause_time_between_batches=minutes(10))
    return rollout(regional(20), strategy=how, availability=at_most(5))


def split_domain() -> Rollout:
    """Return update domains that are larger than what may be unavailable."""
    live = scale_set(replace(one, zone=None) for one in instances(15))
    return rollout(live, strategy=strategy("perUpdateDomain"), availability=at_most(2))


def window() -> Rollout:
    """Return a sliding window over a zonal set."""
    return rollout(scale_set(9), strategy=strategy("slidingWindow", 3))


def thousand() -> Rollout:
    """Return a fifth of a thousand at a time."""
    how = strategy("fixedBatch", "20%")
    return rollout(regional(1000), strategy=how, availability=at_most("20%"))


def long_window() -> Rollout:
    """Return a sliding window over more instances than have a line each."""
    return rollout(regional(45), strategy=strategy("slidingWindow", 10))


def all_reasons() -> Rollout:
    """Return a set in which instances are left alone for every reason there is."""
    members = [
        instance("0"),
        current("1"),
        current("2"),
        instance("3", protected_from_scale_set_actions=True),
        instance("4"),
        instance("5", provisioning_state="Updating"),
        instance("6", power_state="deallocated"),
        instance("7", power_state="stopped"),
        instance("8"),
        instance("9", application_health=HealthState.UNHEALTHY),
    ]
    chosen = Selector(instance_ids=tuple("012345679"))
    how = strategy(include=chosen, exclude=Selector(instance_ids=("4",)))
    return rollout(regional(members), strategy=how)


def nothing_to_do() -> Rollout:
    """Return a set that is what the Plan wants, but for a protected instance."""
    members = [current("0"), current("1"), instance("2", protected_from_scale_set_actions=True)]
    live = replace(regional(members), model=ModelFields(NEW_IMAGE, SIZE, UpgradeMode.MANUAL))
    return rollout(live)


def new_size() -> Rollout:
    """Return a Plan that owns nothing but the size."""
    return rollout(regional(4), model=ModelFields(vm_size="Standard_D4s_v5"))


def policy_only() -> Rollout:
    """Return a set whose policy is not Manual, and whose instances lag behind the model."""
    members = [replace(one, latest_model_applied=False) for one in instances(2)]
    live = replace(regional(members), model=ModelFields(OLD_IMAGE, SIZE, UpgradeMode.AUTOMATIC))
    return rollout(live, model=ModelFields(OLD_IMAGE, upgrade_policy=UpgradeMode.MANUAL))


def gates() -> Rollout:
    """Return a Rollout with every kind of step between, and everything said in the header."""
    return rollout(
        regional(3),
        (autoscale_setting(2, 20),),
        strategy=strategy(method=Method.REIMAGE, pause_time_between_batches=seconds(90)),
        health=Health(HealthSource.HTTP, http=HttpProbe("https://web.invalid/health")),
        failure=Failure(2, OnFailure.ROLLBACK),
        autoscale=Autoscale.PIN,
        gates=(
            Gate(ApprovalGate("canary looks right?"), 1),
            Gate(HttpProbe("https://web.invalid/ok", 204)),
            Gate(CommandProbe(("./smoke.sh", "--quick")), None, Counting(failure_limit=1)),
        ),
        hooks=Hooks(CommandProbe(("./drain.sh",)), CommandProbe(("./undrain.sh",))),
        on_scale=OnScale.REFUSE,
    )


def no_way_back() -> Rollout:
    """Return a Rollout that cannot be taken back, and says so where it writes the model."""
    return rollout(regional(2), missing_image="image 1.9.0 is no longer there")


def blob() -> Rollout:
    """Return a Rollout from one blob to another, with addresses too long for a line."""
    stem = "https://legacyimages.blob.core.windows.net/images/a-folder/and-another"
    old, new = UriImage(f"{stem}/app-v1.vhd"), UriImage(f"{stem}/app-v2.vhd")
    members = [replace(one, image=old, exact_version=None) for one in instances(2)]
    live = replace(regional(members), model=ModelFields(old, SIZE, UpgradeMode.MANUAL))
    return rollout(live, image=new)


def other_form() -> Rollout:
    """Return a Rollout from a marketplace image to one of a gallery."""
    gallery = (
        "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/images"
        "/providers/Microsoft.Compute/galleries/golden/images/web/versions/1.4.0"
    )
    return rollout(regional(2), image=ResourceImage(gallery))


EXAMPLES = {
    "fixed-batch-12": twelve,
    "ramp": ramp,
    "update-domain-split": split_domain,
    "sliding-window": window,
    "sliding-window-45": long_window,
    "thousand": thousand,
    "all-skip-reasons": all_reasons,
    "nothing-to-do": nothing_to_do,
    "new-size": new_size,
    "policy-only": policy_only,
    "gates": gates,
    "no-way-back": no_way_back,
    "long-addresses": blob,
    "other-image-form": other_form,
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_golden(name: str, golden: Golden) -> None:
    """The whole Rollout reads as it did when somebody was content with it."""
    golden.check(f"rollout-{name}", rollout_text(EXAMPLES[name](), paint=PLAIN, width=80))


def test_wide(golden: Golden) -> None:
    """A wide terminal is used: nothing is shortened that fits."""
    golden.check("rollout-long-addresses-wide", rollout_text(blob(), paint=PLAIN, width=140))


@pytest.mark.parametrize("name", EXAMPLES)
def test_colour_adds_nothing(name: str) -> None:
    """Without its escape codes the coloured text is the plain one."""
    made = EXAMPLES[name]()
    coloured = rollout_text(made, paint=Paint.ansi(), width=80)

    assert "\x1b[" in coloured
    assert _without_codes(coloured) == rollout_text(made, paint=PLAIN, width=80)


def test_plain_has_no_codes() -> None:
    """Plain text has no escape codes, whatever the names and reasons contain."""
    evil = replace(instance("0"), exact_version="1.9\x1b[31m\nx")
    text = rollout_text(rollout(regional([evil, instance("1")])), paint=PLAIN, width=80)

    assert "\x1b" not in text
    assert "runs 1.9 [31m x" in text


@pytest.mark.parametrize(
    ("made", "line"),
    [
        pytest.param(
            twelve(),
            "Plan: 1 model field to change; 9 instances to upgrade in 3 batches,"
            " 1 skipped, 2 current.",
            id="plural",
        ),
        pytest.param(
            rollout(regional([instance("0")])),
            "Plan: 1 model field to change; 1 instance to upgrade in 1 batch,"
            " 0 skipped, 0 current.",
            id="singular",
        ),
        pytest.param(
            window(),
            "Plan: 1 model field to change; 9 instances to upgrade in a window of 3,"
            " 0 skipped, 0 current.",
            id="window",
        ),
        pytest.param(
            gates(),
            "Plan: 1 model field to change; 3 instances to reimage in 3 batches,"
            " 0 skipped, 0 current.",
            id="reimage",
        ),
        pytest.param(
            nothing_to_do(),
            "Plan: 0 model fields to change; 0 instances to upgrade in 0 batches,"
            " 1 skipped, 2 current.",
            id="nothing",
        ),
    ],
)
def test_plan_line(made: Rollout, line: str) -> None:
    """The line that scripts look for is the last but one, in good English."""
    assert plan_line(made) == line
    assert rollout_text(made, paint=PLAIN, width=80).splitlines()[-2] == line


def test_no_changes() -> None:
    """Nothing to do is said first, in a sentence."""
    text = rollout_text(nothing_to_do(), paint=PLAIN, width=80)

    assert text.startswith("No changes. web: 2 instances current, 1 skipped.\n")
    assert text.endswith("Predicted: never below 3 of 3 in service.\n")


@pytest.mark.parametrize(
    ("made", "symbol"),
    [
        pytest.param(twelve(), "-/+", id="new image"),
        pytest.param(new_size(), "~", id="new size"),
        pytest.param(policy_only(), "~", id="same image, model not applied"),
        pytest.param(
            rollout(
                regional(1),
                model=ModelFields(vm_size="Standard_D4s_v5"),
                strategy=strategy(method=Method.REIMAGE),
            ),
            "-/+",
            id="new size by reimage",
        ),
        pytest.param(
            rollout(
                replace(
                    regional([instance("0", latest_model_applied=False)]),
                    model=ModelFields(NEW_IMAGE, SIZE, UpgradeMode.MANUAL),
                ),
                model=ModelFields(vm_size=SIZE),
            ),
            "-/+",
            id="image in the model already",
        ),
        pytest.param(
            rollout(
                replace(
                    regional([instance("0", latest_model_applied=False)]),
                    model=ModelFields(
                        PlatformImage("Contoso", "server", "gen2"), SIZE, UpgradeMode.MANUAL
                    ),
                ),
                model=ModelFields(vm_size=SIZE),
            ),
            "~",
            id="latest, which an upgrade does not move",
        ),
    ],
)
def test_symbol_is_true(made: Rollout, symbol: str) -> None:
    """An instance is shown as replaced only when it gets a new OS disk."""
    text = rollout_text(made, paint=PLAIN, width=80)
    rows = [line.split() for line in text.splitlines() if "  UD 0  FD 0 " in line]

    assert rows[0][:2] == [symbol, "0"]


def test_legend_has_only_what_is_used() -> None:
    """A symbol that does not occur is not explained."""
    text = rollout_text(rollout(regional(2)), paint=PLAIN, width=80)
    legend = text.partition("\n\n")[0]

    assert legend.splitlines()[1:] == [
        "    ~  model field to change",
        "  -/+  instance to upgrade: its OS disk is replaced",
    ]


def test_names_the_sick() -> None:
    """An instance that is out of service already is marked as such."""
    sick = instance("1", application_health=HealthState.UNHEALTHY)
    text = rollout_text(rollout(regional([instance("0"), sick])), paint=PLAIN, width=80)

    assert "1  UD 1  FD 1  not in service  runs 1.9.0" in text


def test_plan_name_is_told() -> None:
    """The Plan's own name heads the target."""
    made = rollout(regional(1))

    assert f"Rollout {plan().name}\n" in rollout_text(made, paint=PLAIN, width=80)


def _without_codes(text: str) -> str:
    for code in {*Paint.ansi().codes.values(), "\x1b[0m"}:
        text = text.replace(code, "")
    return text

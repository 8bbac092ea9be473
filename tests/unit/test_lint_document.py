"""docs/lint.md, the table of rules and the code say the same; each example triggers its rule."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.values import START, instance, instances, scale_set
from vmssplan.errors import DocumentInvalid
from vmssplan.lint import (
    RULES,
    LintRule,
    Offered,
    image_missing,
    lint_plan,
    lint_rollout,
    lint_service,
    lint_target,
)
from vmssplan.lint.catalogue import Reads
from vmssplan.model import (
    AutomaticRepairs,
    Deprecation,
    HealthState,
    OrchestrationMode,
    PlatformActions,
    ScaleSet,
)
from vmssplan.planfile import read_plan
from vmssplan.rollout import compute_rollout

if TYPE_CHECKING:
    from vmssplan.planfile.loaded import LoadedPlan

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "lint.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"### `([a-z-]+)`\n\n(.*?)(?=\n##|\Z)", DOCUMENT, re.DOTALL))
MODEL = "model: {image: {publisher: Contoso, offer: server, sku: gen2, version: 1.10.0}}\n"
HEAD = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
"""
SCHEMA_SAYS_IT = {
    "nothing-owned",
    "upgrade-policy-not-manual",
    "amount-out-of-range",
    "percent-out-of-range",
}
"""The lint has these for Plans that come from no file; a file is refused before."""


def sick(*ids: str) -> ScaleSet:
    """Return four instances of which these are sick."""
    return scale_set(
        instance(str(n), application_health=HealthState.UNHEALTHY) if str(n) in ids else one
        for n, one in enumerate(instances(4))
    )


def busy(*ids: str) -> ScaleSet:
    """Return four instances; somebody works on these."""
    return scale_set(
        instance(str(n), provisioning_state="Updating") if str(n) in ids else one
        for n, one in enumerate(instances(4))
    )


def without(field: str) -> ScaleSet:
    """Return four instances without that domain."""
    return scale_set(instance(str(number), **{field: None}) for number in range(4))


FLEXIBLE = scale_set(4, orchestration_mode=OrchestrationMode.FLEXIBLE)
REPAIRS = AutomaticRepairs(timedelta(minutes=10), "Replace")
SETS = {
    "update-domain-on-flexible": FLEXIBLE,
    "placeholder-without-value": FLEXIBLE,
    "update-domains-missing": without("update_domain"),
    "fault-domains-missing": without("fault_domain"),
    "zones-missing": without("zone"),
    "application-health-missing": scale_set(4, has_application_health=False),
    "automatic-os-upgrade": scale_set(4, platform=PlatformActions(os_upgrades=True)),
    "repaired-before-deadline": scale_set(4, platform=PlatformActions(repairs=REPAIRS)),
    "floor-stuck": sick("3"),
    "floor-awaits-others": busy("3"),
    "floor-stops-midway": sick("0", "3"),
    "floor-broken": sick("0", "1"),
}
OFFERED = {
    "image-deprecated": Offered(Deprecation(is_over=True, at=START)),
    "image-deprecation-scheduled": Offered(Deprecation(is_over=False, at=START)),
    "size-not-available": Offered(sizes=("Standard_D2s_v5",)),
}


def loaded(rule: str) -> LoadedPlan:
    """Return the example of a rule as a Plan."""
    (block,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[rule], re.DOTALL)
    model = "" if re.search(r"^model:", block, re.MULTILINE) else MODEL
    return read_plan(HEAD + model + block, "plan.yaml", {})


def found(rule: LintRule) -> list[tuple[str, str, str]]:
    """Return rule, severity and place of all that is found in its example."""
    plan = loaded(rule.rule_id).plan
    live = SETS.get(rule.rule_id, scale_set(4))
    match rule.reads:
        case Reads.PLAN:
            findings = lint_plan(plan)
        case Reads.SET:
            findings = lint_target(plan, live)
        case Reads.SERVICE if rule.rule_id == "image-missing":
            findings = (image_missing(plan.model.image, "there is none", None),)
        case Reads.SERVICE:
            findings = lint_service(plan.model, OFFERED[rule.rule_id])
        case Reads.ROLLOUT:
            boot = timedelta(minutes=2) if rule.rule_id == "deadline-shorter-than-boot" else None
            worked_on = sum(one.is_busy for one in live.instances)
            findings = lint_rollout(compute_rollout(plan, live, plan.model), boot, worked_on)
    return [(one.rule, one.severity, one.path) for one in findings]


def test_every_rule_of_the_code_is_in_the_table_and_in_the_document() -> None:
    """Once each, and nothing else."""
    source = "".join(
        path.read_text("utf-8") for path in sorted((ROOT / "vmssplan" / "lint").glob("*_rules.py"))
    )
    used = set(re.findall(r"\b(?:error|warning)\(\s*\"([a-z-]+)\"", source))
    used |= set(re.findall(r"PER_\w+: \(\"([a-z-]+)\"", source))
    table = [rule.rule_id for rule in RULES]

    assert used == set(table)
    assert len(table) == len(set(table))
    assert list(SECTIONS) == table


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_the_document_says_what_the_table_says(rule: LintRule) -> None:
    """Severity, what is found, what to do."""
    text = " ".join(SECTIONS[rule.rule_id].split())

    assert text.startswith(f"{rule.severity.value.capitalize()}: {rule.finds}. Fix: {rule.fix}.")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_each_example_triggers_its_rule(rule: LintRule) -> None:
    """With its severity, at a key of the Plan that can be pointed at."""
    if rule.rule_id in SCHEMA_SAYS_IT:
        with pytest.raises(DocumentInvalid):
            loaded(rule.rule_id)
        return
    mine = [one for one in found(rule) if one[0] == rule.rule_id]

    assert mine, found(rule)
    assert {one[1] for one in mine} == {rule.severity}
    assert all(loaded(rule.rule_id).place(one[2]) >= (1, 1) for one in mine)

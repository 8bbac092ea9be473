"""Rules of a team: what holds is silent, what does not is found, what cannot be told an error."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.values import rollout, scale_set, strategy
from vmssplan.errors import DocumentInvalid
from vmssplan.lint import Severity
from vmssplan.planfile import load_plans, read_plan
from vmssplan.planfile.build import plan_of
from vmssplan.policy import Variable
from vmssplan.policy.defaults import with_defaults
from vmssplan.policy.judging import judge, unanswered
from vmssplan.policy.loading import load_policy, read_policy
from vmssplan.policy.worker import answers
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from vmssplan.planfile import LoadedPlan
    from vmssplan.policy import Policy

PLANS = Path(__file__).parents[2] / "plans"
PLAN = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
model: {vmSize: Standard_D2s_v5}
"""
HEAD = """\
apiVersion: vmssplan/v1
kind: Policy
rules:
"""


def plan(more: str = "") -> LoadedPlan:
    """Return a Plan with these keys."""
    return read_plan(PLAN + more, "plan.yaml", {})


def policy(*rules: str) -> Policy:
    """Return a Policy of rules that are called r0, r1, ..."""
    lines = [
        f"  - {{id: r{number}, severity: deny, message: no, {rule}}}\n"
        for number, rule in enumerate(rules)
    ]
    return read_policy(HEAD + "".join(lines), "policy.yaml")


def found(given: Policy, loaded: LoadedPlan) -> list[str]:
    """Return rule and place of what does not hold."""
    return [f"{one.rule} {one.path}".strip() for one in judge(given, loaded)]


def problems_of(text: str) -> list[str]:
    """Return what is wrong with a Policy."""
    with pytest.raises(DocumentInvalid) as caught:
        read_policy(text, "policy.yaml")
    return [str(one) for one in caught.value.problems]


def test_what_holds_and_what_does_not() -> None:
    """A schema points at what does not fit it, an expression where it says, defaults count."""
    rules = policy(
        "schema: {properties: {autoscale: {const: pin}}}",
        "schema: {properties: {autoscale: {const: refuse}}}",
        "schema: {properties: {gates: {items: {properties: {interval: {const: PT1M}}}}}}",
        "schema: {required: [hooks]}",
        "cel: 'plan.failure.maxFailedInstances == 0'",
        "cel: 'plan.failure.maxFailedInstances > 0', path: failure.maxFailedInstances",
        "cel: 'plan.failure.maxFailedInstances > 0'",
        "cel: 'false', when: 'plan.metadata.name.startsWith(\"prod\")'",
        "cel: 'seconds(plan.health.deadline) >= 600.0'",
        "cel: 'plan.strategy.type == \"perInstance\"'",
    )
    gates = "gates: [{after: each batch, http: {url: 'https://web.invalid/'}}]\n"

    assert found(rules, plan(gates)) == [
        "r1 autoscale",
        "r2 gates[0].interval",
        "r3",
        "r5 failure.maxFailedInstances",
        "r6",
    ]


def test_a_finding_says_what_to_do() -> None:
    """It carries the rule's own words, and where the rule stands when it names no fix."""
    text = (
        HEAD
        + """\
  - {id: one, severity: deny, message: "not so", fix: do otherwise, cel: "1 > 2"}
  - id: two
    severity: warn
    message: >
      and not
      so
    cel: "1 > 2"
"""
    )
    one, two = judge(read_policy(text, "policy.yaml"), plan())

    assert (one.severity, one.message, one.fix) == (Severity.ERROR, "not so", "do otherwise")
    assert (two.severity, two.message) == (Severity.WARNING, "and not so")
    assert two.fix == "see rule two in policy.yaml:5"


def test_the_rollout_and_the_live_set_can_be_spoken_of() -> None:
    """In the words of their documents; without them such rules are only read."""
    rules = policy(
        "cel: 'rollout.bounds.maxUnavailable * 5 <= rollout.bounds.total'",
        "cel: 'live.instances.all(i, i.zone != \"9\") && size(live.instances) == 4'",
        "cel: 'plan.metadata.name != \"rollout\"'",
        "cel: 'rollout.steps.filter(s, s.type == \"UpgradeBatch\").size() == 4'",
    )
    live = scale_set(4)
    made = rollout(live, strategy=strategy("perInstance"))

    assert [one.rule for one in judge(rules, plan(), live, made)] == ["r0"]
    assert [one.rule_id for one in unanswered(rules, [Variable.PLAN])] == ["r0", "r1", "r3"]
    assert judge(rules, plan()) == ()


@pytest.mark.parametrize(
    ("rule", "place", "reason"),
    [
        ("cel: '1 +'", "rules[0].cel", "Syntax error"),
        ("cel: 'live.nothing +'", "rules[0].cel", "Syntax error"),
        ("cel: 'nobody == 1'", "rules[0].cel", "nobody"),
        ("cel: 'plan.nothing == 1'", "rules[0].cel", "there is no key 'nothing'; ask with has"),
        ("cel: 'plan.failure.maxFailedInstances'", "rules[0].cel", "must be true or false"),
        ("cel: '1 / 0 == 1'", "rules[0].cel", "zero"),
        ("cel: 'seconds(\"soon\") > 1.0'", "rules[0].cel", "soon"),
        ("cel: 'true', when: '\"yes\"'", "rules[0].when", "must be true or false, and is str"),
        ("schema: {$ref: 'https://web.invalid/schema'}", "rules[0].schema", "nresolvable"),
        ("schema: {$ref: '#/$defs/none'}", "rules[0].schema", "/$defs/none"),
        ("schema: {pattern: x, $ref: '#'}", "rules[0].schema", "recursion"),
    ],
)
def test_what_cannot_be_told_is_an_error(rule: str, place: str, reason: str) -> None:
    """It never passes: the rule, its place and the reason are named."""
    with pytest.raises(DocumentInvalid) as caught:
        judge(policy(rule), plan())

    (problem,) = caught.value.problems
    assert problem.path == place
    assert problem.line == 4
    assert reason in problem.message, problem.message


def test_other_rules_are_still_judged_when_one_cannot_be() -> None:
    """All that cannot be told is told at once."""
    with pytest.raises(DocumentInvalid) as caught:
        judge(policy("cel: 'a == 1'", "cel: 'true'", "cel: 'b == 1'"), plan())

    assert [one.path for one in caught.value.problems] == ["rules[0].cel", "rules[2].cel"]


def test_no_expression_can_hold_the_program() -> None:
    """What takes for ever is ended, and the rule that took it is named."""
    row = ", ".join(str(number) for number in range(60))
    endless = "true"
    for name in "abcdefg":
        endless = f"[{row}].all({name}, {endless})"
    rules = policy("cel: 'true'", f"cel: '{endless}'")

    with pytest.raises(DocumentInvalid) as caught:
        judge(rules, plan(), limit_seconds=5)

    (problem,) = caught.value.problems
    assert problem.message == "it takes longer than 5 s"


def test_a_policy_says_where_it_is_wrong() -> None:
    """Unknown keys, two rules of one name, both kinds at once, a schema that is none."""
    assert problems_of(HEAD + "  - {id: a, severity: maybe, message: m, cel: 'true'}\n") == [
        'policy.yaml:4:23: rules[0].severity: expected deny or warn, got "maybe"'
    ]
    assert problems_of(
        HEAD + "  - {id: a, severity: deny, message: m, cel: '1', schema: {}}\n"
    ) == ["policy.yaml:4:5: rules[0]: expected exactly one of schema and cel; got cel and schema"]
    assert problems_of(HEAD + "  - {id: a, severity: deny, message: m, cel: '1'}\n" * 2) == [
        "policy.yaml:4:10: rules[0].id: 2 rules are called a",
        "policy.yaml:5:10: rules[1].id: 2 rules are called a",
    ]
    assert problems_of(HEAD + "  - {id: floor-stuck, severity: deny, message: m, cel: '1'}\n") == [
        "policy.yaml:4:10: rules[0].id: floor-stuck is a rule of the lint; use another id"
    ]
    (wrong,) = problems_of(HEAD + "  - {id: a, severity: deny, message: m, schema: {type: 7}}\n")
    assert wrong.startswith("policy.yaml:4:56: rules[0].schema.type: not a JSON Schema")
    assert problems_of("a: [") != []
    assert problems_of(HEAD.replace("Policy", "Plan") + "  []\n") != []
    assert problems_of("") == ["policy.yaml: expected one Policy, got 0 documents"]


def test_a_policy_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    """No file, no text, too much of it."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xff")
    (tmp_path / "big").write_text(" " * (1024 * 1024 + 1))
    for name in ("none", "binary", "big"):
        with pytest.raises(DocumentInvalid) as caught:
            load_policy(tmp_path / name)
        assert caught.value.problems[0].file == str(tmp_path / name)


@pytest.mark.parametrize(
    "file", sorted(PLANS.glob("*.yaml")), ids=lambda file: getattr(file, "name", "")
)
def test_filling_in_defaults_changes_no_plan(file: Path) -> None:
    """The document with its defaults is the same Plan, and still one by the schema."""
    (loaded,) = load_plans(
        [file], {"AZURE_SUBSCRIPTION_ID": "0" * 8 + "-0000-0000-0000-" + "0" * 12}
    )
    filled = with_defaults(loaded.value, schema("plan"))

    assert plan_of(filled) == loaded.plan
    assert with_defaults(filled, schema("plan")) == filled
    assert filled["failure"].keys() >= {"maxFailedInstances", "onFailure"}


@given(st.text(max_size=40))
def test_any_text_for_an_expression_is_answered(text: str) -> None:
    """True, false, or an error that says why: never silence, never an exception."""
    rule = {"schema": None, "cel": text, "when": None, "run": True}
    (answer,) = answers({"variables": {"plan": {}}, "rules": [rule]})

    assert answer.get("paths") in ([], [[]]) or answer["error"]

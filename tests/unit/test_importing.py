"""Strategies of other tools in our words: what they mean, and what is said to be lost."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.errors import DocumentInvalid
from vmssplan.importing import Imported, Tool, import_strategy, integers
from vmssplan.planfile import read_plan

KUBERNETES = {
    "kind": "Deployment",
    "spec": {
        "strategy": {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 0}},
        "minReadySeconds": 15,
        "progressDeadlineSeconds": 300,
    },
}
EXAMPLES: dict[Tool, dict[str, Any]] = {
    Tool.AZURE: {
        "properties": {
            "upgradePolicy": {
                "mode": "Rolling",
                "rollingUpgradePolicy": {
                    "maxBatchInstancePercent": 10,
                    "maxUnhealthyInstancePercent": 15,
                    "maxUnhealthyUpgradedInstancePercent": 5,
                    "pauseTimeBetweenBatches": "PT1M",
                    "prioritizeUnhealthyInstances": True,
                    "maxSurge": True,
                },
            }
        }
    },
    Tool.ASG: {
        "AutoScalingGroupName": "web",
        "Preferences": {
            "MinHealthyPercentage": 80,
            "InstanceWarmup": 120,
            "AutoRollback": True,
            "BakeTime": 600,
        },
    },
    Tool.MIG: {"updatePolicy": {"maxUnavailable": {"fixed": 3}, "minReadySec": 20}},
    Tool.KUBERNETES: KUBERNETES,
    Tool.NOMAD: {
        "update": {
            "max_parallel": 3,
            "canary": 1,
            "min_healthy_time": "1m30s",
            "healthy_deadline": "10m",
            "auto_revert": True,
        }
    },
    Tool.ARGO: {
        "spec": {
            "strategy": {
                "canary": {
                    "steps": [
                        {"setWeight": 10},
                        {"pause": {}},
                        {"setWeight": 40},
                        {"pause": {"duration": "10m"}},
                    ]
                }
            }
        }
    },
    Tool.ANSIBLE: {"hosts": "web", "serial": [1, 5, "20%"], "max_fail_percentage": 30},
}


def plan_with(imported: Imported) -> str:
    """Return a whole Plan that holds what was imported."""
    return json.dumps(
        {
            "apiVersion": "vmssplan/v1",
            "kind": "Plan",
            "metadata": {"name": "web"},
            "target": {
                "subscriptionId": "00000000-0000-0000-0000-000000000001",
                "resourceGroup": "myrg",
                "scaleSet": "web",
            },
            "model": {"vmSize": "Standard_D2s_v5"},
            **imported.plan,
        }
    )


@pytest.mark.parametrize("tool", list(Tool))
def test_what_is_imported_is_a_valid_part_of_a_plan(tool: Tool) -> None:
    """It passes the schema as it stands."""
    imported = import_strategy(tool, EXAMPLES[tool])

    plan = read_plan(plan_with(imported), "imported", {}).plan
    assert plan.strategy.batch_sizes


def test_azure_says_what_its_percentages_become() -> None:
    """Batches and pauses are the same; what its own upgrade alone knows is named."""
    imported = import_strategy(Tool.AZURE, EXAMPLES[Tool.AZURE])

    assert imported.plan["strategy"] == {
        "type": "fixedBatch",
        "batchSize": "10%",
        "pauseTimeBetweenBatches": "PT1M",
        "order": {"unhealthyFirst": True},
    }
    assert imported.plan["availability"] == {"maxUnavailable": "15%"}
    lost = " ".join(imported.notes)
    assert "maxSurge" in lost
    assert "maxUnhealthyUpgradedInstancePercent" in lost


def test_a_minimum_of_healthy_ones_becomes_a_maximum_of_others() -> None:
    """And what keeps going back goes back here too."""
    imported = import_strategy(Tool.ASG, EXAMPLES[Tool.ASG])

    assert imported.plan["availability"] == {"maxUnavailable": "20%"}
    assert imported.plan["health"] == {"minHealthyTime": "PT2M"}
    assert imported.plan["failure"] == {"onFailure": "rollback"}


def test_checkpoints_are_batches() -> None:
    """Each one is what is added to the one before."""
    policy = {"CheckpointPercentages": [10, 40, 100], "CheckpointDelay": 600}
    strategy = import_strategy(Tool.ASG, policy).plan["strategy"]

    assert strategy["batchSize"] == ["10%", "30%", "60%"]
    assert strategy["pauseTimeBetweenBatches"] == "PT10M"


def test_canaries_are_a_first_batch_with_an_approval() -> None:
    """Unless they promote themselves."""
    imported = import_strategy(Tool.NOMAD, EXAMPLES[Tool.NOMAD])

    assert imported.plan["strategy"]["batchSize"] == [1, 3]
    assert imported.plan["health"] == {"minHealthyTime": "PT1M30S", "deadline": "PT10M"}
    assert imported.plan["gates"][0]["after"] == "batch 1"
    alone = {"update": {**EXAMPLES[Tool.NOMAD]["update"], "auto_promote": True}}
    assert "gates" not in import_strategy(Tool.NOMAD, alone).plan


def test_nanoseconds_of_the_api_are_read_too() -> None:
    """Nomad's JSON writes times so."""
    policy = {"Job": {"Update": {"MaxParallel": 2, "MinHealthyTime": 30_000_000_000}}}

    imported = import_strategy(Tool.NOMAD, policy)
    assert imported.plan["health"]["minHealthyTime"] == "PT30S"
    assert imported.plan["strategy"]["batchSize"] == 2


def test_weights_are_shares_of_the_instances() -> None:
    """A pause without an end waits for a person."""
    imported = import_strategy(Tool.ARGO, EXAMPLES[Tool.ARGO])

    assert imported.plan["strategy"]["batchSize"] == ["10%", "30%", "60%"]
    assert imported.plan["gates"] == [{"after": "batch 1", "approval": {"message": "go on?"}}]


@pytest.mark.parametrize(
    ("tool", "document", "word"),
    [
        (Tool.KUBERNETES, {"spec": {"strategy": {"type": "Recreate"}}}, "Recreate"),
        (Tool.ANSIBLE, {"hosts": "web"}, "serial"),
        (Tool.ASG, {"Preferences": {"MinHealthyPercentage": "much"}}, "much"),
        (Tool.NOMAD, {"update": {"min_healthy_time": "soon"}}, "soon"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_was_expected(
    tool: Tool, document: dict[str, Any], word: str
) -> None:
    """Nothing is guessed."""
    with pytest.raises(DocumentInvalid, match=word) as caught:
        import_strategy(tool, document)
    assert caught.value.hint is not None


def test_the_integers_are_ours() -> None:
    """Rounded down, never below one."""
    plan = import_strategy(Tool.KUBERNETES, KUBERNETES).plan

    assert integers(plan, 7) == [
        ("strategy.batchSize", "25%", 1),
        ("availability.maxUnavailable", "25%", 1),
    ]
    assert integers(plan, 2)[0][2] == 1


@given(
    tool=st.sampled_from(list(Tool)),
    document=st.dictionaries(
        st.sampled_from(
            ["spec", "update", "Preferences", "updatePolicy", "serial", "strategy", "canary"]
        ),
        st.recursive(
            st.one_of(st.none(), st.integers(), st.text(max_size=5), st.booleans()),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["steps", "rollingUpdate", "maxUnavailable", "canary"]),
                    inner,
                    max_size=3,
                ),
            ),
            max_leaves=8,
        ),
        max_size=4,
    ),
)
def test_whatever_is_in_the_file_is_imported_or_refused(
    tool: Tool, document: dict[str, Any]
) -> None:
    """Never another error."""
    with suppress(DocumentInvalid):
        import_strategy(tool, document)

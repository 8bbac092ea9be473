"""Every mistake in a Plan file is named with its place, its key and what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmssplan.errors import DocumentInvalid
from vmssplan.planfile import load_plans

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
apiVersion: vmssplan/v1
kind: Plan
metadata: {name: web}
target: {subscriptionId: 00000000-0000-0000-0000-000000000001, resourceGroup: myrg, scaleSet: web}
"""
MODEL = "model: {vmSize: Standard_D2s_v5}\n"


def problems_of(tmp_path: Path, text: str) -> list[str]:
    """Return the problems of a file with this text, one line each."""
    file = tmp_path / "plan.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DocumentInvalid) as raised:
        load_plans([file], {})
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in raised.value.problems]


AMOUNT = 'expected a whole number of at least 1, or a percentage from "1%" to "100%"'
IMAGE = (
    "expected exactly one form of image: publisher, offer, sku and version; or id;"
    " or sharedGalleryImageId; or communityGalleryImageId; or uri"
)
DURATION = "expected a duration such as PT30S, PT2M or P1DT12H"

AFTER_HEAD = [
    pytest.param(
        MODEL + "gates: [{after: batch 1, approval: {message: go}, failureLimit: 1}]\n",
        ["6:65: gates[0].failureLimit: goes only with command or http; an approval is asked once"],
        id="a person is asked once",
    ),
    pytest.param(
        MODEL + "gates: [{after: batch 1, http: {url: 'https://a'}, consecutiveSucceses: 1}]\n",
        ["6:52: gates[0].consecutiveSucceses: unknown key (did you mean `consecutiveSuccesses`?)"],
        id="a misspelt count",
    ),
    pytest.param(
        MODEL + "gates: [{after: batch 1, http: {url: 'https://a'}, consecutiveSuccesses: 0}]\n",
        ["6:74: gates[0].consecutiveSuccesses: expected at least 1, got the number 0"],
        id="nothing measured never passes",
    ),
    pytest.param(
        MODEL + "gates: [{after: batch 1, http: {url: 'https://a', scope: instances}}]\n",
        [
            (
                '6:58: gates[0].http.scope: expected scaleSet or instance, got "instances"'
                " (did you mean `instance`?)"
            )
        ],
        id="a scope that is none",
    ),
    pytest.param(
        MODEL + "health: {source: command, command: {run: [./ok.sh], scope: scaleSet}}\n",
        [
            (
                "6:60: health.command.scope: expected instance:"
                ' health is always asked of each instance, got "scaleSet"'
            )
        ],
        id="health of the whole set",
    ),
    pytest.param(
        MODEL + "hooks: {}\n",
        ["6:1: hooks: expected at least one of beforeBatch, afterBatch"],
        id="hooks without any",
    ),
    pytest.param(
        MODEL + "hooks: {beforeBatch: {run: [./drain.sh], expectStatus: 200}}\n",
        ["6:42: hooks.beforeBatch.expectStatus: unknown key; expected run, timeout or scope"],
        id="a hook is a command",
    ),
    pytest.param(
        MODEL + "onScale: ignore\n",
        ['6:10: onScale: expected absorb or refuse, got "ignore"'],
        id="new instances cannot be ignored",
    ),
    pytest.param(
        MODEL + "strategy: {type: fixedBatch, batchsize: 1}\n",
        ["6:30: strategy.batchsize: unknown key (did you mean `batchSize`?)"],
        id="a misspelt key gives one problem, not a missing key besides",
    ),
    pytest.param(
        MODEL + "strategy: {type: perZone, enclude: {}}\n",
        ["6:27: strategy.enclude: unknown key (did you mean `exclude` or `include`?)"],
        id="opposites are never guessed",
    ),
    pytest.param(
        MODEL + "maxUnavailable: 1\n",
        ["6:1: maxUnavailable: unknown key here (it belongs under availability)"],
        id="a key in the wrong place is sent home",
    ),
    pytest.param(
        MODEL + "failure: {colour: red}\n",
        ["6:11: failure.colour: unknown key; expected maxFailedInstances or onFailure"],
        id="a key like no other is told what there is",
    ),
    pytest.param(
        "model: {}\n",
        ["5:1: model: expected at least one of image, vmSize, upgradePolicy"],
        id="an empty model",
    ),
    pytest.param(
        "",
        ["1:1: model: missing; " + "expected at least one of image, vmSize, upgradePolicy"],
        id="no model",
    ),
    pytest.param(
        "model: {image: {publisher: Canonical, offer: ubuntu-server, sku: 12.10}}\n",
        ["5:66: model.image.sku: expected a string, got the number 12.10; put it in quotes"],
        id="a sku that YAML takes for a number",
    ),
    pytest.param(
        "model: {image: {publisher: true, offer: o, sku: s}}\n",
        ["5:28: model.image.publisher: expected a string, got true; put it in quotes"],
        id="a word that YAML takes for a boolean",
    ),
    pytest.param(
        "model: {image: {publisher: p, offer: o, sku: s, version: 22.04}}\n",
        [
            (
                "5:58: model.image.version: expected an image version such as 22.04.202611010,"
                " or latest, got the number 22.04"
            )
        ],
        id="half a version",
    ),
    pytest.param(
        "model: {image: {publisher: p, version: latest}}\n",
        [
            "5:9: model.image.offer: missing; expected a string",
            "5:9: model.image.sku: missing; expected a string",
        ],
        id="half a marketplace image",
    ),
    pytest.param(
        "model: {image: {uri: 'https://a.example/b.vhd', id: x}}\n",
        [
            f"5:9: model.image: {IMAGE}; got uri and id",
            (
                "5:53: model.image.id: expected the resource id of a managed image, or of a gallery"
                ' image with or without /versions/X.Y.Z (left out: the latest), got "x"'
            ),
        ],
        id="two forms of image",
    ),
    pytest.param(
        "model: {image: {}}\n", [f"5:9: model.image: {IMAGE}; got none"], id="no form of image"
    ),
    pytest.param(
        "model: {image: {uri: 'https://a.example/b.vhd?sig=secret'}}\n",
        [
            (
                "5:22: model.image.uri: expected the http(s) address of a VHD blob, without a query"
                ' (a Plan carries no secrets), got "https://a.example/b.vhd?..."'
            )
        ],
        id="a signature in an address is not repeated",
    ),
    pytest.param(
        "model: {upgradePolicy: Rolling}\n",
        ['5:24: model.upgradePolicy: expected Manual, got "Rolling"'],
        id="an upgrade policy other than Manual",
    ),
    pytest.param(
        MODEL + "strategy: {type: fixedbatch}\n",
        [
            (
                "6:18: strategy.type: expected perInstance, perUpdateDomain, perFaultDomain,"
                ' perZone, fixedBatch or slidingWindow, got "fixedbatch"'
                " (did you mean `fixedBatch`?)"
            )
        ],
        id="a misspelt value",
    ),
    pytest.param(
        MODEL + "strategy: {type: slidingWindow}\n",
        [
            (
                "6:1: strategy.batchSize: missing; fixedBatch and slidingWindow need to know how"
                " many instances at a time"
            )
        ],
        id="no batch size where one is needed",
    ),
    pytest.param(
        MODEL + "strategy: {type: perZone, batchSize: 2}\n",
        ["6:38: strategy.batchSize: goes only with type fixedBatch or slidingWindow"],
        id="a batch size where none is used",
    ),
    pytest.param(
        MODEL + "strategy: {type: slidingWindow, batchSize: [1, 2]}\n",
        [
            (
                "6:33: strategy.batchSize: a list goes only with type fixedBatch;"
                " a sliding window has one size"
            )
        ],
        id="a ramp in a window",
    ),
    pytest.param(
        MODEL + "strategy: {type: fixedBatch, batchSize: [1, 0, 200%, 1.5]}\n",
        [
            f"6:45: strategy.batchSize[1]: {AMOUNT}, got the number 0",
            f'6:48: strategy.batchSize[2]: {AMOUNT}, got "200%"',
            f"6:54: strategy.batchSize[3]: {AMOUNT}, got the number 1.5",
        ],
        id="bad steps of a ramp",
    ),
    pytest.param(
        MODEL + "strategy: {type: fixedBatch, batchSize: []}\n",
        [
            (
                f"6:30: strategy.batchSize: {AMOUNT}, or (fixedBatch) a list of these such as"
                ' [1, 5, "20%"], got a list'
            )
        ],
        id="an empty ramp",
    ),
    pytest.param(
        MODEL + "strategy: {type: perZone, order: {unhealthyFirst: yes, by: [zone, zone]}}\n",
        [
            '6:51: strategy.order.unhealthyFirst: expected true or false, got "yes"',
            "6:56: strategy.order.by: expected each item only once",
        ],
        id="yes is no boolean",
    ),
    pytest.param(
        MODEL + 'strategy: {type: perZone, include: {updateDomains: ["1", -1], zones: [a b]}}\n',
        [
            (
                '6:53: strategy.include.updateDomains[0]: expected a whole number, got "1";'
                " leave out the quotes"
            ),
            "6:58: strategy.include.updateDomains[1]: expected at least 0, got the number -1",
            '6:71: strategy.include.zones[0]: expected a name or a number, got "a b"',
        ],
        id="selectors",
    ),
    pytest.param(
        MODEL + "availability: {maxUnavailable: 20%, minInService: 8}\n",
        ["6:1: availability: expected only one of maxUnavailable and minInService"],
        id="two floors",
    ),
    pytest.param(
        MODEL + 'health: {minHealthyTime: 30s, deadline: P1M, http: {url: "http://u:p@h"}}\n',
        [
            f'6:26: health.minHealthyTime: {DURATION}, got "30s"',
            f'6:41: health.deadline: {DURATION}, got "P1M"',
            (
                "6:58: health.http.url: expected an http(s) address without a user name or"
                ' password, got "http://..."'
            ),
        ],
        id="durations, and an address whose password is not repeated",
    ),
    pytest.param(
        MODEL + "health: {command: {run: ./check.sh}, http: {expectStatus: 42}}\n",
        [
            '6:25: health.command.run: expected a list, got "./check.sh"',
            (
                "6:38: health.http.url: missing; expected an http(s) address without a user name or"
                " password"
            ),
            "6:59: health.http.expectStatus: expected at least 100, got the number 42",
        ],
        id="probes",
    ),
    pytest.param(
        MODEL
        + "gates:\n"
        + "  - {after: batch 0, approval: {message: ''}}\n"
        + "  - {after: each batch}\n"
        + "  - after: batch 2\n    approval: {message: ok}\n    command: {run: []}\n",
        [
            (
                "7:13: gates[0].after: expected `batch N`, counted from 1, or `each batch`, got"
                ' "batch 0"'
            ),
            "7:42: gates[0].approval.message: expected some text, got none",
            "8:5: gates[1]: expected exactly one of approval, command, http; got none",
            (
                "9:5: gates[2]: expected exactly one of approval, command, http; got approval and"
                " command"
            ),
            "11:15: gates[2].command.run: expected at least one item, got an empty list",
        ],
        id="gates",
    ),
    pytest.param(
        MODEL + "failure:\nautoscale: 3\n",
        [
            "6:9: failure: expected a mapping, got nothing",
            "7:12: autoscale: expected pin, refuse or ignore, got the number 3",
        ],
        id="a key without anything after it",
    ),
    pytest.param(
        MODEL + "failure: [1]\nautoscale: {}\ngates: {}\n",
        [
            "6:1: failure: expected a mapping, got a list",
            "7:1: autoscale: expected pin, refuse or ignore, got a mapping",
            "8:1: gates: expected a list, got a mapping",
        ],
        id="the wrong shape",
    ),
    pytest.param(
        MODEL + "failure: {? !!str [] : 1, ? [a] : 2, ? &k b : 3}\n",
        [
            "6:13: failure: expected a word as key, got a list or mapping",
            "6:29: failure: expected a word as key, got a list or mapping",
            "6:40: failure.b: unknown key; expected maxFailedInstances or onFailure",
        ],
        id="keys that are no words",
    ),
    pytest.param(
        MODEL + "failure: {maxFailedInstances: 1.0}\n",
        ["6:31: failure.maxFailedInstances: expected a whole number, got the number 1.0"],
        id="a whole number is written whole",
    ),
    pytest.param(
        "model: {vmSize: |\n  Standard_D2s_v5\n  }\n",
        [
            (
                "5:17: not valid YAML: found character '|' that cannot start any token"
                " (while scanning for the next token)"
            )
        ],
        id="a syntax error",
    ),
    pytest.param(
        "model: {vmSize: ${SIZE}}\n",
        [
            (
                "5:18: not valid YAML: expected ',' or '}', but got '{' (while parsing a flow"
                " mapping) (inside { } and [ ], put ${...} in quotes)"
            )
        ],
        id="a variable that needs quotes",
    ),
    pytest.param(
        "model:\n\tvmSize: Standard_D2s_v5\n",
        [
            (
                "6:1: not valid YAML: found character '\\t' that cannot start any token"
                " (while scanning for the next token) (indent with spaces, not with tabs)"
            )
        ],
        id="a tab",
    ),
    pytest.param(
        MODEL + MODEL,
        ["6:1: model: written twice, first in line 5"],
        id="a key written twice",
    ),
    pytest.param(
        "model: {vmSize: !secret x, image: !!python/name:os.system ''}\n",
        [
            "5:17: model.vmSize: the tag !secret has no meaning here; leave it out",
            "5:35: model.image: the tag !!python/name:os.system has no meaning here; leave it out",
        ],
        id="tags",
    ),
    pytest.param(
        MODEL + '? [a, b]\n: c\ngates: [{after: each batch, approval: {message: "\\e[31m"}}]\n',
        [
            "6:3: expected a word as key, got a list or mapping",
            "8:49: gates[0].approval.message: contains the unprintable character U+001B",
        ],
        id="what a terminal would obey",
    ),
]


@pytest.mark.parametrize(("text", "expected"), AFTER_HEAD)
def test_problems_after_a_good_head(tmp_path: Path, text: str, expected: list[str]) -> None:
    """All problems are reported at once, in the order of the file, each in plain words."""
    assert problems_of(tmp_path, HEAD + text) == [f"plan.yaml:{line}" for line in expected]


WHOLE = [
    pytest.param("", ["plan.yaml: holds no document of kind Plan"], id="an empty file"),
    pytest.param(
        "[1, 2]\n",
        ["plan.yaml:1:1: expected a Plan, which is a mapping, got a list"],
        id="a list",
    ),
    pytest.param("a: b\n", ["plan.yaml:1:1: kind: missing; expected Plan"], id="something else"),
    pytest.param(
        "apiVersion: apps/v1\nkind: Deployment\n",
        ["plan.yaml:2:7: kind: expected Plan, got Deployment"],
        id="an unknown kind",
    ),
    pytest.param(
        HEAD.replace("kind: Plan", "kind: plan") + MODEL,
        ['plan.yaml:2:7: kind: expected Plan, got "plan"'],
        id="a misspelt kind",
    ),
    pytest.param(
        HEAD.replace("kind:", "knid:") + MODEL,
        ["plan.yaml:2:1: knid: unknown key (did you mean `kind`?)"],
        id="a misspelt kind key",
    ),
    pytest.param(
        "apiVersion: vmssplan/v2\nkind: Plan\n",
        [
            'plan.yaml:1:13: apiVersion: expected vmssplan/v1, got "vmssplan/v2"',
            "plan.yaml:1:1: metadata: missing; expected a mapping with name",
            "plan.yaml:1:1: model: missing; expected at least one of image, vmSize, upgradePolicy",
            (
                "plan.yaml:1:1: target: missing; expected a mapping with subscriptionId,"
                " resourceGroup, scaleSet"
            ),
        ],
        id="nearly nothing",
    ),
    pytest.param(
        "a: \x07\n",
        ["plan.yaml:1:4: contains the unprintable character U+0007"],
        id="a control character",
    ),
    pytest.param(
        'a: "\\UFFFFFFFF"\n',
        ["plan.yaml: not valid YAML: an escape names no character"],
        id="an escape beyond Unicode",
    ),
    pytest.param(
        "[" * 40 + "]" * 40,
        ["plan.yaml:1:33: not valid YAML: nested deeper than 32 levels"],
        id="too deep",
    ),
    pytest.param(
        "[" + "x," * 20000 + "]",
        ["plan.yaml:1:40000: not valid YAML: more than 20000 values in a document"],
        id="too many values",
    ),
    pytest.param(
        "a: &a [x]\nb: [" + "*a, " * 101 + "]\n",
        ["plan.yaml:2:405: not valid YAML: more than 100 aliases"],
        id="too many aliases",
    ),
    pytest.param(
        "a: &a [*a]\n",
        [
            (
                "plan.yaml: too big for a Plan: more than 20000 values, or nested deeper than 32"
                " levels (aliases count where they are used)"
            )
        ],
        id="an alias of itself",
    ),
    pytest.param(
        "a: &a [x,x,x,x,x,x,x,x,x]\n"
        + "".join(
            f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
            for old, new in ("ab", "bc", "cd", "de", "ef")
        ),
        [
            (
                "plan.yaml: too big for a Plan: more than 20000 values, or nested deeper than 32"
                " levels (aliases count where they are used)"
            )
        ],
        id="aliases that multiply",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WHOLE)
def test_problems_of_a_whole_file(tmp_path: Path, text: str, expected: list[str]) -> None:
    """What is no Plan at all is refused in one sentence."""
    assert sorted(problems_of(tmp_path, text)) == sorted(expected)

"""What machines read: the saved Rollout, the state of Runs, and the stream of Events."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator

from tests.support.copying import replace
from tests.support.reports import (
    RUN,
    begun,
    guarded,
    guarded_batch,
    in_force,
    people,
    regional,
    twelve,
    way_back,
)
from tests.support.values import (
    START,
    rollout,
    seconds,
    strategy,
)
from tests.unit.test_report_run import first_batch, second_batch_fails
from tests.unit.test_report_text import EXAMPLES, gates
from vmssplan.documents import canonical_json, from_document
from vmssplan.engine import Event, replay
from vmssplan.engine import events as ev
from vmssplan.model import (
    CommandProbe,
    CommunityGalleryImage,
    Health,
    HealthSource,
    HttpProbe,
    ImageReference,
    ModelFields,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
    UriImage,
)
from vmssplan.report.as_json import (
    event_json,
    outcome_json,
    rollout_json,
    status_json,
    version_json,
)
from vmssplan.report.status import RunRecord
from vmssplan.rollout import Rollout, Step, digest, rollout_document
from vmssplan.schema_files import schema

IMAGES: dict[str, ImageReference] = {
    "platform": PlatformImage("Contoso", "server", "gen2", "2.0.0"),
    "resource": ResourceImage("/subscriptions/x/images/web"),
    "shared": SharedGalleryImage("/SharedGalleries/g/Images/web/Versions/1.0.0"),
    "community": CommunityGalleryImage("/CommunityGalleries/g/Images/web/Versions/1.0.0"),
    "uri": UriImage("https://images.invalid/web.vhd"),
}


OPTIONAL = {
    "": {"expiresAt", "forecast"},
    "Forecast": {"tightestBudget", "badImage", "alternative"},
}
"""Keys that may be missing, by the definition they are in; only whoever saves knows these."""


def validator() -> Draft202012Validator:
    """Return the schema of Rollouts, ready to use."""
    return Draft202012Validator(schema("rollout"))


def documents() -> dict[str, Any]:
    """Return saved Rollouts of every kind of step, image and health source."""
    probes = {
        "http": Health(HealthSource.HTTP, http=HttpProbe("https://web.invalid/")),
        "command": Health(HealthSource.COMMAND, command=CommandProbe(("./ok.sh",))),
    }
    made = {name: build() for name, build in EXAMPLES.items() if name != "thousand"}
    made |= {f"image {name}": rollout(regional(2), image=image) for name, image in IMAGES.items()}
    made |= {f"health {name}": rollout(regional(1), health=one) for name, one in probes.items()}
    made["window"] = rollout(regional(2), strategy=strategy("slidingWindow", 2))
    made["odd pause"] = rollout(
        regional(2), strategy=strategy(pause_time_between_batches=timedelta(days=1, seconds=0.5))
    )
    bare = replace(regional(1), model=ModelFields())
    made["model without image"] = rollout(bare)
    return {name: json.loads(json.dumps(rollout_json(one))) for name, one in made.items()}


DOCUMENTS = documents()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_saved_rollouts_fit_the_schema(name: str) -> None:
    """What `plan --out` writes is what the schema describes."""
    validator().validate(DOCUMENTS[name])


def test_all_kinds_of_steps_and_images_occur() -> None:
    """The Rollouts held against the schema leave out no kind of step or image."""
    steps = [step for one in DOCUMENTS.values() for step in one["rollout"]["steps"]]
    images = [one["rollout"]["model"]["image"] for one in DOCUMENTS.values()]

    assert {step["type"] for step in steps} == {kind.__name__ for kind in get_args(Step)}
    assert {image["type"] for image in images if image} == {
        kind.__name__ for kind in get_args(ImageReference)
    }


def places(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return the paths of all objects in a document."""
    found = [path] if isinstance(node, dict) else []
    inner = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in inner:
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
    return found


def at(document: Any, path: tuple[str | int, ...]) -> Any:
    """Return what is there."""
    for key in path:
        document = document[key]
    return document


@pytest.mark.parametrize(
    "name", ["gates", "no-way-back", "policy-only", "window", "health command"]
)
def test_no_key_can_be_missing_or_too_many(name: str) -> None:
    """Without any one key, and with any other one, the document is refused."""
    check = validator()
    text = json.dumps(DOCUMENTS[name])
    for path in places(json.loads(text)):
        for key in at(json.loads(text), path):
            document = json.loads(text)
            del at(document, path)[key]
            assert not check.is_valid(document), f"{path} without {key}"
        document = json.loads(text)
        at(document, path)["another"] = 1
        assert not check.is_valid(document), f"{path} with another key"


@pytest.mark.parametrize("name", ["gates", "window"])
def test_no_value_can_be_of_another_kind(name: str) -> None:
    """A value of another JSON type is refused, wherever it stands."""
    check = validator()
    text = json.dumps(DOCUMENTS[name])
    for path in places(json.loads(text)):
        for key, value in at(json.loads(text), path).items():
            document = json.loads(text)
            at(document, path)[key] = [1] if not isinstance(value, list) else "text"
            assert not check.is_valid(document), f"{path}.{key}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("kind",), "Plan"),
        (("apiVersion",), "vmssplan/v2"),
        (("digest",), "sha256:abc"),
        (("rollout", "strategy"), "rolling"),
        (("rollout", "health", "source"), "auto"),
        (("rollout", "health", "deadline"), "10m"),
        (("rollout", "health", "deadline"), "P"),
        (("rollout", "health", "deadline"), "PT"),
        (("rollout", "bounds", "floor"), -1),
        (("rollout", "steps", 0, "type"), "Nothing"),
        (("rollout", "instances", 0, "disposition"), "maybe"),
    ],
)
def test_values_out_of_bounds(path: tuple[str | int, ...], value: Any) -> None:
    """So is a value that no Rollout can have."""
    document = json.loads(json.dumps(DOCUMENTS["gates"]))
    at(document, path[:-1])[path[-1]] = value

    assert not validator().is_valid(document)


def keys_of(node: dict[str, Any], path: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every key that a part of the schema knows, by name."""
    return [(f"{path}.{name}", inner) for name, inner in node.get("properties", {}).items()]


def test_every_key_is_explained() -> None:
    """Editors show a sentence for every key, and no object takes unknown ones."""
    whole = schema("rollout")
    Draft202012Validator.check_schema(whole)
    for name, part in {"": whole, **whole["$defs"]}.items():
        assert part["description"].endswith("."), name
        for path, key in keys_of(part, name):
            assert key["description"].endswith("."), path
        if part.get("type") == "object":
            assert part["additionalProperties"] is False
            assert {*part["properties"]} - {*part["required"]} == OPTIONAL.get(name, set())


def test_a_rollout_that_expires_fits_too() -> None:
    """Until when it may be applied is no part of what is digested, and may be left out."""
    document = rollout_document(gates(), tool="vmssplan", expires_at=START)

    assert document["digest"] == digest(gates())
    validator().validate(json.loads(json.dumps(document)))


def test_rollout_round_trip() -> None:
    """The saved document is the Rollout, and carries its digest."""
    made = gates()
    document = rollout_json(made)

    assert from_document(document["rollout"], Rollout) == made
    assert document["digest"] == digest(made)


# --- Runs and Events ------------------------------------------------------------------------


def all_events() -> list[tuple[Event, Rollout]]:
    """Return two Runs in which every kind of Event occurs, each with the Rollout in force."""
    usual = [*first_batch(), *second_batch_fails(), ev.RunCompleted(START + seconds(900))]
    steered = [*guarded_batch(), *people(), *way_back()]
    return [*in_force(twelve(), usual), *in_force(guarded(), steered)]


@pytest.mark.parametrize(("event", "made"), all_events(), ids=lambda one: type(one).__name__)
def test_event_lines(event: Event, made: Rollout) -> None:
    """Every Event is one line with Terraform's keys and ours, and nothing is lost."""
    line = canonical_json(event_json(event, RUN, made))
    document = json.loads(line)

    assert "\n" not in line
    assert {"@level", "@message", "@timestamp", "type", "run", "plan", "scaleSet"} <= set(document)
    assert document["@level"] in ("debug", "info", "warn", "error")
    assert document["@timestamp"].endswith("Z")
    assert from_document(document["event"], Event) == event


def test_event_of_an_instance() -> None:
    """The line of an instance names it and its batch."""
    failed = ev.InstanceFailed(START, "6", ev.FailurePhase.OPERATION, "AllocationFailed", "No.")

    assert event_json(failed, RUN, twelve()) == {
        "@level": "error",
        "@message": "instance 6: FAILED: AllocationFailed: No.",
        "@module": "vmssplan.ui",
        "@timestamp": "2026-11-02T08:00:00.000Z",
        "type": "instance_state",
        "run": RUN,
        "plan": "web",
        "scaleSet": twelve().target.resource_id,
        "steps": 9,
        "batch": 2,
        "instance": "6",
        "event": {
            "type": "InstanceFailed",
            "at": "2026-11-02T08:00:00+00:00",
            "instanceId": "6",
            "phase": "operation",
            "code": "AllocationFailed",
            "message": "No.",
        },
    }


def test_timestamps_are_in_utc() -> None:
    """Wherever the clock stands, the stream is in UTC."""
    moment = START.astimezone(timezone(timedelta(hours=2)))

    assert version_json(moment)["@timestamp"] == "2026-11-02T08:00:00.000Z"


def test_version_line() -> None:
    """The first line of a stream says who writes it."""
    document = version_json(START)

    assert document["type"] == "version"
    assert document["@message"].startswith("vmssplan ")


def test_outcome() -> None:
    """The end of a Run has its exit code, its counters, and failures in Azure's words."""
    made = twelve()
    document = outcome_json(replay(made, [*first_batch(), *second_batch_fails()[:-1]]), RUN)

    assert document["exitCode"] == 4
    assert document["recap"] == {
        "ok": 4,
        "upgraded": 2,
        "skipped": 2,
        "failed": 2,
        "pending": 4,
    }
    assert [one["instanceId"] for one in document["failures"]] == ["1", "6"]
    assert document["failures"][0]["code"] == "VMExtensionProvisioningTimeout"


def test_status() -> None:
    """A Run says where each of its instances stands; one that never began has no times."""
    made = twelve()
    going = RunRecord("web-1", made, tuple(begun(made)), is_held=True)
    new = RunRecord("web-2", made, ())
    first, second = status_json([going, new])["runs"]

    assert first["state"] == "running"
    assert first["exitCode"] is None
    assert first["instances"]["pending"] == ["0", "5", "10", "1", "6", "11", "2", "4", "9"]
    assert first["lastEvent"]["type"] == "StepCompleted"
    assert second["started"] is None
    assert second["lastEvent"] is None


def test_status_on_the_way_back() -> None:
    """Steps, counters and instances are those of the way back; the digest is the reviewed one."""
    made = guarded()
    events = (*guarded_batch(), *people(), *way_back())
    [document] = status_json([RunRecord(RUN, made, events, is_held=True)])["runs"]

    assert document["state"] == "rolling back"
    assert (document["step"], document["steps"]) == (5, 10)
    assert document["recap"] == {"ok": 0, "upgraded": 0, "skipped": 2, "failed": 0, "pending": 3}
    assert document["instances"]["awaiting"] == ["0", "1"]
    assert document["digest"] == digest(made)

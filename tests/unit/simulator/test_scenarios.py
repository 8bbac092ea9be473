"""Scenario files: the ones that come with the simulator, and what is wrong with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.worlds import NEW, OLD, SUBSCRIPTION, WEB, image, scenario_text
from vmss_simulator.durations import parse_duration
from vmss_simulator.errors import ScenarioError
from vmss_simulator.randomness import Latencies, Latency
from vmss_simulator.scenario import load_scenario, parse_scenario, scenario_schema
from vmss_simulator.values import HealthState, PowerState, ProvisioningState, ScaleSetKey

SCENARIOS = sorted((Path(__file__).parents[3] / "simulator" / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_starts_a_world(path: Path) -> None:
    """Each file is valid, named as it says, says what it shows, and starts with its instances."""
    scenario = load_scenario(path)
    assert scenario.name == path.stem
    assert scenario.description
    assert path.read_text().splitlines()[1].startswith("# ")
    world = scenario.world()
    for scale_set in world.scale_sets(SUBSCRIPTION):
        assert len(scale_set.instances) == scale_set.body["sku"]["capacity"]


def test_the_schema_is_one_and_describes_every_key() -> None:
    """Every property has a description for editors, and no object is open by chance."""
    schema = scenario_schema()
    Draft202012Validator.check_schema(schema)
    open_on_purpose = {"upgradePolicy", "model", "settings", "patch", "tags", "overrides"}

    def walk(node: object, name: str) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each, name)
        if not isinstance(node, dict):
            return
        for key, value in node.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key} has no description"
        if node.get("type") == "object" and name not in open_on_purpose:
            assert node.get("additionalProperties") is False, f"{name} is open"
        for key, value in node.items():
            if key == "examples":
                continue
            for inner, each in value.items() if key in ("properties", "$defs") else [(name, value)]:
                walk(each, inner)

    walk(schema, "scenario")


def test_a_snapshot_of_a_live_set() -> None:
    """Instances given one by one keep their ids, gaps, domains, images and states."""
    instances = [
        {"instanceId": "1", "updateDomain": 4, "faultDomain": 2, "vmId": "guid-1"},
        {
            "instanceId": "3",
            "image": image("latest"),
            "vmSize": "Standard_D1_v2",
            "provisioning": "Failed",
            "health": "unhealthy",
            "error": {"code": "AllocationFailed", "message": "No room."},
            "timeCreated": "2026-01-01T00:00:00Z",
        },
        {"instanceId": "8", "power": "stopped", "latestModelApplied": False},
        {"instanceId": "9", "exactVersion": "0.0.1", "protection": {"fromScaleIn": True}},
    ]
    text = scenario_text(
        instances=instances,
        capacity=4,
        etag=9,
        model={"properties": {"overprovision": False}},
        rollingUpgrade={"code": "RollingForward", "inProgress": 2},
    )
    world = parse_scenario(text).world()
    scale_set = world.scale_set(WEB)
    assert list(scale_set.instances) == ["1", "3", "8", "9"]
    assert scale_set.etag == '"9"'
    assert scale_set.body["properties"]["overprovision"] is False
    one, three, eight, nine = scale_set.instances.values()
    assert (one.update_domain, one.fault_domain, one.vm_id) == (4, 2, "guid-1")
    assert (three.exact_version, three.provisioning) == (NEW, ProvisioningState.FAILED)
    assert three.error is not None
    assert (eight.power, eight.health) == (PowerState.STOPPED, HealthState.UNKNOWN)
    assert (nine.exact_version, nine.protection.from_scale_in) == ("0.0.1", True)
    current = [world.latest_model_applied(scale_set, each) for each in scale_set.instances.values()]
    assert current == [True, False, False, True]
    assert scale_set.in_service_count == 2
    upgrade = world.rolling_upgrade(WEB)
    assert upgrade is not None
    assert (upgrade.code, upgrade.in_progress) == ("RollingForward", 2)


def test_flexible_instances_are_overridden_by_number() -> None:
    """Names drawn from the seed need not be known to say something of an instance."""
    text = scenario_text(orchestrationMode="Flexible", overrides={"1": {"health": "unhealthy"}})
    healthy = [
        each.in_service for each in parse_scenario(text).world().scale_set(WEB).instances.values()
    ]
    assert healthy == [True, False, True, True]


def test_all_mistakes_at_once_with_their_places() -> None:
    """One error lists file, line, column, key and what was expected, and the nearest key."""
    text = """apiVersion: vmss-simulator/v1
kind: Scenario
sed: 3
images:
  platform: [{publisher: a, offer: b, sku: c, versions: [1.10]}]
latencies: {boot: 5m}
scaleSets:
  - resourceGroup: r
    name: w
    capcity: 3
    image: {publisher: a, offer: b, skuu: c, version: latest}
    instances: [{instanceId: 3}]
"""
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text, "bad.yaml")
    lines = str(error.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        "bad.yaml:3:1",
        "bad.yaml:5:58",
        "bad.yaml:6:13",
        "bad.yaml:10:5",
        "bad.yaml:11:5",
        "bad.yaml:11:37",
        "bad.yaml:12:18",
    ]
    assert "did you mean 'seed'?" in lines[0]
    assert "latencies.boot" in lines[2]
    assert "did you mean 'capacity'?" in lines[3]
    assert "did you mean 'sku'?" in lines[5]
    assert lines[6].endswith("expected string, found 3; put it in quotes")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a: &x [1]\nb: *x", "aliases are not supported", id="alias"),
        pytest.param("- 1", "a scenario is a mapping", id="list"),
        pytest.param("", "a scenario is a mapping", id="empty"),
        pytest.param("a: [", "not YAML", id="no yaml"),
        pytest.param("a: 1\na: 2", "the key is given twice", id="twice"),
        pytest.param("[" * 5000, "nested too deeply", id="deep"),
        pytest.param("a: !!python/object/apply:os.system [ls]", "", id="code"),
        pytest.param("{a: \x00}", "not YAML", id="control character"),
    ],
)
def test_text_that_is_no_scenario(text: str, expected: str) -> None:
    """Whatever the text, the answer is a ScenarioError."""
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"image": image("9.9.9")}, "scaleSets[0].image: The platform image", id="image"
        ),
        pytest.param(
            {"overrides": {"9": {}}}, "overrides.9: there is no such instance", id="override"
        ),
        pytest.param(
            {"instances": [{"instanceId": "1"}, {"instanceId": "1"}]}, "given twice", id="twice"
        ),
        pytest.param(
            {"instances": [{"instanceId": "1", "image": image("7")}]},
            "instances[0].image",
            id="its image",
        ),
        pytest.param({"vmSize": ""}, "scaleSets[0].vmSize", id="empty"),
        pytest.param({"osType": "BeOS"}, "expected one of Linux, Windows", id="choice"),
        pytest.param({"image": 5}, "scaleSets[0].image: expected publisher, offer", id="no form"),
        pytest.param({"image": {"uri": "file:/x"}}, "scaleSets[0].image.uri: expected", id="form"),
        pytest.param({"capacity": -1}, "scaleSets[0].capacity", id="negative"),
        pytest.param(
            {"capacity": 500, "singlePlacementGroup": True}, "between 0 and 100", id="room"
        ),
    ],
)
def test_what_only_the_whole_shows(given: dict[str, Any], expected: str) -> None:
    """Mistakes that no schema sees are found and placed too."""
    with pytest.raises(ScenarioError) as error:
        parse_scenario(scenario_text(**given))
    assert expected in str(error.value)


def test_names_and_moments_are_checked() -> None:
    """Names given twice, a p95 below its median, and 30 February are mistakes."""
    text = """apiVersion: vmss-simulator/v1
kind: Scenario
start: 2026-02-30T00:00:00Z
latencies: {boot: {median: PT5M, p95: PT2M}}
scaleSets:
  - {resourceGroup: r, name: w, image: {uri: "https://x/y.vhd"}}
  - {resourceGroup: R, name: W, image: {uri: "https://x/y.vhd"}}
faults:
  - {name: f, effect: {stuck: {}}}
  - {name: f, effect: {latency: {delay: {median: PT5M, p95: PT2M}}}}
"""
    with pytest.raises(ScenarioError) as error:
        parse_scenario(text)
    assert len(str(error.value).splitlines()) == 5


def test_an_unreadable_file_is_a_scenario_error(tmp_path: Path) -> None:
    """A missing file is reported like any other mistake."""
    with pytest.raises(ScenarioError, match="cannot be read"):
        load_scenario(tmp_path / "none.yaml")


def test_latencies_are_read_and_drawn_as_said() -> None:
    """What is not named keeps its default, and fixed is fixed."""
    latencies = Latencies.from_document({"boot": "PT30S"})
    assert latencies.boot == Latency(parse_duration("PT30S"), parse_duration("PT30S"))
    assert latencies.upgrade == Latencies().upgrade


def test_gallery_images_resolve_by_time_and_exclusion() -> None:
    """`latest` of a gallery image passes excluded and unpublished versions by."""
    path = next(path for path in SCENARIOS if path.stem == "gallery")
    world = load_scenario(path).world()
    shop = world.scale_set(ScaleSetKey(SUBSCRIPTION, "myrg", "shop"))
    assert [each.zone for each in shop.instances.values()][:4] == ["1", "2", "3", "1"]
    storage = shop.body["properties"]["virtualMachineProfile"]["storageProfile"]
    definition = {"id": storage["imageReference"]["id"].rpartition("/versions/")[0]}
    assert world.image_versions(definition, "westeurope") == ("1.2.0", "1.3.0", "2.0.0")
    assert world.exact_version(definition, "westeurope") == "1.3.0"
    world.advance_to(world.start + parse_duration("PT30M"))
    assert world.exact_version(definition, "westeurope") == "1.4.0"
    assert OLD not in world.image_versions(definition, "westeurope")


def test_a_set_of_legacy_disks_may_hold_several_images() -> None:
    """An instance of a legacy set can be on another disk image, or report no health."""
    legacy: dict[str, Any] = {
        "image": {"uri": "https://x/new.vhd"},
        "overrides": {"1": {"image": {"uri": "https://x/old.vhd"}}, "2": {"health": None}},
    }
    world = parse_scenario(scenario_text(**legacy)).world()
    scale_set = world.scale_set(WEB)
    applied = [world.latest_model_applied(scale_set, each) for each in scale_set.instances.values()]
    assert applied == [True, False, True, True]
    assert world.instance(WEB, "2").health is None
    assert world.instance(WEB, "1").image_reference == {"uri": "https://x/old.vhd"}


def test_a_scenario_has_a_size_limit() -> None:
    """A file of many megabytes is refused before it is read."""
    with pytest.raises(ScenarioError, match="larger than"):
        parse_scenario("#" * (33 * 1024 * 1024))


def test_a_snapshot_of_a_flexible_set() -> None:
    """Named instances keep their names; `latestModelApplied` may be stated against the image."""
    text = scenario_text(
        orchestrationMode="Flexible",
        instances=[{"instanceId": "web_abcd1234", "image": image(NEW), "latestModelApplied": True}],
        capacity=1,
        applicationHealth=False,
        extensions=[{"name": "agent", "publisher": "Contoso", "type": "Agent"}],
    )
    world = parse_scenario(text).world()
    instance = world.instance(WEB, "web_ABCD1234")
    assert instance.name == "web_abcd1234"
    assert [each.name for each in instance.extensions] == ["agent"]
    assert world.latest_model_applied(world.scale_set(WEB), instance)

"""What the page is told: sets, instances, previews, operations, streams, and what it is refused."""

from __future__ import annotations

import asyncio
import http.client
import json
import stat
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.ui.serving import ASKED, PATIENCE_SECONDS, TARGET, Served, served
from tests.worlds import NEW, OLD, make_world, run
from vmss_simulator.effects import RefuseRequest
from vmss_simulator.faults import FaultRule
from vmss_simulator.values import OperationKind
from vmssplan.backends.simulated import SimulatedBackend
from vmssplan.operating import Switch
from vmssplan.planfile import load_plans
from vmssplan.ui.live import MOST_STREAMS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmss_simulator.world import World
    from vmssplan.planfile import LoadedPlan

SET = f"/api/scale-set?id={TARGET.resource_id}"
PLAN = f"""\
apiVersion: vmssplan/v1
kind: Plan
metadata: {{name: web}}
target: {{subscriptionId: {TARGET.subscription_id}, resourceGroup: myrg, scaleSet: web}}
model:
  image: {{publisher: Contoso, offer: server, sku: gen2, version: {NEW}}}
strategy: {{type: fixedBatch, batchSize: 2}}
availability: {{maxUnavailable: 2}}
"""
WORLD: dict[str, Any] = {"capacity": 4, "overrides": {"3": {"protection": {"fromScaleIn": True}}}}
SPEAKS = (sys.executable, "-c", "import sys; print(*sys.argv[1:]); print('password=hunter2')")
"""A program that says what it was asked to do, and a secret."""


@pytest.fixture
def world() -> World:
    """Make four instances on the old image; one is protected from scale in."""
    return make_world(**WORLD)


@pytest.fixture
def plans(tmp_path: Path) -> tuple[LoadedPlan, ...]:
    """Write a Plan for them."""
    file = tmp_path / "web.yaml"
    file.write_text(PLAN, "utf-8")
    return tuple(load_plans([file], {}))


@pytest.fixture
def page(world: World, tmp_path: Path, plans: tuple[LoadedPlan, ...]) -> Iterator[Served]:
    """Serve them with their Plan, with a program that only speaks."""
    with served(world, tmp_path / "state", plans=plans, program=SPEAKS) as running:
        yield running


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the same for tests that leave everything as it is."""
    folder = tmp_path_factory.mktemp("steady")
    (folder / "web.yaml").write_text(PLAN, "utf-8")
    plans = tuple(load_plans([folder / "web.yaml"], {}))
    with served(make_world(**WORLD), folder / "state", plans=plans) as running:
        yield running


def confirmed(page: Served, asked: dict[str, Any]) -> dict[str, Any]:
    """Preview, and carry out what was shown; return the operation once it has ended."""
    shown = page.post("/api/preview", asked)
    assert shown.status == 200, shown.body
    started = page.post("/api/operations", {**asked, "digest": shown.document["digest"]})
    assert started.status == 202, started.body
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        (one,) = page.get("/api/operations").document["operations"]
        if one["exitCode"] is not None:
            found: dict[str, Any] = one
            return found
        assert time.monotonic() < patience_ends
        time.sleep(0.02)


def test_the_overview_tells_how_every_set_stands(steady: Served) -> None:
    """Size, image, who is outdated by the Plan, and what has drifted."""
    (line,) = steady.get("/api/scale-sets").document["scaleSets"]
    assert line["id"] == TARGET.resource_id
    assert line["image"] == f"Contoso:server:gen2:{OLD}"
    assert line["counts"]["outdated"] == line["counts"]["total"] == line["capacity"] == 4
    assert line["counts"]["inService"] == 4
    assert line["counts"]["protected"] == 1
    assert line["plans"][0].endswith("web.yaml")
    assert line["drift"] == "Drift: 1 model field and 4 instances of web."
    assert line["runs"] == []


def test_a_set_of_several_plans_and_one_that_is_not_there_are_shown(tmp_path: Path) -> None:
    """The one is judged by its own model, and the other says what is wrong, asked for once."""
    for name in ("one", "two", "gone"):
        text = PLAN.replace("name: web", f"name: {name}")
        text = text.replace("scaleSet: web", "scaleSet: none") if name == "gone" else text
        (tmp_path / f"{name}.yaml").write_text(text, "utf-8")
    plans = load_plans([tmp_path], {}, distinct_targets=False)
    with served(make_world(**WORLD), tmp_path / "state", plans=plans) as page:
        gone, web = page.get("/api/scale-sets").document["scaleSets"]
        assert len(web["plans"]) == 2
        assert web["counts"]["current"] == 4
        asked = {"id": TARGET.resource_id, "verb": "rollout"}
        assert page.post("/api/preview", asked).status == 400
        shown = page.post("/api/preview", {**asked, "plan": web["plans"][1]}).document
        assert shown["command"][2] == web["plans"][1]
        assert gone["counts"] is None
        assert "ResourceNotFound" in gone["problem"]["what"]
        page.get("/api/scale-sets")
        page.get(f"/api/scale-set?id={gone['id']}")
        backend = page.sources.service
        assert isinstance(backend, SimulatedBackend)
        assert backend.requests[OperationKind.GET_SCALE_SET] == 2


def test_who_may_not_list_sees_the_sets_of_plans(
    page: Served, world: World, plans: tuple[LoadedPlan, ...]
) -> None:
    """What is wrong is told beside them, and is asked for once."""
    refuse = RefuseRequest(403, "AuthorizationFailed", "May not list.")
    world.add_faults([FaultRule("no", refuse, operations=("listScaleSets",))])
    for _ in range(3):
        told = page.get("/api/scale-sets").document
        assert "AuthorizationFailed" in told["problem"]["what"]
        (line,) = told["scaleSets"]
        assert line["counts"]["total"] == 4
        assert page.get(SET).status == 200
    backend = page.sources.service
    assert isinstance(backend, SimulatedBackend)
    assert backend.requests[OperationKind.LIST_SCALE_SETS] == 1
    assert line["plans"] == [str(one.file) for one in plans]


def test_a_set_tells_all_of_its_instances(steady: Served) -> None:
    """Where each is, how it stands, what it runs, and what protects it."""
    found = steady.get(SET).document
    assert found["model"]["image"]["version"] == OLD
    assert found["wanted"]["image"]["version"] == NEW
    assert [one["instanceId"] for one in found["instances"]] == ["0", "1", "2", "3"]
    last = found["instances"][3]
    assert last["protection"] == {"scaleIn": True, "scaleSetActions": False}
    assert last["state"] == "outdated"
    assert last["states"] == ["outdated", "protected"]
    assert (last["power"], last["health"], last["image"]) == ("running", "healthy", OLD)
    assert {one["updateDomain"] for one in found["instances"]} == {0, 1, 2, 3}
    assert last["placementGroup"]


def test_a_set_is_found_however_its_id_is_spelt(steady: Served) -> None:
    """Azure's own lists have the resource group in upper case."""
    spelt = TARGET.resource_id.replace("myrg", "MYRG")
    assert steady.get(f"/api/scale-set?id={spelt}").document["id"] == TARGET.resource_id


def test_an_instance_tells_all_of_its_statuses(steady: Served) -> None:
    """Those of the machine, its agent, its health, and its extensions."""
    path = f"/api/instance?id={TARGET.resource_id}&instance=2"
    found = steady.get(path).document
    assert {one["about"] for one in found["statuses"]} == {"", "agent", "health"}
    assert "PowerState/running" in [one["code"] for one in found["statuses"]]
    assert found["extensions"][0]["statuses"][0]["code"] == "ProvisioningState/succeeded"
    assert found["history"] == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/scale-set", 400),
        ("/api/scale-set?id=/subscriptions/other", 404),
        (f"/api/instance?id={TARGET.resource_id}", 400),
        (f"/api/instance?id={TARGET.resource_id}&instance=99", 404),
        ("/api/run", 400),
        ("/api/run?name=none-1", 404),
        ("/api/run?name=../../etc/passwd", 404),
        ("/api/live?run=none-1", 404),
        ("/api/live-run", 400),
        ("/api/nothing", 404),
    ],
)
def test_what_is_not_there_is_told_with_what_to_do(steady: Served, path: str, status: int) -> None:
    """Every refusal has the same shape."""
    refused = steady.get(path)
    assert refused.status == status
    assert set(refused.document["error"]) == {"what", "next"}
    assert refused.what


def test_a_preview_shows_everything_and_does_nothing(page: Served, world: World) -> None:
    """Batches by name, the floor, the digest, and the command that does the same."""
    before = len(world.log)
    asked = {**ASKED, "selection": {"ids": ["0", "1"], "states": ["outdated"]}, "batchSize": 1}
    shown = page.post("/api/preview", asked).document
    assert shown["batches"] == [["0"], ["1"]]
    assert (shown["inService"], shown["floor"], shown["lowest"]) == (4, 2, 3)
    assert shown["digest"].startswith("sha256:")
    assert shown["digest"] in shown["text"]
    assert shown["command"][:3] == ["vmssplan", "instances", "restart"]
    assert shown["command"][3].endswith("web.yaml")
    assert "--auto-approve" not in shown["command"]
    assert len(world.log) == before
    assert page.children.all() == ()


def test_a_preview_of_the_rollout_is_the_plan_s(steady: Served) -> None:
    """The model's change, every step, and the digest that apply requires."""
    shown = steady.post("/api/preview", {"id": TARGET.resource_id, "verb": "rollout"}).document
    changed = {"path": "model.image.version", "before": OLD, "after": NEW}
    assert shown["changes"] == [changed]
    assert shown["batches"] == [["0", "1"], ["2", "3"]]
    assert shown["rolloutDigest"] == shown["digest"]
    assert shown["command"][:2] == ["vmssplan", "apply"]
    assert shown["steps"][0]["title"] == "Set model.image.version"


def test_a_preview_of_a_model_write_upgrades_nobody(steady: Served) -> None:
    """What the Plan selects has nothing to do with it."""
    asked = {"id": TARGET.resource_id, "verb": "setModel", "model": {"vmSize": "Standard_D4s_v5"}}
    shown = steady.post("/api/preview", asked).document
    assert {one["path"] for one in shown["changes"]} == {"model.image.version", "model.vmSize"}
    assert shown["batches"] == []
    assert shown["hasChanges"] is True


def test_a_preview_that_breaks_the_floor_is_shown_and_not_carried_out(steady: Served) -> None:
    """It names the numbers; confirming it all the same is refused with them."""
    asked = {**ASKED, "verb": "stop", "selection": {"all": True}}
    shown = steady.post("/api/preview", asked).document
    assert "the floor is 2" in shown["refused"]
    refused = steady.post("/api/operations", {**asked, "digest": shown["digest"]})
    assert refused.status == 409
    assert refused.what == shown["refused"]
    assert steady.children.all() == ()


def test_what_is_confirmed_is_carried_out_by_that_very_command(page: Served) -> None:
    """With the digest that was shown; what it says is kept for its owner only, without secrets."""
    done = confirmed(page, ASKED)
    said = done["output"].splitlines()
    digest = page.post("/api/preview", ASKED).document["digest"]
    assert said[0] == done["command"].removeprefix("vmssplan ")
    assert f"--auto-approve --require-digest {digest}" in said[0]
    assert said[1] == "password=***"
    assert done["exitCode"] == 0
    (child,) = page.children.all()
    assert stat.S_IMODE(child.output.stat().st_mode) == 0o600


def test_a_rollout_that_is_started_stays_for_approvals(page: Served) -> None:
    """Nobody is at a terminal to resume it."""
    done = confirmed(page, {"id": TARGET.resource_id, "verb": "rollout"})
    assert done["output"].startswith("apply ")
    assert " --wait " in done["output"]


def test_what_would_be_something_else_by_now_is_not_carried_out(steady: Served) -> None:
    """Neither with a digest of another day nor without one."""
    shown = steady.post("/api/preview", ASKED).document
    other = {**ASKED, "selection": {"ids": ["1"]}}
    for digest in (shown["digest"], "sha256:0", "é"):
        refused = steady.post("/api/operations", {**other, "digest": digest})
        assert refused.status == 409
        assert "was confirmed" in refused.what
    assert steady.post("/api/operations", other).status == 400
    assert steady.children.all() == ()


@pytest.mark.parametrize(
    "document",
    [
        {"verb": "restart"},
        {**ASKED, "verb": "explode"},
        {**ASKED, "selection": {"ids": ["--auto-approve"]}},
        {**ASKED, "selection": {"ids": "0"}},
        {**ASKED, "selection": {"ids": ["99"]}},
        {**ASKED, "selection": {}},
        {**ASKED, "batchSize": 0},
        {**ASKED, "pause": "soon"},
        {**ASKED, "plan": "/etc/passwd"},
        {**ASKED, "model": {"imageUri": "-x"}},
        {"id": TARGET.resource_id, "verb": "scale"},
        {"id": TARGET.resource_id, "verb": "protect", "selection": {"all": True}},
        {"id": "/subscriptions/other", "verb": "restart"},
        [],
        "text",
        None,
    ],
)
def test_what_cannot_be_asked_is_told(steady: Served, document: Any) -> None:
    """Before anything is looked at or started."""
    refused = steady.post("/api/preview", document)
    assert refused.status in (400, 404)
    assert refused.what


def test_runs_that_are_not_there_cannot_be_told_anything(steady: Served) -> None:
    """No process is started for a name that somebody made up."""
    for path in ("approve", "reject", "pause", "resume", "abort", "rollback"):
        for name in ("none-1", "--help", "../web-1", ""):
            assert steady.post(f"/api/run/{path}", {"run": name}).status in (400, 404)
    assert steady.children.all() == ()


def test_what_is_no_simulator_cannot_be_controlled(steady: Served) -> None:
    """There is no clock to be shown, and none to be moved."""
    assert steady.get("/api/simulator").document is None
    assert steady.post("/api/simulator/clock", {"speed": 2}).status == 404


def test_many_pages_cost_one_look(page: Served) -> None:
    """However many ask, the set is looked at once until the service's answer lets it again."""
    backend = page.sources.service
    assert isinstance(backend, SimulatedBackend)
    for _ in range(20):
        page.get(SET)
        page.get("/api/scale-sets")
        page.post("/api/preview", ASKED)
    assert backend.requests[OperationKind.LIST_INSTANCES] == 1
    assert backend.requests[OperationKind.LIST_SCALE_SETS] == 1


def events(page: Served, path: str, wanted: int) -> list[tuple[str, Any]]:
    """Return the first events of a stream."""
    connection = http.client.HTTPConnection("127.0.0.1", page.access.port, PATIENCE_SECONDS)
    try:
        connection.request("GET", path, headers=page.headers(origin=None))
        stream = connection.getresponse()
        assert stream.getheader("content-type", "").startswith("text/event-stream")
        found: list[tuple[str, Any]] = []
        name = ""
        while len(found) < wanted:
            line = stream.readline().decode()
            assert line, "the stream has ended"
            if line.startswith("event: "):
                name = line.removeprefix("event: ").strip()
            if line.startswith("data: "):
                found.append((name, json.loads(line.removeprefix("data: "))))
        return found
    finally:
        connection.close()


def test_a_stream_tells_everything_once(page: Served) -> None:
    """The same documents as the addresses answer."""
    told = dict(events(page, f"/api/live?overview=1&id={TARGET.resource_id}", 4))
    assert set(told) == {"runs", "operations", "scale-sets", "scale-set"}
    assert told["runs"] == page.get("/api/runs").document
    assert told["scale-set"]["instances"] == page.get(SET).document["instances"]
    assert told["scale-sets"]["scaleSets"][0]["id"] == TARGET.resource_id


def test_a_set_that_changes_is_told(page: Served, world: World) -> None:
    """Once it may be looked at again."""
    page.get(SET)
    asyncio.run(SimulatedBackend(world).switch_instances(TARGET, Switch.STOP, ["2"]))
    run(world)
    assert page.sources.watch is not None
    page.sources.watch.forget()
    told = dict(events(page, f"/api/live?id={TARGET.resource_id}", 3))
    assert told["scale-set"]["counts"]["stopped"] == 1
    assert told["scale-set"]["instances"][2]["state"] == "stopped"


def test_there_are_not_more_streams_than_can_be_served(page: Served) -> None:
    """Whoever opens too many is told so."""
    page.sources.streams.open_ones = MOST_STREAMS
    assert page.get("/api/live").status == 503
    page.sources.streams.open_ones = 0

"""Files and folders: what is looked at, what is skipped, and what cannot stand together."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from vmssplan.errors import DocumentInvalid
from vmssplan.model import (
    Amount,
    ApprovalGate,
    Autoscale,
    Availability,
    CommandProbe,
    CommunityGalleryImage,
    Counting,
    Failure,
    Gate,
    Health,
    HealthSource,
    Hooks,
    HttpProbe,
    Method,
    ModelFields,
    OnFailure,
    OnScale,
    Order,
    OrderKey,
    Plan,
    PlatformImage,
    ProbeScope,
    ResourceImage,
    ScaleSetId,
    Selector,
    SharedGalleryImage,
    Strategy,
    StrategyType,
    UpgradeMode,
    UriImage,
)
from vmssplan.planfile import load_plans

if TYPE_CHECKING:
    from pathlib import Path

    from vmssplan.model import ImageReference
    from vmssplan.planfile import LoadedPlan

EACH = ProbeScope.INSTANCE
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"


def plan_text(name: str = "web", scale_set: str = "web", more: str = "") -> str:
    """Return a small good Plan."""
    return (
        f"apiVersion: vmssplan/v1\nkind: Plan\nmetadata: {{name: {name}}}\n"
        f"target: {{subscriptionId: {SUBSCRIPTION}, resourceGroup: myrg, scaleSet: {scale_set}}}\n"
        f"model: {{vmSize: Standard_D2s_v5}}\n{more}"
    )


def load(*paths: Path, environment: dict[str, str] | None = None) -> tuple[LoadedPlan, ...]:
    """Load with this environment and no other."""
    return load_plans(paths, environment or {})


def problems_of(*paths: Path, environment: dict[str, str] | None = None) -> list[str]:
    """Return the problems of a load that must fail, the folder cut off."""
    with pytest.raises(DocumentInvalid) as raised:
        load(*paths, environment=environment)
    folder = str(paths[0] if paths[0].is_dir() else paths[0].parent)
    return [
        str(problem).replace(folder + os.sep, "").replace(folder, "FOLDER")
        for problem in raised.value.problems
    ]


def test_every_key_arrives_in_the_plan(tmp_path: Path) -> None:
    """A Plan that writes every key becomes a Plan with every value."""
    file = tmp_path / "full.yaml"
    file.write_text(
        f"""\
apiVersion: vmssplan/v1
kind: Plan
metadata: {{name: full}}
target: {{subscriptionId: {SUBSCRIPTION}, resourceGroup: myrg, scaleSet: web}}
model:
  image: {{publisher: Canonical, offer: ubuntu-server, sku: 22_04-lts-gen2, version: latest}}
  vmSize: Standard_D2s_v5
  upgradePolicy: Manual
strategy:
  type: fixedBatch
  batchSize: [1, 5, "20%"]
  order: {{unhealthyFirst: false, by: [zone, instanceId]}}
  include: {{instanceIds: [0, "1", web_1a2b], updateDomains: [0], faultDomains: [1], zones: [1]}}
  exclude: {{zones: ["3"]}}
  pauseTimeBetweenBatches: PT2M
  method: reimage
availability: {{minInService: 80%, maxConcurrentOperations: 2}}
health:
  source: http
  minHealthyTime: PT1M
  deadline: P1DT1H
  http: {{url: "https://example.com/ok", expectStatus: 204, timeout: PT5S}}
  command: {{run: [./check.sh, --fast], timeout: PT20S}}
failure: {{maxFailedInstances: 2, onFailure: rollback}}
gates:
  - {{after: batch 1, approval: {{message: "canary looks right?"}}}}
  - {{after: each batch, command: {{run: [./smoke.sh]}}}}
  - after: each batch
    http: {{url: "http://{{privateIpAddress}}/", scope: instance}}
    initialDelay: PT1M
    interval: PT20S
    consecutiveSuccesses: 3
    failureLimit: 1
    inconclusiveLimit: 2
    consecutiveErrorLimit: 0
    deadline: PT2H
hooks:
  beforeBatch: {{run: [./drain.sh], timeout: PT5M, scope: instance}}
  afterBatch: {{run: [./undrain.sh]}}
autoscale: pin
onScale: refuse
"""
    )

    (loaded,) = load(file)

    assert loaded.plan == Plan(
        name="full",
        target=ScaleSetId(SUBSCRIPTION, "myrg", "web"),
        model=ModelFields(
            PlatformImage("Canonical", "ubuntu-server", "22_04-lts-gen2", "latest"),
            "Standard_D2s_v5",
            UpgradeMode.MANUAL,
        ),
        strategy=Strategy(
            type=StrategyType.FIXED_BATCH,
            batch_sizes=(Amount(1), Amount(5), Amount(20, percent=True)),
            order=Order(unhealthy_first=False, by=(OrderKey.ZONE, OrderKey.INSTANCE_ID)),
            include=Selector(("0", "1", "web_1a2b"), (0,), (1,), ("1",)),
            exclude=Selector(zones=("3",)),
            pause_time_between_batches=timedelta(minutes=2),
            method=Method.REIMAGE,
        ),
        availability=Availability(
            min_in_service=Amount(80, percent=True), max_concurrent_operations=2
        ),
        health=Health(
            HealthSource.HTTP,
            timedelta(minutes=1),
            timedelta(days=1, hours=1),
            HttpProbe("https://example.com/ok", 204, timedelta(seconds=5), EACH),
            CommandProbe(("./check.sh", "--fast"), timedelta(seconds=20), EACH),
        ),
        failure=Failure(2, OnFailure.ROLLBACK),
        gates=(
            Gate(ApprovalGate("canary looks right?"), after_batch=1),
            Gate(CommandProbe(("./smoke.sh",))),
            Gate(
                HttpProbe("http://{privateIpAddress}/", scope=EACH),
                counting=Counting(
                    initial_delay=timedelta(minutes=1),
                    interval=timedelta(seconds=20),
                    consecutive_successes=3,
                    failure_limit=1,
                    inconclusive_limit=2,
                    consecutive_error_limit=0,
                    deadline=timedelta(hours=2),
                ),
            ),
        ),
        hooks=Hooks(
            CommandProbe(("./drain.sh",), timedelta(minutes=5), EACH),
            CommandProbe(("./undrain.sh",)),
        ),
        autoscale=Autoscale.PIN,
        on_scale=OnScale.REFUSE,
    )


def test_what_is_left_out_gets_the_default_of_the_model(tmp_path: Path) -> None:
    """The shortest Plan is the Plan with the model's own defaults."""
    file = tmp_path / "short.yaml"
    file.write_text(plan_text())

    (loaded,) = load(file)

    assert loaded.plan == Plan(
        "web", ScaleSetId(SUBSCRIPTION, "myrg", "web"), ModelFields(vm_size="Standard_D2s_v5")
    )


GALLERY = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Compute"


@pytest.mark.parametrize(
    ("written", "image"),
    [
        pytest.param(
            "{publisher: Canonical, offer: UbuntuServer, sku: 14.04.2-LTS}",
            PlatformImage("Canonical", "UbuntuServer", "14.04.2-LTS", "latest"),
            id="marketplace, version left out",
        ),
        pytest.param(
            "{publisher: p, offer: no, sku: 2026-11-02, version: 4.0.20160229}",
            PlatformImage("p", "no", "2026-11-02", "4.0.20160229"),
            id="words that look like a boolean and a date stay text",
        ),
        pytest.param(
            f"{{id: {GALLERY}/images/golden}}",
            ResourceImage(f"{GALLERY}/images/golden"),
            id="managed",
        ),
        pytest.param(
            f"{{id: {GALLERY}/galleries/g/images/shop/versions/1.2.3}}",
            ResourceImage(f"{GALLERY}/galleries/g/images/shop/versions/1.2.3"),
            id="gallery",
        ),
        pytest.param(
            "{sharedGalleryImageId: /SharedGalleries/g/Images/shop/Versions/latest}",
            SharedGalleryImage("/SharedGalleries/g/Images/shop/Versions/latest"),
            id="shared gallery",
        ),
        pytest.param(
            "{communityGalleryImageId: /CommunityGalleries/g/Images/shop}",
            CommunityGalleryImage("/CommunityGalleries/g/Images/shop"),
            id="community gallery",
        ),
        pytest.param(
            '{uri: "https://store.blob.example/vhds/golden.vhd"}',
            UriImage("https://store.blob.example/vhds/golden.vhd"),
            id="blob",
        ),
    ],
)
def test_every_form_of_image(tmp_path: Path, written: str, image: ImageReference) -> None:
    """Each form of image becomes its own type."""
    file = tmp_path / "image.yaml"
    file.write_text(plan_text().replace("vmSize: Standard_D2s_v5", f"image: {written}"))

    (loaded,) = load(file)

    assert loaded.plan.model.image == image


def test_a_file_of_several_documents(tmp_path: Path) -> None:
    """A file may hold several Plans, empty documents and other kinds of ours between them."""
    file = tmp_path / "all.yaml"
    other = "apiVersion: vmssplan/v1\nkind: RolloutTest\nwhatever: 1\n"
    file.write_text("---\n".join([plan_text("a", "a"), other, "# nothing\n", plan_text("b", "b")]))

    loaded = load(file)

    assert [(each.plan.name, each.document, each.file) for each in loaded] == [
        ("a", 1, str(file)),
        ("b", 4, str(file)),
    ]


def test_a_folder_is_every_yaml_file_below_it(tmp_path: Path) -> None:
    """Folders are walked in sorted order; hidden ones and other files are left alone."""
    (tmp_path / "deep").mkdir()
    (tmp_path / ".github").mkdir()
    (tmp_path / "b.yaml").write_text(plan_text("b", "b"))
    (tmp_path / "deep" / "c.yml").write_text(plan_text("c", "c"))
    (tmp_path / "a.YAML").write_text(plan_text("a", "a"))
    (tmp_path / "scenario.yaml").write_text("kind: Scenario\n")
    (tmp_path / ".github" / "workflow.yaml").write_text("on: push\n")
    (tmp_path / "notes.txt").write_text("nothing\n")

    assert [each.plan.name for each in load(tmp_path)] == ["a", "b", "c"]


def test_the_same_file_named_twice_is_read_once(tmp_path: Path) -> None:
    """A folder and a file in it overlap without harm."""
    file = tmp_path / "web.yaml"
    file.write_text(plan_text())

    assert len(load(tmp_path, file, file)) == 1


def test_a_folder_without_plans(tmp_path: Path) -> None:
    """A folder in which there is nothing to do is an error, as it is surely the wrong one."""
    assert problems_of(tmp_path) == ["FOLDER: holds no *.yaml or *.yml file"]

    (tmp_path / "scenario.yaml").write_text("kind: Scenario\n")

    assert problems_of(tmp_path) == ["FOLDER: holds no document of kind Plan"]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    """No path, size or encoding leads to anything but a problem that names the file."""
    (tmp_path / "big.yaml").write_bytes(b"#" * (1024 * 1024 + 1))
    (tmp_path / "utf16.yaml").write_bytes("kind: Plan\n".encode("utf-16"))
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: \xe9\n")

    assert problems_of(
        *(tmp_path / name for name in ("none.yaml", "big.yaml", "utf16.yaml", "latin.yaml", "\0"))
    ) == [
        "none.yaml: cannot be read: No such file or directory",
        "big.yaml: is bigger than 1024 KiB",
        "utf16.yaml:1: is not UTF-8 text",
        "latin.yaml:2: is not UTF-8 text",
        "\0: cannot be read: embedded null byte",
    ]


def test_a_byte_order_mark_is_allowed(tmp_path: Path) -> None:
    """Windows editors begin a file with one."""
    file = tmp_path / "web.yaml"
    file.write_text(plan_text(), encoding="utf-8-sig")

    assert load(file)[0].plan.name == "web"


def test_problems_of_all_files_come_together(tmp_path: Path) -> None:
    """One load tells everything there is to correct, file by file."""
    (tmp_path / "a.yaml").write_text(plan_text("a", "a", "autoscal: pin\n"))
    (tmp_path / "b.yaml").write_text(plan_text("b", "b") + "---\n" + plan_text("c", "c", "x: 1\n"))
    (tmp_path / "d.yaml").write_text("a: [\n")

    assert [line.partition(": ")[0] for line in problems_of(tmp_path)] == [
        "a.yaml:6:1",
        "b.yaml:12:1",
        "d.yaml:2:1",
    ]


def test_plans_of_one_name(tmp_path: Path) -> None:
    """A name stands for one Plan."""
    (tmp_path / "a.yaml").write_text(plan_text("web", "one"))
    (tmp_path / "b.yaml").write_text(plan_text("web", "two"))

    assert problems_of(tmp_path) == [
        "b.yaml:3:18: metadata.name: another Plan is called web too: a.yaml:3:18"
    ]


def test_plans_for_one_scale_set(tmp_path: Path) -> None:
    """Two Plans for one scale set would undo each other; names count without case, as in Azure."""
    (tmp_path / "a.yaml").write_text(plan_text("one", "web"))
    (tmp_path / "b.yaml").write_text(plan_text("two", "WEB"))

    assert problems_of(tmp_path) == [
        "b.yaml:4:1: target: another Plan is for myrg/WEB too: a.yaml:4:1"
    ]
    assert len(load_plans([tmp_path], {}, distinct_targets=False)) == 2


def test_variables_in_the_target(tmp_path: Path) -> None:
    """The target takes environment variables, with defaults where they are missing or empty."""
    file = tmp_path / "web.yaml"
    text = plan_text(scale_set="'${STAGE}-web-${COLOUR:-blue}${EMPTY:-}'")
    file.write_text(text.replace(SUBSCRIPTION, "'${SUBSCRIPTION}'"))

    (loaded,) = load(
        file, environment={"SUBSCRIPTION": SUBSCRIPTION, "STAGE": "test", "COLOUR": ""}
    )

    assert loaded.plan.target == ScaleSetId(SUBSCRIPTION, "myrg", "test-web-blue")


def test_variables_that_do_not_work_out(tmp_path: Path) -> None:
    """A variable that is not there, or not a variable, is a problem where it is written."""
    file = tmp_path / "web.yaml"
    text = plan_text(scale_set="'${SET}${NESTED}'").replace(SUBSCRIPTION, "'${1X}'")
    file.write_text(text.replace("myrg", "'${GROUP}'"))

    assert problems_of(file, environment={"NESTED": "${OTHER}", "GROUP": "no good"}) == [
        "web.yaml:4:26: target.subscriptionId: expected ${NAME} or ${NAME:-default} after `${`",
        (
            "web.yaml:4:50: target.resourceGroup: expected the name of a resource group: up to 90"
            " letters, digits, `_`, `-`, `.` and parentheses, not ending in `.`,"
            ' got "no good"'
        ),
        (
            "web.yaml:4:72: target.scaleSet: the environment variable SET is not set; set it, or"
            " give a default: ${SET:-...}"
        ),
        "web.yaml:4:72: target.scaleSet: the environment variable NESTED contains `${`",
    ]


def test_variables_elsewhere_are_left_alone(tmp_path: Path) -> None:
    """Outside the target `${...}` is text like any other."""
    file = tmp_path / "web.yaml"
    file.write_text(plan_text(more="health: {command: {run: [sh, -c, 'echo ${HOME}']}}\n"))

    (loaded,) = load(file, environment={"HOME": "/root"})

    assert loaded.plan.health.command == CommandProbe(("sh", "-c", "echo ${HOME}"), scope=EACH)


def test_places(tmp_path: Path) -> None:
    """Any key path has a place: its own, or that of the nearest key the file writes."""
    file = tmp_path / "web.yaml"
    gates = "gates:\n  - after: batch 1\n    approval:\n      message: go?\n"
    file.write_text(plan_text(more=gates))

    (loaded,) = load(file)

    assert loaded.place("metadata.name") == (3, 18)
    assert loaded.place("gates") == (6, 1)
    assert loaded.place("gates[0].after") == (7, 12)
    assert loaded.place("gates[0].http.url") == (7, 5)
    assert loaded.place("gates[0].approval") == (8, 5)
    assert loaded.place("gates[4]") == (6, 1)
    assert loaded.place("strategy.batchSize[2]") == (1, 1)
    assert loaded.place("") == (1, 1)
    problem = loaded.problem("gates[0].after", "no such batch", rule="gate-after-last-batch")
    assert str(problem) == f"{file}:7:12: gates[0].after: no such batch"
    assert problem.rule == "gate-after-last-batch"


def test_the_package_is_light_until_it_loads() -> None:
    """Importing the loader imports neither YAML nor JSON Schema."""
    code = (
        "import sys, vmssplan.planfile, vmssplan.schema_files, vmssplan.lint\n"
        "print(*({'yaml', 'jsonschema', 'deepdiff', 'azure'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == ""

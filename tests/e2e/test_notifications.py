"""`--notify`: others are told of a Run, hold nothing up, and secrets stay where they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, SCENARIOS, Program
from tests.support.http_server import Server, answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.in_process import Here

PLAN = PLANS / "web-jammy.yaml"
SIMULATOR = ("--simulator", SCENARIOS / "web-12.yaml")
SECRET, TOKEN = "pl4nt3d-s3cr3t-0123", "pl4nt3d-in-the-address"
CHANNELS = """\
apiVersion: vmssplan/v1
kind: Notifications
channels:
  - {name: audit, urlFrom: {environment: HOOK}, secretFrom: {file: secret.txt}}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve on this machine."""
    with answering(Server()) as running:
        yield running


def prepare(folder: Path) -> None:
    """Write the document, and the secret it names."""
    (folder / "notify.yaml").write_text(CHANNELS, "utf-8")
    (folder / "secret.txt").write_text(SECRET, "utf-8")


def test_a_run_of_the_program_is_told(tmp_path: Path, server: Server) -> None:
    """Start and end arrive, in a process of its own, which then ends."""
    prepare(tmp_path)
    hook = f"http://{server.address}/{TOKEN}/200"

    done = Program(tmp_path).run(
        "apply", PLAN, *SIMULATOR, "--auto-approve", VMSSPLAN_NOTIFY="notify.yaml", HOOK=hook
    )

    assert done.code == 0, done.text
    told = [json.loads(one.body) for one in server.received]
    assert [one["type"] for one in told] == ["started", "completed"]
    assert all("webhook-signature" in one.headers for one in server.received)


def test_what_is_not_delivered_is_a_warning_and_no_secret_is_anywhere(
    here: Here, server: Server
) -> None:
    """Neither in what is printed and logged, as loud as can be, nor in a file."""
    prepare(here.folder)
    hook = f"http://{server.address}/{TOKEN}/404"
    loud = {"VMSSPLAN_LOG_LEVEL": "debug", "VMSSPLAN_LOG_FORMAT": "json", "VMSSPLAN_DEBUG": "1"}

    done = here.run(
        "apply", PLAN, *SIMULATOR, "--auto-approve", "--notify", "notify.yaml", HOOK=hook, **loud
    )

    assert done.code == 0, done.text
    assert "notification completed of web-jammy-1 was not delivered to audit: HTTP 404" in done.err
    assert server.received
    (here.folder / "secret.txt").unlink()
    for text in (done.text, *(_text(one) for one in here.folder.rglob("*") if one.is_file())):
        assert "pl4nt3d" not in text


def _text(file: Path) -> str:
    return file.read_bytes().decode(errors="replace")


def test_an_approval_is_asked_for_and_the_run_told_again(here: Here, server: Server) -> None:
    """Without --wait it ends with exit code 10; resume and rollback tell too."""
    prepare(here.folder)
    plan = PLAN.read_text("utf-8") + "gates: [{after: batch 1, approval: {message: is it well}}]\n"
    (here.folder / "plan.yaml").write_text(plan, "utf-8")
    notify = {"VMSSPLAN_NOTIFY": "notify.yaml", "HOOK": f"http://{server.address}/status/200"}

    codes = [
        here.run("apply", "plan.yaml", *SIMULATOR, "--auto-approve", **notify).code,
        here.run("approve", "web-jammy-1").code,
        here.run("resume", "web-jammy-1", *SIMULATOR, **notify).code,
        here.run("rollback", "web-jammy-1", *SIMULATOR, "--auto-approve", **notify).code,
    ]

    assert codes == [10, 0, 0, 12]
    told = [json.loads(one.body) for one in server.received]
    assert [(one["type"], one["resumed"]) for one in told] == [
        ("started", False),
        ("waitingForApproval", False),
        ("started", True),
        ("completed", False),
        ("started", True),
        ("rolledBack", False),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [(CHANNELS, "the variable HOOK is not set"), ("kind: Plan\n", "notify.yaml"), (None, "read")],
)
def test_what_cannot_be_told_is_refused_before_there_is_a_run(
    here: Here, text: str | None, expected: str
) -> None:
    """With the place of the mistake."""
    prepare(here.folder)
    if text is None:
        (here.folder / "notify.yaml").unlink()
    else:
        (here.folder / "notify.yaml").write_text(text, "utf-8")

    answer = here.run("apply", PLAN, *SIMULATOR, "--auto-approve", "--notify", "notify.yaml")

    assert answer.code == 1
    assert "notify.yaml" in answer.err
    assert expected in answer.err
    assert not (here.folder / ".vmssplan" / "runs").exists()


def test_the_schemas_are_printed(here: Here) -> None:
    """For editors and receivers."""
    for name in ("notifications", "notification", "runreport"):
        assert json.loads(here.run("schema", name).out)["title"].startswith("vmssplan")


@pytest.mark.parametrize("is_well", [True, False])
def test_the_variable_counts_for_other_verbs_too(
    here: Here, server: Server, *, is_well: bool
) -> None:
    """Instances that are upgraded by hand are told of; a mistake is a warning, the Run goes on."""
    prepare(here.folder)
    upgrade = ("instances", "upgrade", PLAN, "--ids", "0", *SIMULATOR, "--auto-approve")
    hook = f"http://{server.address}/status/200"
    notify = {"VMSSPLAN_NOTIFY": "notify.yaml", **({"HOOK": hook} if is_well else {})}

    done = here.run(*upgrade, **notify)

    assert done.code == 0, done.text
    if is_well:
        types = [json.loads(one.body)["type"] for one in server.received]
        assert types == ["started", "completed"]
    else:
        assert "nobody is notified: notify.yaml:4:" in done.err
        assert server.received == []

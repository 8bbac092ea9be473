"""`vmssplan ui` as it is started: what it serves, what it starts, and what it refuses to be."""

from __future__ import annotations

import json
import signal
import stat
import time
from contextlib import contextmanager
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest

from tests.e2e.program import (
    LOOK_AGAIN_SECONDS,
    PATIENCE_SECONDS,
    PLANS,
    SCENARIOS,
    Program,
    Simulator,
    serving,
    wait_until,
)

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

PLAN = PLANS / "web-jammy.yaml"
WEB = (
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/myrg"
    "/providers/Microsoft.Compute/virtualMachineScaleSets/web"
)


class Page:
    """The page, as far as it talks to the server."""

    def __init__(self, process: subprocess.Popen[str], link: str) -> None:
        self.process = process
        self._origin = link.partition("/?")[0]
        self._opener: OpenerDirector = build_opener(HTTPCookieProcessor(CookieJar()))
        self._opener.open(link, timeout=PATIENCE_SECONDS).read()
        self._csrf = self.get("/api/session")["csrf"]

    def get(self, path: str) -> Any:
        """Ask for something."""
        with self._opener.open(self._origin + path, timeout=PATIENCE_SECONDS) as reply:
            return json.load(reply)

    def post(self, path: str, document: dict[str, Any]) -> Any:
        """Send something."""
        headers = {
            "content-type": "application/json",
            "x-csrf-token": self._csrf,
            "origin": self._origin,
        }
        data = json.dumps(document).encode()
        request = Request(self._origin + path, data, headers)  # noqa: S310 - loopback
        with self._opener.open(request, timeout=PATIENCE_SECONDS) as reply:
            return json.load(reply)

    def confirm(self, asked: dict[str, Any]) -> str:
        """Preview, and have that carried out; return the name of the operation."""
        shown = self.post("/api/preview", asked)
        assert shown["refused"] is None
        started = self.post("/api/operations", {**asked, "digest": shown["digest"]})
        name: str = started["operation"]
        return name

    def ended(self, name: str) -> dict[str, Any]:
        """Return the operation once it has ended."""
        found: dict[str, Any] = {}

        def is_over() -> bool:
            found.update(
                next(
                    one
                    for one in self.get("/api/operations")["operations"]
                    if one["operation"] == name
                )
            )
            return found["exitCode"] is not None

        wait_until(is_over, self.process)
        return found


@contextmanager
def opened(program: Program, *options: str | Path) -> Iterator[Page]:
    """Start the server, and open its link."""
    ready = program.folder / "page.json"
    process = program.start("ui", *options, "--no-open", "--ready-file", ready)
    try:
        wait_until(ready.exists, process)
        assert stat.S_IMODE(ready.stat().st_mode) == 0o600
        yield Page(process, json.loads(ready.read_text("utf-8"))["url"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=PATIENCE_SECONDS)


def test_what_is_confirmed_on_the_page_is_done_by_the_command_line(tmp_path: Path) -> None:
    """On the page's own simulator: instances are upgraded, restarted and told of, floor kept."""
    program = Program(tmp_path)
    options = ("--simulator", SCENARIOS / "web-12.yaml", "--speed", "2000x")
    with opened(program, PLAN, *options) as page:
        upgraded = page.ended(
            page.confirm({"id": WEB, "verb": "upgrade", "selection": {"updateDomains": [1]}})
        )
        assert upgraded["exitCode"] == 0, upgraded["output"]
        assert "Apply complete!" in upgraded["output"]
        told = page.get(f"/api/run?name={upgraded['run']}")
        assert told["status"]["word"] == "complete"
        assert [one["number"] for one in told["events"]] == list(range(len(told["events"])))
        restarted = page.ended(
            page.confirm({"id": WEB, "verb": "restart", "selection": {"ids": ["0"]}})
        )
        assert restarted["exitCode"] == 0, restarted["output"]
        (line,) = page.get("/api/scale-sets")["scaleSets"]
        assert (line["counts"]["current"], line["counts"]["inService"]) == (3, 12)
        history = page.get(f"/api/instance?id={WEB}&instance=1")["history"]
        assert {one["run"] for one in history} == {upgraded["run"]}
        assert page.post("/api/simulator/clock", {"speed": 60})["speed"] == 60
        logs = sorted((tmp_path / ".vmssplan" / "ui").iterdir())
    assert [path.name for path in logs] == ["op-1.log", "op-2.log"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in logs)
    assert not (tmp_path / "page.json").exists()


def test_a_run_goes_on_when_the_server_is_killed(tmp_path: Path) -> None:
    """It is a process of its own; another server shows how it went on."""
    program = Program(tmp_path)
    with serving(tmp_path, SCENARIOS / "web-12.yaml", "--speed", "2000x") as simulator:
        with opened(program, PLAN, *simulator.arguments) as page:
            page.confirm({"id": WEB, "verb": "rollout"})
            wait_until(lambda: len(program.journal("web-jammy-1")) > 3, page.process)
            page.process.kill()
            page.process.wait()
        at_the_kill = len(program.journal("web-jammy-1"))
        _wait_for_the_end(program)
        assert len(program.journal("web-jammy-1")) > at_the_kill
        assert simulator.lowest_in_service() >= 10
    # The ready file of the one that was killed is still there.
    (tmp_path / "page.json").unlink(missing_ok=True)
    with opened(program, "--journals") as page:
        (run,) = page.get("/api/runs")["runs"]
        assert (run["run"], run["word"], run["exitCode"]) == ("web-jammy-1", "complete", 0)
        assert page.get("/api/session")["service"]["kind"] == "journals"
        assert page.get("/api/scale-sets")["scaleSets"] == []


def test_a_run_that_waits_is_answered_where_there_are_only_journals(program: Program) -> None:
    """Whoever approves needs no access to Azure; carrying it on is somebody else's."""
    gate = '\ngates:\n  - {after: batch 1, approval: {message: "looks right?"}}\n'
    (program.folder / "gated.yaml").write_text(PLAN.read_text("utf-8") + gate, "utf-8")
    simulator = ("--simulator", SCENARIOS / "web-12.yaml")
    assert program.run("apply", "gated.yaml", *simulator, "--auto-approve").code == 10
    with opened(program, "--journals") as page:
        told = page.get("/api/run?name=web-jammy-1")
        step = told["status"]["waitingForApproval"]["step"]
        assert told["status"]["waitingForApproval"]["message"] == "looks right?"
        answer = {"run": "web-jammy-1", "step": step, "digest": told["digest"]}
        said = page.post("/api/run/approve", answer)
        assert said["text"].startswith(f"Step {step} of web-jammy-1 is approved.")
        assert said["command"].startswith(f"vmssplan approve web-jammy-1 {step} --digest sha256:")
        for path, wrong in (
            ("/api/run/approve", {**answer, "digest": "sha256:0"}),
            ("/api/run/pause", {"run": "web-jammy-1"}),
        ):
            with pytest.raises(HTTPError) as refused:
                page.post(path, wrong)
            assert refused.value.status == 409
            assert "web-jammy-1" in json.load(refused.value)["error"]["what"]
        with pytest.raises(HTTPError) as missing:
            page.post("/api/run/resume", {"run": "web-jammy-1"})
        assert missing.value.status == 404
    assert program.run("resume", "web-jammy-1", *simulator).code == 0


def _wait_for_the_end(program: Program) -> None:
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while "RunCompleted" not in str(program.journal("web-jammy-1")[-1]):
        assert time.monotonic() < patience_ends
        time.sleep(LOOK_AGAIN_SECONDS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--host", "0.0.0.0"), "others can reach 0.0.0.0"),  # noqa: S104 - it is refused
        (("--host", "192.0.2.1"), "add --tls-certificate and --tls-key"),
        (("--tls-certificate", "cert.pem"), "--tls-certificate and --tls-key go together"),
        (("--simulator", "a.yaml", "--endpoint", "https://127.0.0.1:1"), "exclude each other"),
        (("--simulator", "none.yaml"), "there is no such scenario"),
        (("none.yaml",), "none.yaml"),
    ],
)
def test_what_it_will_not_be_is_told(program: Program, options: Any, said: str) -> None:
    """Before anything is listened to."""
    refused = program.run("ui", "--no-open", *options)
    assert refused.code == 1
    assert said in refused.text


def test_a_simulator_is_not_needed(web: Simulator, program: Program) -> None:
    """Read-only, on a simulator that somebody else serves, without a Plan."""
    with opened(program, "--read-only", *web.arguments) as page:
        (line,) = page.get("/api/scale-sets")["scaleSets"]
        assert line["counts"]["total"] == 12
        assert page.get("/api/session")["readOnly"] is True
        assert page.get("/api/simulator")["clock"]["mode"] == "manual"

"""Applied is what was reviewed: this Rollout, in time, asked for by nobody's accident."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PATIENCE_SECONDS, PLANS, SCENARIOS, serving, wait_until
from tests.e2e.test_exit_codes import scenario_with
from vmssplan.errors import ExitCode

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.program import Program, Simulator
    from tests.support.in_process import Answer, Here

WEB = PLANS / "web-jammy.yaml"
WEB_SET = ("--simulator", SCENARIOS / "web-12.yaml")
RUN = "web-jammy-1"
WRONG = "0123456789abcdef" * 4


@pytest.fixture
def small(program: Program) -> Iterator[Simulator]:
    """Serve a set of four instances over HTTPS."""
    with serving(program.folder, scenario_with(program)) as simulator:
        yield simulator


def planned(here: Here, *options: str) -> dict[str, str]:
    """Save the everyday Rollout as r.json, and return the document."""
    answer = here.run("plan", WEB, *WEB_SET, "--out", "r.json", *options)
    assert answer.code == 0, answer.text
    document: dict[str, str] = json.loads((here.folder / "r.json").read_text("utf-8"))
    return document


def apply(here: Here, *options: str | Path) -> Answer:
    """Apply r.json without asking."""
    return here.run("apply", "r.json", *WEB_SET, "--auto-approve", *options)


def gated(folder: Path) -> Path:
    """Write the everyday Plan with an approval after its first batch."""
    path = folder / "gated.yaml"
    gate = "gates:\n- {after: batch 1, approval: {message: canary looks right}}\n"
    path.write_text(WEB.read_text("utf-8").replace("20%", "50%") + gate, encoding="utf-8")
    return path


def types_of(program: Program) -> set[str]:
    """Return the types of the Events of the Run so far."""
    return {event["type"] for event in program.journal(RUN)}


def read_until(process: subprocess.Popen[str], beginning: str) -> None:
    """Read lines until one begins so."""
    assert process.stdout is not None
    assert any(line.startswith(beginning) for line in process.stdout), "it never said so"


def nothing_was_done(here: Here) -> bool:
    """Tell that there is no Run."""
    return not (here.folder / ".vmssplan" / "runs").exists()


@pytest.mark.parametrize("length", [12, 40, 64])
@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_the_reviewed_digest_is_applied(here: Here, length: int, prefix: str) -> None:
    """Whole or its beginning, with its name or without, in either case."""
    digits = planned(here)["digest"].removeprefix("sha256:")[:length]

    assert apply(here, "--require-digest", prefix + digits.upper()).code == 0


def test_another_digest_is_13_and_names_both(here: Here) -> None:
    """Nothing is done."""
    own = planned(here)["digest"]

    answer = apply(here, "--require-digest", WRONG)

    assert answer.code == ExitCode.STALE
    assert own in answer.err
    assert WRONG in answer.err
    assert nothing_was_done(here)


def test_a_plan_is_held_to_the_digest_as_well(here: Here) -> None:
    """Computed anew for the same set it is the same Rollout; for another image it is not."""
    own = planned(here)["digest"]
    other = here.folder / "other.yaml"
    other.write_text(WEB.read_text("utf-8").replace("20%", "25%"), encoding="utf-8")

    options = (*WEB_SET, "--auto-approve", "--require-digest", own)
    refused = here.run("apply", other, *options)
    same = here.run("apply", WEB, *options)

    assert (refused.code, same.code) == (13, 0), refused.text + same.text


@pytest.mark.parametrize("typed", ["", "sha256:", "0123", "0123456789a", "z" * 64, "latest"])
def test_what_is_no_digest_is_a_usage_error(here: Here, typed: str) -> None:
    """A digest so short, or none at all, must not pass as a promise."""
    planned(here)

    answer = apply(here, f"--require-digest={typed}")

    assert (answer.code, "--require-digest" in answer.err) == (1, True)
    assert nothing_was_done(here)


def test_a_longer_one_is_not_the_digest(here: Here) -> None:
    """The digest with something behind it is another."""
    own = planned(here)["digest"]

    assert apply(here, "--require-digest", f"{own}00").code != 0
    assert nothing_was_done(here)


def test_a_rollout_in_its_time_is_applied(here: Here) -> None:
    """The file says until when, the digest does not depend on it."""
    free = planned(here)
    bound = planned(here, "--expires", "PT24H")

    assert bound["digest"] == free["digest"]
    assert "expiresAt" not in free
    assert datetime.fromisoformat(bound["expiresAt"]).tzinfo is not None
    assert apply(here).code == 0


def test_an_expired_rollout_is_13_with_both_times(here: Here) -> None:
    """The clock is that of the service: the simulator's here."""
    document = planned(here, "--expires", "PT1H")
    until = datetime.fromisoformat(document["expiresAt"])
    earlier = {**document, "expiresAt": (until - timedelta(hours=1, seconds=1)).isoformat()}
    (here.folder / "r.json").write_text(json.dumps(earlier))

    answer = apply(here)

    assert answer.code == ExitCode.STALE
    assert f"{until - timedelta(hours=1, seconds=1):%Y-%m-%d %H:%M} UTC" in answer.err
    assert nothing_was_done(here)


def test_a_rollout_expires_at_the_second_it_says(here: Here) -> None:
    """An expiry of no time at all is over at once."""
    planned(here, "--expires", "PT0S")

    assert apply(here).code == ExitCode.STALE


@pytest.mark.parametrize("expiry", ["tomorrow", 5, ["2026-11-02T08:00:00Z"]])
def test_an_expiry_that_is_no_time_is_refused(here: Here, expiry: object) -> None:
    """A file that somebody has changed is not guessed at."""
    document = planned(here)
    (here.folder / "r.json").write_text(json.dumps({**document, "expiresAt": expiry}))

    answer = apply(here)

    assert (answer.code, "expiresAt" in answer.err) == (1, True)


def test_show_says_a_rollout_whether_it_has_expired_or_not(here: Here) -> None:
    """Looking at it is never refused."""
    planned(here, "--expires", "PT0S")

    assert here.run("show", "r.json").code == 0


@pytest.mark.parametrize(
    "options",
    [
        ("--expires", "PT1H"),
        ("--out", "r.json", "--expires", "1h"),
        ("--out", "r.json", "-expires="),
    ],
    ids=["no file", "no duration", "nothing"],
)
def test_an_expiry_without_a_file_or_a_duration_is_a_usage_error(
    here: Here, options: tuple[str, ...]
) -> None:
    """It is said before anything is asked of the service."""
    assert here.run("plan", WEB, *WEB_SET, *options).code == 1
    assert not (here.folder / "r.json").exists()


def test_a_resumed_run_does_not_expire(here: Here) -> None:
    """What was begun in time may be ended after it."""
    planned(here, "--expires", "PT1H")
    saved = here.run("plan", gated(here.folder), *WEB_SET, "--out", "r.json", "--expires", "PT1M")
    held = apply(here)
    approved = here.run("approve", RUN, "4")

    resumed = here.run("resume", RUN, *WEB_SET)

    codes = (saved.code, held.code, approved.code, resumed.code)
    assert codes == (0, 10, 0, 0), saved.text + held.text + approved.text + resumed.text


def test_nobody_to_ask_is_an_error_before_anything(here: Here) -> None:
    """With -input=false as without a terminal: --auto-approve, or nothing."""
    planned(here)

    silent = here.run("apply", "r.json", *WEB_SET, "-input=false")
    odd = here.run("apply", "r.json", *WEB_SET, "-input=perhaps", "--auto-approve")

    assert (silent.code, "--auto-approve" in silent.err) == (1, True)
    assert (odd.code, "expected true or false" in odd.err) == (1, True)
    assert nothing_was_done(here)


def test_in_automation_the_next_command_is_left_out(here: Here) -> None:
    """TF_IN_AUTOMATION: whoever reads the log does not type there."""
    typed = here.run("plan", WEB, *WEB_SET)
    automatic = here.run("plan", WEB, *WEB_SET, TF_IN_AUTOMATION="1")

    assert "\nTo apply: vmssplan apply" in typed.out
    assert "To apply" not in automatic.out
    assert typed.out.startswith(automatic.out.rstrip("\n"))


def test_the_comment_says_how_the_saved_rollout_is_applied(here: Here) -> None:
    """With the digest that was reviewed, and until when; the command works as it stands."""
    comment = here.run(
        "plan", WEB, *WEB_SET, "--out", "r.json", "--expires", "PT24H", "--format", "markdown"
    )
    document = json.loads((here.folder / "r.json").read_text("utf-8"))
    [line] = [one for one in comment.out.splitlines() if one.startswith("Apply with")]
    command = line.split("`")[1].split()

    applied = here.run(*command[1:], *WEB_SET, "--auto-approve")

    assert comment.out.startswith("<!-- vmssplan plan -->\n### vmssplan: 11 instances of 1 scale")
    assert f"Digest: `{document['digest']}`" in comment.out
    assert line.endswith(
        f", until {document['expiresAt'][:10]} {document['expiresAt'][11:16]} UTC."
    )
    assert (command[0], applied.code) == ("vmssplan", 0), applied.text


def test_apply_waits_for_another_holder_as_long_as_it_is_told(
    program: Program, small: Simulator
) -> None:
    """A real second process holds the set: 14 at once, or when its patience ends; else it goes on.

    Nothing is upgraded twice.
    """
    # The one who waits for the service need not wait for the wall clock.
    small.ask("/clock", {"mode": "manual"}, method="PUT")
    plan = gated(program.folder)
    apply_other: tuple[str | Path, ...] = (
        "apply",
        PLANS / "canary-ramp.yaml",
        *small.arguments,
        "--auto-approve",
    )
    # At the approval it stays, and holds the set meanwhile.
    holder = program.start("apply", plan, *small.arguments, "--auto-approve", "--wait")
    waiting: list[subprocess.Popen[str]] = []
    try:
        wait_until(lambda: "ApprovalAwaited" in types_of(program), holder)
        at_once = program.run(*apply_other)
        begun = time.monotonic()
        waited = program.run(*apply_other, "--lock-timeout", "PT2S")
        spent = time.monotonic() - begun
        resume = ("resume", RUN, *small.arguments, "--lock-timeout", "PT5M")
        waiting = [program.start(*apply_other, "-lock-timeout=300s"), program.start(*resume)]
        # From here on it is for the set as it is now.
        read_until(waiting[0], "Predicted: ")
        program.run("approve", RUN, "4")
        said = [one.communicate(timeout=PATIENCE_SECONDS)[0] for one in (holder, *waiting)]
    finally:
        for one in (holder, *waiting):
            one.kill()
    assert at_once.code == waited.code == ExitCode.LOCKED, at_once.text + waited.text
    assert spent >= 2
    # Those who waited find that all is done, and do nothing again.
    assert [one.returncode for one in (holder, *waiting)] == [0, 0, 0], said
    assert sorted(small.upgrades()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize("typed", ["soon", "5", "-1s", "PT", ""])
def test_a_lock_timeout_is_a_duration(here: Here, typed: str) -> None:
    """Terraform's `300s` and ISO 8601's `PT5M`, and nothing else."""
    answer = here.run("apply", WEB, *WEB_SET, "--auto-approve", f"--lock-timeout={typed}")

    assert (answer.code, "--lock-timeout" in answer.err) == (1, True), answer.text
    assert nothing_was_done(here)

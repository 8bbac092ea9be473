"""The GitHub Action: its shell steps run as they are written, with the real program."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.program import PLANS, ROOT, SCENARIOS
from tests.support.forges import ME, TOKEN, Forge, serving_forge
from tests.support.workflows import ACTION, Job, bash, load, with_program

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.own_process,
    pytest.mark.skipif(os.name != "posix", reason="the steps are for bash"),
]
MARKER = "<!-- vmssplan plan -->"
SCRIPTS = ROOT / ".github" / "scripts"
WEB = (PLANS / "web-jammy.yaml").read_text("utf-8")


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Serve what stands for GitHub."""
    with serving_forge() as served:
        yield served


@pytest.fixture
def job(tmp_path: Path, forge: Forge) -> Job:
    """Return a job for pull request 7, with a Plan and the embedded simulator."""
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "web.yaml").write_text(WEB, encoding="utf-8")
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    (tmp_path / "temp").mkdir()
    variables = {
        "PATH": with_program(tmp_path),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_API_URL": forge.url,
        "GITHUB_REPOSITORY": "org/repo",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
        "VMSSPLAN_SIMULATOR": str(SCENARIOS / "web-12.yaml"),
        "NO_PROXY": "127.0.0.1",
    }
    return Job(tmp_path, variables)


def use(job: Job, **given: str) -> Job:
    """Use the action without installing anything."""
    return job.use_action(**{"install": "false", "token": TOKEN, **given})


def summary(job: Job) -> str:
    """Return the summary of the job."""
    path = job.folder / "summary.md"
    return path.read_text("utf-8") if path.exists() else ""


def test_no_input_is_pasted_into_a_script() -> None:
    """Every input reaches the shell as a variable, and every input is used."""
    action = load(ACTION)
    steps = action["runs"]["steps"]
    text = ACTION.read_text("utf-8").partition("\nruns:")[2]

    assert not [step for step in steps if "${{" in step.get("run", "")]
    assert all(step["shell"] == "bash" for step in steps if "run" in step)
    assert [name for name in action["inputs"] if f"inputs.{name}" not in text] == []
    assert all(
        one["description"] for one in (*action["inputs"].values(), *action["outputs"].values())
    )


def test_a_plan_is_commented_on_and_renewed_not_repeated(job: Job, forge: Forge) -> None:
    """The second push finds the comment of the first, behind a hundred others."""
    for number in range(120):
        forge.add("somebody", f"comment {number}")
    spoofed = forge.add("somebody", f"{MARKER}\nall is well")

    first = use(job, rollout="rollout.json")
    digest = json.loads((job.folder / "rollout.json").read_text())["digest"]
    assert (first.code, first.outputs["exit-code"]) == (0, "2"), first.log
    assert (first.outputs["has-changes"], first.outputs["digest"]) == ("true", digest)
    (job.folder / "plans" / "web.yaml").write_text(WEB.replace("20%", "25%"), encoding="utf-8")
    second = use(job)

    assert "Renewed the comment of #7." in second.log
    mine = [text for author, text in forge.comments.values() if author == ME]
    assert len(mine) == 1
    assert mine[0].startswith(f"{MARKER}\n### vmssplan: 11 instances of 1 scale set to upgrade")
    assert second.outputs["digest"] in mine[0]
    assert second.outputs["digest"] != digest
    assert forge.comments[spoofed][1] == f"{MARKER}\nall is well"
    assert summary(job).endswith(mine[0])


def test_several_uses_in_one_pull_request_have_a_comment_each(job: Job, forge: Forge) -> None:
    """Told apart by their key, of which only harmless characters count."""
    use(job, comment_key="staging")
    use(job, comment_key="production --> <b>")
    use(job, comment_key="staging")

    markers = [text.partition("\n")[0] for _, text in forge.comments.values()]
    assert markers == ["<!-- vmssplan plan: staging -->", "<!-- vmssplan plan: production--b -->"]


def test_what_was_planned_is_applied_by_its_digest(job: Job) -> None:
    """The apply of another job takes the file and the digest; then nothing is left to do."""
    planned = use(job, rollout="rollout.json", args="--expires\nPT24H")
    digest = planned.outputs["digest"]
    other = use(job, command="apply", plans="rollout.json", require_digest="0" * 64)
    assert (other.code, other.outputs["exit-code"]) == (13, "13"), other.log

    applied = use(job, command="apply", plans="rollout.json", require_digest=digest)
    assert (applied.code, applied.outputs["exit-code"]) == (0, "0"), applied.log
    assert "Apply complete!" in applied.log
    assert "### vmssplan apply ended with exit code 0\n\n```text\n" in summary(job)
    again = use(job)

    assert (again.code, again.outputs["exit-code"]) == (0, "0"), again.log
    assert again.outputs["has-changes"] == "false"


def test_a_plan_that_fails_takes_the_place_of_the_good_one(job: Job, forge: Forge) -> None:
    """A comment that was true yesterday must not stand under what cannot be planned."""
    use(job)
    (job.folder / "plans" / "web.yaml").write_text(
        WEB.replace("stratgy", "").replace("strategy:", "stratgy:"), encoding="utf-8"
    )

    failed = use(job, sarif="vmssplan.sarif")

    [(_, text)] = forge.comments.values()
    assert (failed.code, failed.outputs["exit-code"]) == (1, "1")
    assert text.startswith(
        f"{MARKER}\n### vmssplan plan failed with exit code 1\n\n```text\nError: "
    )
    assert "::error file=plans/web.yaml,line=" in failed.log
    log = json.loads((job.folder / "vmssplan.sarif").read_text())
    assert log["runs"][0]["results"][0]["ruleId"] == "invalid-plan"


@pytest.mark.parametrize(("text", "code"), [(WEB, 0), (WEB.replace("20%", "0%"), 1)])
def test_validate_asks_no_service_and_comments_nothing(
    job: Job, forge: Forge, text: str, code: int
) -> None:
    """Its findings are beside their lines."""
    (job.folder / "plans" / "web.yaml").write_text(text, encoding="utf-8")
    job.variables["VMSSPLAN_SIMULATOR"] = "no-such.yaml"

    validated = use(job, command="validate", sarif="v.sarif")

    assert (validated.code, validated.outputs["exit-code"]) == (code, str(code)), validated.log
    assert ("::error file=plans/web.yaml" in validated.log) == bool(code)
    assert json.loads((job.folder / "v.sarif").read_text())["version"] == "2.1.0"
    assert forge.asked == []


def test_drift_fails_the_job_and_has_a_comment_of_its_own(job: Job, forge: Forge) -> None:
    """A set nobody has rolled out differs from its Plan."""
    drifted = use(job, command="drift")

    [(_, text)] = forge.comments.values()
    assert (drifted.code, drifted.outputs["has-changes"]) == (7, "true"), drifted.log
    assert text.startswith("<!-- vmssplan drift -->\n")


def test_exit_codes_can_be_declared_good(job: Job) -> None:
    """A rollout that waits for an approval is no failure where that is expected."""
    gate = "gates:\n- {after: batch 1, approval: {message: canary looks right}}\n"
    (job.folder / "plans" / "web.yaml").write_text(WEB + gate, encoding="utf-8")

    waits = use(job, command="apply", plans="plans/web.yaml", succeed_on="0 10")

    assert (waits.code, waits.outputs["exit-code"]) == (0, "10"), waits.log


def test_without_a_pull_request_there_is_the_summary(job: Job, forge: Forge) -> None:
    """On a push or a schedule nobody is commented at."""
    (job.folder / "event.json").write_text(json.dumps({"ref": "refs/heads/main"}))

    pushed = use(job)

    assert (pushed.code, forge.asked) == (0, [])
    assert summary(job).startswith(MARKER)


def test_a_token_that_may_not_write_is_a_warning(job: Job, forge: Forge) -> None:
    """As in pull requests from forks; the plan is in the summary."""
    forge.is_read_only = True

    read = use(job)
    unknown = use(job, token="another")  # noqa: S106 - a made-up one

    for one in (read, unknown):
        assert one.code == 0, one.log
        assert "::warning title=vmssplan::the comment could not be written" in one.log
    assert forge.comments == {}


def test_what_vmssplan_prints_is_no_workflow_command(job: Job) -> None:
    """Names come from files of a pull request; they are printed where commands are stopped."""
    evil = "::set-env name=PATH::evil"
    (job.folder / "plans" / "web.yaml").write_text(
        WEB + f"gates:\n- {{after: batch 1, approval: {{message: '{evil}'}}}}\n", encoding="utf-8"
    )

    planned = use(job)

    stopped = re.search(r"(?ms)^::stop-commands::([0-9a-f]{32})$(.*?)^::\1::$", planned.log)
    assert stopped is not None
    assert "set-env" in stopped[2]
    assert "set-env" not in planned.log.replace(stopped[0], "")


def test_paths_and_arguments_are_one_a_line_and_never_split(job: Job) -> None:
    """A name with spaces, stars and dollars is a name."""
    odd = job.folder / "plans" / "my $(touch pwned) * web.yaml"
    (job.folder / "plans" / "web.yaml").rename(odd)

    planned = use(job, plans=f"\n{odd.relative_to(job.folder)}\r\n", args="--state-dir\nmy state\n")

    assert planned.outputs["exit-code"] == "2", planned.log
    assert (job.folder / "my state").is_dir()
    assert not (job.folder / "pwned").exists()


def test_an_unknown_command_is_refused(job: Job) -> None:
    """Only these four."""
    refused = use(job, command="destroy; true")

    assert (refused.code, "must be plan, apply, drift or validate" in refused.log) == (1, True)


RENEWED = """
. "$SCRIPTS/workload-identity.sh"
log_in_by_workload_identity the-client the-tenant
echo "$AZURE_CLIENT_ID $AZURE_TENANT_ID $AZURE_FEDERATED_TOKEN_FILE"
first="$(cat "$AZURE_FEDERATED_TOKEN_FILE")"
while [ "$(cat "$AZURE_FEDERATED_TOKEN_FILE")" = "$first" ]; do sleep 0.05; done
stat -c %a "$AZURE_FEDERATED_TOKEN_FILE"
echo "$first, then $(cat "$AZURE_FEDERATED_TOKEN_FILE")"
"""


def test_a_workload_identity_is_renewed_as_long_as_the_step_lasts(
    tmp_path: Path, forge: Forge
) -> None:
    """The file is the owner's alone, always whole, and gone with the step."""
    variables = {
        "SCRIPTS": str(SCRIPTS),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{forge.url}/oidc?version=1",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": TOKEN,
        "TOKEN_RENEWAL_SECONDS": "0.1",
    }

    code, said = bash(RENEWED, tmp_path, variables)

    names, mode, tokens = said.splitlines()
    client, tenant, file = names.split()
    assert (code, client, tenant, mode) == (0, "the-client", "the-tenant", "600"), said
    assert re.fullmatch(r"identity-1, then identity-\d+", tokens)
    assert not Path(file).parent.exists()


def test_a_workload_identity_needs_the_permission(job: Job) -> None:
    """Without `id-token: write` the job says so."""
    refused = use(job, client_id="the-client", tenant_id="the-tenant")

    assert (refused.code, "id-token: write" in refused.log) == (1, True), refused.log


def test_the_program_is_installed_from_this_revision(job: Job) -> None:
    """Into an environment of its own, which is put on the path."""
    path = job.folder / "path"
    # What it needs is here already: nothing is fetched.
    variables = {
        **job.variables,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GITHUB_PATH": str(path),
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
    }
    [step] = [one for one in load(ACTION)["runs"]["steps"] if one["name"] == "Install vmssplan"]

    code, said = bash(step["run"], job.folder, variables)

    assert code == 0, said
    program = Path(path.read_text().strip()) / "vmssplan"
    assert program.stat().st_mode & stat.S_IXUSR
    assert re.search(r"(?m)^vmssplan \d", said)

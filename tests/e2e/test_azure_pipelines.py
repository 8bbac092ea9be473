"""The template for Azure Pipelines: its shell steps run as they are written."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.program import PLANS, ROOT, SCENARIOS
from tests.support.forges import MY_ID, TOKEN, Forge, serving_forge
from tests.support.workflows import bash, load, with_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.own_process,
    pytest.mark.skipif(os.name != "posix", reason="the steps are for bash"),
]
TEMPLATE = ROOT / "docs" / "azure-pipelines.yml"
MARKER = "<!-- vmssplan plan -->"
WEB = (PLANS / "web-jammy.yaml").read_text("utf-8")
SETS = re.compile(r"##vso\[task\.setvariable variable=(\w+);isOutput=true\](\S*)")


def steps(document: Any) -> Iterator[dict[str, Any]]:
    """Yield every step of all stages."""
    for stage in document["stages"]:
        for job in stage["jobs"]:
            yield from job.get("steps", ())
            yield from (
                job.get("strategy", {}).get("runOnce", {}).get("deploy", {}).get("steps", ())
            )


def script(name: str) -> str:
    """Return the shell of the step that is displayed so."""
    [step] = [one for one in steps(load(TEMPLATE)) if one.get("displayName") == name]
    text: str = step["bash"] if "bash" in step else step["inputs"]["inlineScript"]
    return text


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Serve what stands for Azure DevOps."""
    with serving_forge() as served:
        yield served


@pytest.fixture
def variables(tmp_path: Path, forge: Forge) -> dict[str, str]:
    """Return what an agent sets for a build of pull request 7."""
    (tmp_path / "web.yaml").write_text(WEB, encoding="utf-8")
    for name in ("temp", "staging", "workspace"):
        (tmp_path / name).mkdir()
    return {
        "PATH": with_program(tmp_path),
        "AGENT_TEMPDIRECTORY": str(tmp_path / "temp"),
        "BUILD_ARTIFACTSTAGINGDIRECTORY": str(tmp_path / "staging"),
        "PIPELINE_WORKSPACE": str(tmp_path / "workspace"),
        "SYSTEM_ACCESSTOKEN": TOKEN,
        "SYSTEM_OIDCREQUESTURI": f"{forge.url}/oidc",
        "SYSTEM_COLLECTIONURI": f"{forge.url}/org/",
        "SYSTEM_TEAMPROJECTID": "project",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": "7",
        "BUILD_REPOSITORY_ID": "repo",
        "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID": "connection",
        "AZURESUBSCRIPTION_CLIENT_ID": "client",
        "AZURESUBSCRIPTION_TENANT_ID": "tenant",
        "PLAN": "web.yaml",
        "EXPIRES": "P3D",
        "STATE": " ",
        "VMSSPLAN_SIMULATOR": str(SCENARIOS / "web-12.yaml"),
        "NO_PROXY": "127.0.0.1",
    }


def test_no_parameter_is_pasted_into_a_script() -> None:
    """All of them reach the shell as variables; no secret is in the file."""
    for step in steps(load(TEMPLATE)):
        text = step.get("bash", "") + step.get("inputs", {}).get("inlineScript", "")
        assert "${{" not in text
        assert "$(System" not in text
        if "azureSubscription" in step.get("inputs", {}):
            assert step["inputs"]["azureSubscription"] == "${{ parameters.serviceConnection }}"
    used = TEMPLATE.read_text("utf-8")
    for parameter in load(TEMPLATE)["parameters"]:
        assert f"${{{{ parameters.{parameter['name']} }}}}" in used


def test_what_the_pull_request_shows_is_applied_after_the_merge(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    """Plan sets the digest, apply takes it: the file of the one stage in the other."""
    code, said = bash(script("vmssplan plan"), tmp_path, variables)
    outputs = dict(SETS.findall(said))
    rollout = tmp_path / "staging" / "rollout.json"
    document = json.loads(rollout.read_text("utf-8"))
    assert (code, outputs) == (0, {"digest": document["digest"], "changes": "true"}), said
    assert "expiresAt" in document

    (tmp_path / "workspace" / "rollout").mkdir()
    rollout.rename(tmp_path / "workspace" / "rollout" / "rollout.json")
    apply = script("vmssplan apply")
    refused, why = bash(apply, tmp_path, {**variables, "DIGEST": "0" * 64})
    applied, log = bash(apply, tmp_path, {**variables, "DIGEST": outputs["digest"]})
    again, unchanged = bash(script("vmssplan plan"), tmp_path, variables)

    assert (refused, applied, again) == (13, 0, 0), why + log
    assert "Apply complete!" in log
    assert dict(SETS.findall(unchanged)) == {"changes": "false"}


def test_the_comment_is_renewed_and_not_repeated(
    tmp_path: Path, variables: dict[str, str], forge: Forge
) -> None:
    """One thread of the build's own, closed from the start; another's is left alone."""
    spoofed = forge.add("somebody", f"{MARKER}\nall is well")
    bash(script("vmssplan plan"), tmp_path, variables)
    first = bash(script("Comment"), tmp_path, variables)
    (tmp_path / "web.yaml").write_text(WEB.replace("20%", "25%"), encoding="utf-8")
    bash(script("vmssplan plan"), tmp_path, variables)
    second = bash(script("Comment"), tmp_path, variables)

    assert first == (0, "Commented on pull request 7.\n")
    assert second == (0, "Renewed the comment of pull request 7.\n")
    [text] = [text for author, text in forge.comments.values() if author == MY_ID]
    assert text.startswith(f"{MARKER}\n### vmssplan: 11 instances")
    assert "maxUnavailable 25% of 12 is 3" in text
    assert forge.comments[spoofed][1] == f"{MARKER}\nall is well"


def test_a_plan_that_fails_is_told_in_the_comment(
    tmp_path: Path, variables: dict[str, str], forge: Forge
) -> None:
    """The step fails, and the comment says why."""
    (tmp_path / "web.yaml").write_text(WEB.replace("strategy:", "stratgy:"), encoding="utf-8")

    code, said = bash(script("vmssplan plan"), tmp_path, variables)
    bash(script("Comment"), tmp_path, variables)

    [(_, text)] = forge.comments.values()
    assert (code, "##vso[task.setvariable variable=changes;isOutput=true]false" in said) == (
        1,
        True,
    )
    assert text.startswith(f"{MARKER}\n### vmssplan plan failed with exit code 1\n")


def test_what_vmssplan_prints_is_no_logging_command(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    """A Plan cannot set a variable of the pipeline."""
    evil = "##vso[task.setvariable variable=changes;isOutput=true]evil"
    gate = f"gates:\n- {{after: batch 1, approval: {{message: '{evil}'}}}}\n"
    (tmp_path / "web.yaml").write_text(WEB + gate, encoding="utf-8")

    _, said = bash(script("vmssplan plan"), tmp_path, variables)

    assert dict(SETS.findall(said))["changes"] == "true"
    assert "evil" in said
    assert "evil" not in dict(SETS.findall(said)).values()


def test_the_login_is_that_of_the_service_connection(
    tmp_path: Path, variables: dict[str, str], forge: Forge
) -> None:
    """By workload identity: the file of the token is there while vmssplan runs, and gone after."""
    program = tmp_path / "bin" / "vmssplan"
    program.write_text(
        "#!/bin/sh\n"
        'echo "$AZURE_CLIENT_ID $AZURE_TENANT_ID $AZURE_FEDERATED_TOKEN_FILE" >&2\n'
        'stat -c %a "$AZURE_FEDERATED_TOKEN_FILE" >&2\n'
        'first="$(cat "$AZURE_FEDERATED_TOKEN_FILE")"\n'
        'while [ "$(cat "$AZURE_FEDERATED_TOKEN_FILE")" = "$first" ]; do sleep 0.05; done\n'
        'echo "$first renewed" >&2\n'
    )
    renewing = {**variables, "DIGEST": "0" * 64, "TOKEN_RENEWAL_SECONDS": "0.1"}

    code, said = bash(script("vmssplan apply"), tmp_path, renewing)

    login, mode, renewed = said.splitlines()
    client, tenant, file = login.split()
    assert (code, client, tenant, mode) == (0, "client", "tenant", "600"), said
    assert renewed == "identity-1 renewed"
    assert not os.path.exists(file)  # noqa: PTH110 - a name that the shell printed
    assert "POST /oidc" in forge.asked

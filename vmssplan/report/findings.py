"""What the lint found, for machines: SARIF for code scanning, and annotations for GitHub."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from vmssplan import __version__
from vmssplan.lint import Severity
from vmssplan.report.wording import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.lint import Finding
    from vmssplan.planfile import LoadedPlan

SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(found: Sequence[tuple[LoadedPlan, Sequence[Finding]]]) -> dict[str, Any]:
    """Return one run in SARIF 2.1.0: every finding at its place in the Plan's file."""
    rules = sorted({finding.rule for _, findings in found for finding in findings})
    driver = {
        "name": "vmssplan",
        "version": __version__,
        "rules": [{"id": rule} for rule in rules],
    }
    results = [
        _result(loaded, finding, rules) for loaded, findings in found for finding in findings
    ]
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(loaded: LoadedPlan, finding: Finding, rules: Sequence[str]) -> dict[str, Any]:
    line, column = loaded.place(finding.path)
    return {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.severity.value,
        "message": {"text": f"{finding.path}: {finding.message}; {finding.fix}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": PurePath(loaded.file).as_posix()},
                    "region": {"startLine": line, "startColumn": column},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.path}],
            }
        ],
    }


def github_annotations(found: Sequence[tuple[LoadedPlan, Sequence[Finding]]]) -> str:
    """Return the workflow commands that put each finding beside its line of the pull request."""
    return "".join(
        _annotation(loaded, finding) + "\n" for loaded, findings in found for finding in findings
    )


def _annotation(loaded: LoadedPlan, finding: Finding) -> str:
    line, column = loaded.place(finding.path)
    word = "error" if finding.severity is Severity.ERROR else "warning"
    place = {
        "file": PurePath(loaded.file).as_posix(),
        "line": str(line),
        "col": str(column),
        "title": finding.rule,
    }
    properties = ",".join(f"{key}={_property(value)}" for key, value in place.items())
    message = one_line(f"{finding.path}: {finding.message}; {finding.fix}")
    return f"::{word} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")

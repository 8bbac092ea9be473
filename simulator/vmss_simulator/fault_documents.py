"""Single fault rules to documents and back, outside a scenario: for saving, and for adding.

A rule that came from a document keeps it, and is written as it came. One made in code is
written field by field, under `rule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.codec import Undecodable, decode_fields, encode_fields, mapping
from vmss_simulator.faults import FaultRule
from vmss_simulator.scenario_build import build_fault, latency_problems
from vmss_simulator.scenario_text import definition_problems

if TYPE_CHECKING:
    from vmss_simulator.codec import KeyPath


def fault_document(rule: FaultRule) -> dict[str, Any]:
    """Return the rule as a scenario writes it."""
    if rule.document is not None:
        return dict(rule.document)
    return {"rule": encode_fields(rule, FaultRule)}


def read_fault(raw: Any, path: KeyPath = ()) -> FaultRule:
    """Return the rule the document describes; Undecodable with the first thing wrong in it."""
    document = mapping(raw, path)
    if "rule" in document:
        rule: FaultRule = decode_fields(document["rule"], FaultRule, (*path, "rule"))
        return rule
    problems = list(definition_problems("fault", document)) or [
        # Its path is that of a scenario with this one fault.
        type(each)(each.path[2:], each.message)
        for each in latency_problems({"faults": [document]})
    ]
    if problems:
        raise Undecodable((*path, *problems[0].path), problems[0].message)
    return build_fault(document)

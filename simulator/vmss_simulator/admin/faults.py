"""Fault rules over the admin interface: look at them with their counts, add some, take them away.

The same documents as in the `faults` of a scenario, checked against the same schema. A rule's
name is its id; a rule that is added counts its times from then on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import AdminError, AdminRoute
from vmss_simulator.arm.messages import json_response
from vmss_simulator.codec import Undecodable
from vmss_simulator.fault_documents import fault_document, read_fault
from vmss_simulator.scenario_text import dotted

if TYPE_CHECKING:
    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.arm.messages import Response
    from vmss_simulator.door import Door
    from vmss_simulator.faults import FaultRule


def listed(call: AdminCall) -> dict[str, Any]:
    """List the rules in their order, each with how often it has matched and applied."""
    return {"faults": [_shown(call.door, each) for each in call.door.world.fault_rules]}


def show(call: AdminCall) -> dict[str, Any]:
    """Answer one rule."""
    return _shown(call.door, _found(call))


def add(call: AdminCall) -> Response:
    """Add a rule, or all of `{"faults": [...]}`; 201. A bad one changes nothing."""
    document = call.document()
    raw = document["faults"] if set(document) == {"faults"} else [document]
    if not isinstance(raw, list):
        raise AdminError(400, "InvalidFault", "'faults' is a list of rules.")
    rules: list[FaultRule] = []
    names = {each.name for each in call.door.world.fault_rules}
    for index, each in enumerate(raw):
        try:
            rule = read_fault(each, ("faults", index))
        except Undecodable as error:
            message = f"{dotted(error.path)}: {error.message}"
            raise AdminError(400, "InvalidFault", message) from error
        if rule.name in names:
            raise AdminError(409, "FaultExists", f"There is already a fault named '{rule.name}'.")
        names.add(rule.name)
        rules.append(rule)
    call.door.world.add_faults(rules)
    return json_response({"faults": [_shown(call.door, each) for each in rules]}, 201)


def remove(call: AdminCall) -> dict[str, Any]:
    """Take one rule away."""
    rule = _found(call)
    call.door.world.remove_fault(rule.name)
    return {"deleted": [rule.name]}


def clear(call: AdminCall) -> dict[str, Any]:
    """Take all rules away."""
    names = [each.name for each in call.door.world.fault_rules]
    for name in names:
        call.door.world.remove_fault(name)
    return {"deleted": names}


def _found(call: AdminCall) -> FaultRule:
    name = call.names["name"]
    for rule in call.door.world.fault_rules:
        if rule.name == name:
            return rule
    raise AdminError(404, "NotFound", f"There is no fault named '{name}'.")


def _shown(door: Door, rule: FaultRule) -> dict[str, Any]:
    matched, applied = door.world.fault_counts(rule.name)
    return {**fault_document(rule), "id": rule.name, "matched": matched, "applied": applied}


ROUTES = (
    AdminRoute("GET", "/faults", listed, "The fault rules, and how often each has matched."),
    AdminRoute("POST", "/faults", add, "Add a rule as scenarios write it, or {faults: [...]}."),
    AdminRoute("DELETE", "/faults", clear, "Take all rules away."),
    AdminRoute("GET", "/faults/{name}", show, "One rule."),
    AdminRoute("DELETE", "/faults/{name}", remove, "Take one rule away."),
)

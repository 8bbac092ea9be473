"""Single values of a request's query and body, read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.arm.intake import invalid_content, invalid_parameter

if TYPE_CHECKING:
    from vmss_simulator.arm.call import Call


def instance_ids(call: Call) -> tuple[str, ...]:
    """Return the `instanceIds` of the body, empty when it names none; ArmError 400."""
    named = call.document.get("instanceIds")
    if named is None:
        return ()
    if not isinstance(named, list) or not all(isinstance(item, str) for item in named):
        raise invalid_content("The member 'instanceIds' is a list of strings.")
    return tuple(named)


def required_ids(call: Call) -> tuple[str, ...]:
    """Return the `instanceIds` of the body; ArmError 400 when it names none."""
    found = instance_ids(call)
    if not found:
        message = "Required parameter 'instanceIds' is missing (null)."
        raise invalid_parameter(message, "instanceIds")
    return found


def flag(call: Call, name: str) -> bool:
    """Return a boolean query parameter, False when it is not given; ArmError 400."""
    value = call.query.get(name.lower(), "false")
    if value.lower() not in ("true", "false"):
        raise invalid_parameter(f"The value '{value}' of parameter {name} is invalid.", name)
    return value.lower() == "true"


def whole_number(value: Any, name: str) -> int:
    """Return a member that has to be an integer; ArmError 400."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_content(f"The member '{name}' has to be an integer.")
    return value


def objects(value: Any, name: str) -> tuple[dict[str, Any], ...]:
    """Return a member that is a list of objects, empty when it is absent; ArmError 400."""
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise invalid_content(f"The member '{name}' has to be a list of objects.")
    return tuple(value)

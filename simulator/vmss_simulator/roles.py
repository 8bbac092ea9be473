"""What the caller of a world may do: role assignments, as Azure's role based access control has.

An assignment holds for its scope and everything below. Its actions may hold wildcards; what its
`not_actions` name is taken out of them, and another assignment may still give it (RBAC's
documentation: no deny). Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = "/"
ANYTHING = "*"
_PROVIDERS = "/providers/"
# Roles have camel case where some paths have none.
_SPELLED = {
    name.casefold(): name
    for name in ("autoscaleSettings", "manualUpgrade", "powerOff", "reimageAll")
}


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """What is granted at a scope; `/` is everywhere."""

    scope: str = ROOT
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, raw: Mapping[str, Any]) -> Self:
        """Read one of the `roles` of a scenario, already checked against its schema."""
        return cls(raw.get("scope", ROOT), tuple(raw["actions"]), tuple(raw.get("notActions", ())))

    def reaches(self, scope: str) -> bool:
        """Whether it holds at that scope, because it is there or above."""
        above = self.scope.rstrip("/").casefold()
        return f"{scope.casefold()}/".startswith(f"{above}/")

    def grants(self, action: str) -> bool:
        """Whether the action is among its actions, and not taken out of them."""
        return any(_matches(each, action) for each in self.actions) and not any(
            _matches(each, action) for each in self.not_actions
        )


OWNER = RoleAssignment(ROOT, (ANYTHING,))


def authorize(roles: Sequence[RoleAssignment], action: str, scope: str) -> None:
    """Refuse an action that no assignment grants at that scope.

    Raises:
        ArmError: 403 AuthorizationFailed.

    """
    if not any(each.grants(action) and each.reaches(scope) for each in roles):
        raise ArmError(
            403,
            "AuthorizationFailed",
            f"The client does not have authorization to perform action '{action}' over scope"
            f" '{scope}' or the scope is invalid. If access was recently granted, please refresh"
            " your credentials.",
        )


def authorize_link(roles: Sequence[RoleAssignment], action: str, linked: str) -> None:
    """Refuse a write that names a resource its caller may not use.

    Raises:
        ArmError: 403 LinkedAuthorizationFailed.

    """
    if not any(each.grants(action) and each.reaches(linked) for each in roles):
        raise ArmError(
            403,
            "LinkedAuthorizationFailed",
            "The client has permission to perform the write; however, it does not have permission"
            f" to perform action '{action}' on the linked scope(s) '{linked}' or the linked"
            " scope(s) are invalid.",
        )


def action_of(method: str, path: str) -> str:
    """Return the action a request needs: provider, types, and read, write, delete or the verb.

    `GET .../providers/P/types/NAME/parts/NAME` is `P/types/parts/read`, and
    `POST .../types/NAME/verb` is `P/types/verb/action`. The path's variable parts may be names
    in braces.
    """
    below = path[path.casefold().rindex(_PROVIDERS) + len(_PROVIDERS) :]
    provider, *rest = below.strip("/").split("/")
    verb = "action"
    match method:
        case "GET" | "HEAD":
            verb = "read"
        case "PUT" | "PATCH":
            verb = "write"
        case "DELETE":
            verb = "delete"
    *resource, last = rest if verb == "action" else [*rest, ""]
    parts = [provider, *resource[::2], last, verb]
    return "/".join(_SPELLED.get(part.casefold(), part) for part in parts if part)


def image_action(image_id: str) -> str:
    """Return the action that using the image needs (what LinkedAuthorizationFailed names)."""
    return action_of("GET", image_id)


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")), re.IGNORECASE)


def _matches(pattern: str, action: str) -> bool:
    return _pattern(pattern).fullmatch(action) is not None

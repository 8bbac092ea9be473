"""Whether the caller may do what Plans need: for people, and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.permissions import Need, Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMAT = "vmssplan/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """One permission, the id it has to hold for, and whether the caller has it there."""

    need: Need
    scope: str
    is_allowed: bool


@dataclass(frozen=True, slots=True)
class PlanAccess:
    """All answers for one Plan; `file` is where it stands, for the command to type next."""

    plan: str
    target: str
    file: str
    answers: tuple[Answer, ...]

    @property
    def missing(self) -> tuple[Answer, ...]:
        """What the caller lacks."""
        return tuple(answer for answer in self.answers if not answer.is_allowed)


def access_text(found: Sequence[PlanAccess]) -> str:
    """Return a line a permission, and what to ask an administrator for."""
    lines = []
    for access in found:
        lines.append(f"{access.plan}: {access.target}")
        width = max(len(answer.need.action) for answer in access.answers)
        for answer in access.answers:
            word = "yes" if answer.is_allowed else "NO "
            lines.append(f"  {word}  {answer.need.action:<{width}}  {answer.need.purpose}")
        lines.append("")
    return "\n".join((*lines, *_conclusion(found)))


def access_json(found: Sequence[PlanAccess]) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "formatVersion": FORMAT,
        "kind": "Permissions",
        "allowed": not any(access.missing for access in found),
        "plans": [
            {
                "plan": access.plan,
                "scaleSet": access.target,
                "permissions": [
                    {
                        "action": answer.need.action,
                        "scope": answer.scope,
                        "purpose": answer.need.purpose,
                        "allowed": answer.is_allowed,
                    }
                    for answer in access.answers
                ],
            }
            for access in found
        ],
    }


def _conclusion(found: Sequence[PlanAccess]) -> Iterator[str]:
    asked = sum(len(access.answers) for access in found)
    missing = [answer for access in found for answer in access.missing]
    if not missing:
        yield f"All {asked} permissions are there."
        return
    yield f"{len(missing)} of {asked} permissions are missing. An administrator gives them with:"
    files = " ".join(dict.fromkeys(access.file for access in found))
    for part in (Part.GROUP, Part.SUBSCRIPTION):
        lacking = [answer for answer in missing if part.holds(answer.need)]
        if lacking:
            yield f"  vmssplan init --print-role --part {part} {files} > {part}.json"
            yield f"  az role definition create --role-definition @{part}.json"
        for scope in dict.fromkeys(_assigned_at(answer, part) for answer in lacking):
            yield (
                f'  az role assignment create --assignee WHO --role "{part.role_name}"'
                f" --scope {scope}"
            )


def _assigned_at(answer: Answer, part: Part) -> str:
    """Return where to assign the role: operations are only followed from the group on."""
    return answer.scope.partition("/providers/")[0] if part is Part.GROUP else answer.scope

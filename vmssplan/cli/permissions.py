"""What `init` tells about permissions: the role to create, and whether the caller has it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from vmssplan.errors import ExitCode, NotPermitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmssplan.cli.connection import Connection
    from vmssplan.cli.console import Console
    from vmssplan.permissions import Part, Permission
    from vmssplan.planfile import LoadedPlan
    from vmssplan.ports import Access
    from vmssplan.report.access import PlanAccess

ANY_SUBSCRIPTION = "/subscriptions/SUBSCRIPTION"


def print_role(loaded: Sequence[LoadedPlan], part: Part, console: Console) -> int:
    """Print the custom role: of these Plans and no more, or of every Plan there can be."""
    from vmssplan.documents import readable_json
    from vmssplan.permissions import NEEDS, needs_of, role_document, scope_of

    if not loaded:
        console.out(readable_json(role_document(NEEDS, [ANY_SUBSCRIPTION], part)))
        console.say(f"Replace {ANY_SUBSCRIPTION} by that of the scale sets, or name Plans.")
        return ExitCode.SUCCESS
    needs = [(need, one.plan) for one in loaded for need in needs_of(one.plan)]
    subscriptions = {"/".join(scope_of(need, plan).split("/")[:3]) for need, plan in needs}
    role = role_document((need for need, _ in needs), sorted(subscriptions), part)
    console.out(readable_json(role))
    return ExitCode.SUCCESS


def check_permissions(
    loaded: Sequence[LoadedPlan], connection: Connection, console: Console, *, as_json: bool
) -> int:
    """Tell of each permission whether the caller has it; exit 3 when one is missing."""
    from vmssplan.documents import readable_json
    from vmssplan.report.access import access_json, access_text

    found = asyncio.run(_ask(loaded, connection, console))
    console.out(readable_json(access_json(found)) if as_json else access_text(found))
    is_short = any(access.missing for access in found)
    return ExitCode.NOT_PERMITTED if is_short else ExitCode.SUCCESS


async def _ask(
    loaded: Sequence[LoadedPlan], connection: Connection, console: Console
) -> list[PlanAccess]:
    from vmssplan.cli.connection import open_session
    from vmssplan.permissions import is_allowed, needs_of, scope_of
    from vmssplan.report.access import Answer, PlanAccess

    known: dict[str, Sequence[Permission]] = {}
    found = []
    async with open_session(connection, console) as session:
        for one in loaded:
            answers = []
            for need in needs_of(one.plan):
                scope = scope_of(need, one.plan)
                if scope not in known:
                    known[scope] = await _granted(session.backend, scope, console)
                answers.append(Answer(need, scope, is_allowed(need.action, known[scope])))
            plan = one.plan
            found.append(PlanAccess(plan.name, str(plan.target), str(one.file), tuple(answers)))
    return found


async def _granted(access: Access, scope: str, console: Console) -> Sequence[Permission]:
    """Return what is granted there; nothing, said aloud, where not even that may be asked."""
    try:
        return await access.permissions(scope)
    except NotPermitted as error:
        console.warning(f"what is granted at {scope} may not be listed: {error.message}")
        return ()

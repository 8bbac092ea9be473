"""Permissions are judged as Azure does: wildcards, no case, exclusions that another may undo."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import world_plans
from vmss_simulator.roles import RoleAssignment
from vmssplan.permissions import NEEDS, Part, Permission, is_allowed, matches, needs_of, scope_of

if TYPE_CHECKING:
    from vmssplan.model import Plan

ACTIONS = st.one_of(
    st.sampled_from([need.action for need in NEEDS]),
    st.lists(st.text(alphabet="abAB.", min_size=1, max_size=3), min_size=1, max_size=5).map(
        "/".join
    ),
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Return an action with some parts of it, or none, replaced by wildcards."""
    action = draw(ACTIONS)
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(action)))
        end = draw(st.integers(start, len(action)))
        action = f"{action[:start]}*{action[end:]}"
    return action


PERMISSIONS = st.builds(
    Permission,
    st.lists(patterns(), max_size=3).map(tuple),
    st.lists(patterns(), max_size=2).map(tuple),
)


@given(ACTIONS, st.data())
def test_an_action_matches_itself_and_whatever_hides_a_part_of_it(
    action: str, data: st.DataObject
) -> None:
    """A wildcard stands for any text, also none and also slashes; case never matters."""
    start = data.draw(st.integers(0, len(action)))
    end = data.draw(st.integers(start, len(action)))
    hidden = f"{action[:start]}*{action[end:]}"
    for pattern in (action, action.upper(), action.lower(), hidden, hidden.swapcase(), "*"):
        assert matches(pattern, action)


@given(patterns(), ACTIONS)
def test_matching_is_that_of_shells_without_case(pattern: str, action: str) -> None:
    """Nothing but `*` is special: a dot is a dot."""
    assert matches(pattern, action) == fnmatchcase(action.casefold(), pattern.casefold())


@given(st.lists(PERMISSIONS, max_size=3), ACTIONS)
def test_one_assignment_that_grants_it_is_enough(
    permissions: list[Permission], action: str
) -> None:
    """What an assignment takes out is taken out of itself alone: it denies nothing."""
    assert is_allowed(action, permissions) == any(
        is_allowed(action, [permission]) for permission in permissions
    )
    for permission in permissions:
        granted = any(matches(each, action) for each in permission.actions)
        taken = any(matches(each, action) for each in permission.not_actions)
        assert permission.grants(action) == (granted and not taken)


@given(PERMISSIONS, ACTIONS)
def test_the_simulator_judges_alike(permission: Permission, action: str) -> None:
    """Two implementations that know nothing of each other agree."""
    role = RoleAssignment("/", permission.actions, permission.not_actions)
    assert role.grants(action) == permission.grants(action)


@given(world_plans())
def test_every_need_of_a_plan_has_its_place(plan: Plan) -> None:
    """It is in the table, met by one part of the role, and its scope reaches the scale set."""
    needs = list(needs_of(plan))
    assert len(needs) == len(set(needs))
    for need in needs:
        assert need in NEEDS
        assert [part for part in (Part.GROUP, Part.SUBSCRIPTION) if part.holds(need)] != []
        assert plan.target.resource_id.startswith(scope_of(need, plan))

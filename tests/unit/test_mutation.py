"""The tool that breaks the core on purpose: what it changes, where it puts it, what it is told."""

from __future__ import annotations

import sys
import textwrap
from enum import Enum
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from tests.mutation.explained import BadExplanationError, check, explanations
from tests.mutation.making import Mutant, mutants_of
from tests.mutation.replacing import put_in_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Light(Enum):
    """A small enumeration."""

    RED = 1
    GREEN = 2


def made(source: str) -> list[Mutant]:
    """Return the mutants of a module."""
    names = {"Light": Light}
    return mutants_of("house.py", "house", textwrap.dedent(source), names, frozenset())


def changes(line: str) -> set[str]:
    """Return what is changed in a function of that one line."""
    return {one.change for one in made(f"def live(a, b):\n    {line}\n")}


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("a = b < 2", {"b < 2 -> b <= 2", "b < 2 -> b >= 2", "2 -> 3", "2 -> 1"}),
        ("b(a and not b)", {"a and (not b) -> a or not b", "a and (not b) -> a", "not b -> b"}),
        ("b(a + 1)", {"a + 1 -> a - 1", "b(a + 1) -> pass"}),
        ("b(min(a, b))", {"min(a, b) -> max(a, b)"}),
        ("b(a, c=True)", {"b(a, c=True) -> b(a)", "True -> False"}),
        ("b(Light.RED)", {"Light.RED -> Light.GREEN"}),
        ("b([i for i in a if i])", {"[i for i in a if i] -> [i for i in a]"}),
        ("b((a, b))", {"(a, b) -> (a,)", "(a, b) -> (b,)"}),
        ("return a", {"return a -> return None"}),
        ("b(a if b else 1)", {"a if b else 1 -> a if True else 1"}),
    ],
)
def test_each_kind_of_change_is_made(line: str, some: set[str]) -> None:
    """Boundaries, negations, arithmetic, arguments, members, elements, results."""
    assert some <= changes(line)


def test_words_are_left_alone() -> None:
    """What is said to people is not what this is about."""
    assert changes("b(f'{a + 1} left')") == {"b(f'{a + 1} left') -> pass"}
    assert changes("b('one' if a else 'two')") == {"b('one' if a else 'two') -> pass"}


def test_cases_and_guards_are_left_out() -> None:
    """A case less, a guard less, an alternative less."""
    source = """
    def live(a):
        match a:
            case 1 | 2 if a:
                return a
            case Light.RED:
                return 3
    """

    assert {
        "case 1 | 2 if a -> case 1 | 2",
        "case 1 | 2 if a -> case 1 if a",
        "case 1 | 2 if a -> left out",
        "Light.RED -> Light.GREEN",
    } <= {one.change for one in made(source)}


def test_the_same_change_twice_is_told_apart() -> None:
    """By its number."""
    assert {"not a -> a", "not a -> a #2"} <= changes("b(not a, not a)")


HOUSE = """
LIMIT = 3

class Room:
    def __init__(self, size=1):
        self.size = size

    @property
    def is_small(self):
        return self.size < LIMIT

def rooms(count=2):
    return [Room(number) for number in range(count)]
"""


@pytest.fixture
def house() -> Iterator[Any]:
    """Return a module of its own."""
    module = ModuleType("house")
    exec(HOUSE, vars(module))  # noqa: S102 - written here
    sys.modules["house"] = module
    yield module
    del sys.modules["house"]


def put(change: str) -> None:
    """Put the mutant with that change in place."""
    [mutant] = [one for one in made(HOUSE) if one.change == change]
    put_in_place(mutant)


def test_whoever_has_imported_it_calls_the_mutant(house: Any) -> None:
    """Functions, methods, defaults and constants change where they are."""
    rooms, small = house.rooms, house.Room(3)

    put("self.size < LIMIT -> self.size <= LIMIT")
    assert small.is_small
    put("2 -> 3")
    assert len(rooms()) == 3
    put("3 -> 2")
    assert (house.LIMIT, small.is_small) == (2, False)


def test_an_explanation_of_nothing_is_an_error(tmp_path: Path) -> None:
    """Code that has changed takes its explanation with it."""
    file = tmp_path / "equivalent.toml"
    file.write_text('[["house.py"]]\nwhere = "rooms"\nchanges = ["2 -> 3"]\nwhy = "small"\n')
    entries = explanations(file)

    check(entries, {one.key for one in made(HOUSE)}, {"house.py"})
    with pytest.raises(BadExplanationError, match="rooms: 2 -> 3"):
        check(entries, set(), {"house.py"})
    file.write_text(file.read_text() * 2)
    with pytest.raises(BadExplanationError, match="twice"):
        explanations(file)

"""Whatever is in a file: a Plan, or problems in words, and the right guess for a slip."""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.errors import DocumentInvalid
from vmssplan.planfile import load_plans
from vmssplan.planfile.nearest import nearest
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from vmssplan.errors import Problem

HEAD = "apiVersion: vmssplan/v1\nkind: Plan\n"
KEYS = [
    *("metadata", "name", "target", "subscriptionId", "resourceGroup", "scaleSet", "model"),
    *("image", "publisher", "id", "uri", "vmSize", "strategy", "type", "batchSize", "order", "by"),
    *("include", "instanceIds", "zones", "availability", "maxUnavailable", "minInService", "gates"),
    *("after", "approval", "health", "deadline", "http", "url", "autoscale", "colour", "<<", "on"),
]
SCALARS = [
    *("fixedBatch", "slidingWindow", "20%", "1", "0", "-1", "1.0", ".inf", "0o7", "12:30", "yes"),
    *("true", "~", '""', "'x'", "PT2M", "P1M", "batch 1", "each batch", "'${A}'", "'${A:-b}'"),
    *(
        '"\\uD800"',
        '"\\U00110000"',
        '"\\x00"',
        "2026-11-02",
        "!!binary x",
        "&a 1",
        "*a",
        "|\n",
        "%",
    ),
]
SCHEMA_WORDS = ("'type':", "$ref", "errorMessage", "additionalProperties", "is not of type")
YAML_TEXT = st.recursive(
    st.sampled_from(SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=6).map(
            lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items) + "}"
        ),
    ),
    max_leaves=25,
)


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return one file that every example overwrites."""
    return tmp_path_factory.mktemp("plans") / "plan.yaml"


def problems_of(file: Path, content: bytes) -> tuple[Problem, ...]:
    """Load, and return the problems; anything but DocumentInvalid fails the test."""
    file.write_bytes(content)
    try:
        load_plans([file], {"A": "b"})
    except DocumentInvalid as error:
        return error.problems
    return ()


def load_or_explain(file: Path, content: bytes) -> None:
    """Load; a failure must be explained in words, in this file, with a place inside it."""
    for problem in problems_of(file, content):
        assert problem.message
        assert problem.file == str(file)
        assert problem.line is None or 1 <= problem.line <= len(content) + 1
        assert problem.column is None or problem.column >= 1
        assert str(problem).encode()
        assert not any(word in problem.message for word in SCHEMA_WORDS)


@given(content=st.binary(max_size=200))
def test_any_bytes(file: Path, content: bytes) -> None:
    """No bytes lead to a traceback."""
    load_or_explain(file, content)


@given(
    text=st.text(alphabet=st.sampled_from("abc012:-?,[]{}#&*!|>'\"%@`\\ \n\tux~<=."), max_size=80)
)
def test_any_yaml_punctuation(file: Path, text: str) -> None:
    """No mixture of what YAML cares about leads to a traceback."""
    load_or_explain(file, text.encode())


@given(values=st.dictionaries(st.sampled_from(KEYS), YAML_TEXT, max_size=8))
def test_any_values_under_any_keys(file: Path, values: dict[str, str]) -> None:
    """No value in no place of a Plan leads to a traceback, or shows the schema."""
    body = "".join(f"{key}: {value}\n" for key, value in values.items())

    load_or_explain(file, (HEAD + body).encode())


def key_sets(node: Any, path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the keys of every mapping that the schema knows."""
    if isinstance(node, dict):
        if "additionalProperties" in node:
            yield path, tuple(node["properties"])
        for name, inner in node.items():
            yield from key_sets(inner, f"{path}/{name}")


KEY_SETS = [keys for _, keys in key_sets(schema("plan"))]


@st.composite
def slips(draw: st.DrawFn) -> tuple[str, str, tuple[str, ...]]:
    """Return a key one edit away from a real one, the real one, and all that could stand there."""
    keys = draw(st.sampled_from(KEY_SETS))
    key = draw(st.sampled_from(keys))
    at = draw(st.integers(0, len(key) - 1))
    letter = draw(st.sampled_from(ascii_letters))
    slip = draw(
        st.sampled_from(
            [
                key[:at] + key[at + 1 :],
                key[:at] + letter + key[at:],
                key[:at] + letter + key[at + 1 :],
                key[:at] + key[at : at + 2][::-1] + key[at + 2 :],
            ]
        )
    )
    return slip, key, keys


@given(slip=slips())
def test_a_slip_of_one_letter_is_understood(slip: tuple[str, str, tuple[str, ...]]) -> None:
    """The key that was meant is suggested, whichever letter is wrong, missing or too many."""
    written, meant, keys = slip

    found = nearest(written, keys)

    assert meant in found
    assert len(found) == 1 or set(found) == {"include", "exclude"}


@given(word=st.text(max_size=12), words=st.lists(st.text(max_size=12)))
def test_suggestions_are_known_words(word: str, words: list[str]) -> None:
    """Nothing is suggested that is not there, and a word that is there is its own nearest."""
    found = nearest(word, words)

    assert set(found) <= set(words)
    assert word not in words or word in found

"""What always holds of requests to the page: who may change something, and what can be asked."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vmssplan.errors import UsageInvalid
from vmssplan.model import ScaleSetId
from vmssplan.operating import Verb, command
from vmssplan.ui.access import MAX_BODY_BYTES, Access, Asked, Keys
from vmssplan.ui.asking import parse_ask, parse_body

ACCESS = Access(Keys("t" * 43, "s" * 43, "c" * 43), frozenset({"127.0.0.1:8420"}), 8420)
RIGHT = {
    "host": "127.0.0.1:8420",
    "origin": "http://127.0.0.1:8420",
    "cookie": f"{ACCESS.cookie}={'s' * 43}",
    "x-csrf-token": "c" * 43,
    "content-type": "application/json",
    "content-length": "12",
}
NEEDED = ("host", "origin", "cookie", "x-csrf-token", "content-type")
ODD = st.one_of(
    st.none(),
    st.sampled_from(["", "null", "http://evil.example", "127.0.0.1", "text/plain", "s" * 42]),
    st.text(st.characters(codec="latin-1"), max_size=60),
)
WORDS = st.sampled_from([verb.value for verb in Verb] + ["rollout", "", "none"])
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 2000),
    st.floats(allow_nan=False),
    st.sampled_from(["--auto-approve", "-x", "20%", "PT2M", "0", "outdated", "a,b", "a b", "é\n"]),
    st.text(max_size=20),
)
SELECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "ids": st.lists(st.one_of(LEAVES, st.integers(0, 99).map(str)), max_size=3),
        "updateDomains": st.lists(LEAVES, max_size=2),
        "faultDomains": st.lists(st.integers(0, 4), max_size=2),
        "zones": st.lists(st.one_of(LEAVES, st.just("1")), max_size=2),
        "states": st.lists(st.one_of(LEAVES, st.just("outdated")), max_size=2),
        "all": st.one_of(st.booleans(), LEAVES),
        "else": LEAVES,
    },
)
ASKS = st.fixed_dictionaries(
    {"id": st.one_of(st.just("/subscriptions/s"), LEAVES), "verb": st.one_of(WORDS, LEAVES)},
    optional={
        "selection": st.one_of(SELECTIONS, LEAVES),
        "batchSize": st.one_of(st.sampled_from([1, "2", "20%"]), LEAVES),
        "pause": st.one_of(st.just("PT1M"), LEAVES),
        "maxUnavailable": LEAVES,
        "capacity": LEAVES,
        "model": st.one_of(
            st.dictionaries(st.sampled_from(["imageVersion", "sku", "imageUri", "vmSize"]), LEAVES),
            LEAVES,
        ),
        "protection": st.one_of(st.just({"scaleIn": True}), LEAVES),
        "plan": LEAVES,
        "digest": LEAVES,
    },
)


def asked(headers: dict[str, str | None], method: str = "POST") -> Asked:
    """Return a request with those headers."""
    fields = tuple((name, value) for name, value in headers.items() if value is not None)
    return Asked(method, "/api/operations", "", fields)


def test_what_the_page_sends_is_let_through() -> None:
    """Otherwise nothing below would say anything."""
    assert ACCESS.refusal(asked(dict(RIGHT))) is None


@given(st.sampled_from(NEEDED), ODD)
def test_a_change_is_refused_when_any_one_of_its_proofs_is_another(
    name: str, value: str | None
) -> None:
    """Each of host, origin, cookie, token and type is needed, and none stands for another."""
    headers: dict[str, str | None] = {**RIGHT, name: value}
    found = ACCESS.refusal(asked(headers))
    is_right = value == RIGHT[name] or (name == "content-type" and _is_json(value))
    assert (found is None) == is_right
    if found is not None:
        assert found.status >= HTTPStatus.BAD_REQUEST


@given(st.sampled_from(NEEDED), st.sampled_from(NEEDED))
def test_a_proof_that_comes_twice_is_none(name: str, other: str) -> None:
    """Whoever adds a second header of a kind does not choose which one counts."""
    fields = (*RIGHT.items(), (name, RIGHT[other]))
    found = ACCESS.refusal(Asked("POST", "/api/operations", "", fields))
    assert found is not None or name in ("cookie", "origin")


@given(st.one_of(st.integers(MAX_BODY_BYTES + 1).map(str), st.text(max_size=9)))
def test_a_length_that_is_too_large_or_none_is_refused(length: str) -> None:
    """Before a byte of the body is read."""
    is_good = length == "" or (length.isdecimal() and int(length) <= MAX_BODY_BYTES)
    found = ACCESS.refusal(asked({**RIGHT, "content-length": length}))
    assert (found is None) == is_good


@given(st.text(st.characters(codec="latin-1"), max_size=30))
def test_only_plain_paths_are_let_through(path: str) -> None:
    """Nothing with a percent sign, a backslash, an empty segment or a step up."""
    fields = tuple((name, RIGHT[name]) for name in ("host", "cookie"))
    if ACCESS.refusal(Asked("GET", path, "", fields)) is None:
        assert path.startswith("/")
        assert not set(path) & set("%\\\0")
        assert not {".", ".."} & set(path.split("/"))


@given(st.binary(max_size=40))
def test_a_body_is_an_object_or_is_refused(body: bytes) -> None:
    """Whatever else comes is told to be wrong."""
    try:
        assert isinstance(parse_body(body), dict)
    except UsageInvalid:
        return


@given(ASKS)
def test_whatever_is_asked_for_is_understood_or_refused_and_adds_no_option(
    document: dict[str, Any],
) -> None:
    """No text of a page becomes an option of the command that carries it out."""
    try:
        ask = parse_ask(parse_body(json.dumps(document).encode()))
    except UsageInvalid:
        return
    assert isinstance(ask.target, str)
    if ask.request is None:
        return
    target = ScaleSetId("s", "g", "web").resource_id
    plain = {"--ids", "--update-domain", "--fault-domain", "--zone", "--state", "--all"}
    plain |= {"--image-version", "--image-sku", "--image-id", "--image-uri", "--vm-size"}
    plain |= {"--scale-in", "--no-scale-in", "--scale-set-actions", "--no-scale-set-actions"}
    plain |= {"--batch-size", "--pause-between-batches", "--max-unavailable"}
    words = command(ask.request, target)
    assert {word for word in words if word.startswith("-")} <= plain


def _is_json(value: str | None) -> bool:
    return (value or "").partition(";")[0].strip().lower() == "application/json"

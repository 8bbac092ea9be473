"""Redaction takes every recognisable secret, twice is once, and ordinary texts stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.redaction import REDACTED, address_without_secrets, redacted

SCENARIOS = Path(__file__).parents[2] / "simulator" / "scenarios"

# As Azure has them in its own texts: what must not be touched.
ORDINARY = (
    "To resolve it, please refer to https://aka.ms/activitylog to get more details.",
    "Learn more at http://go.microsoft.com/fwlink/?LinkId=267113.",
    "The access token expiry UTC time '2026-11-01 08:00:00Z' is earlier than current UTC time.",
    "Authentication failed. The 'Authorization' header is missing.",
    "AADSTS7000215: Invalid client secret provided. Trace ID: 0f5a2b6e Timestamp: 2026-11-01",
    "The password must be between 12 and 72 characters; the token: none.",
    "Bearer token authentication is not permitted for non-TLS protected (non-https) URLs.",
    "size Standard_D2s_v5, zone 1, batch=3, remaining=12, retries = 4",
)

SECRETS = st.text(
    alphabet=st.sampled_from("abcdefghijABCDEFGHIJ0123456789_-"), min_size=12, max_size=60
).filter(lambda secret: secret.strip("-_0123456789") != "" and any(map(str.isdecimal, secret)))

# How a secret stands in a text; {} is the secret.
FRAMES = (
    "https://store.blob.core.windows.net/vhds/a.vhd?sv=2022-11-02&sr=b&sig={}",
    "https://management.azure.com/x/operations/1?p=1&api-version=2024-07-01&t=638603&c={}",
    "https://management.azure.com/x/operations/1?s={}&h=1",
    "https://hooks.example.com/services?code={}&x=1 (webhook)",
    "AccountName=a;AccountKey={};EndpointSuffix=core.windows.net",
    "DefaultEndpointsProtocol=https;SharedAccessKey={}",
    "Authorization: Bearer {}",
    "Bearer {}",
    "eyJ{}.eyJ{}.{}",
    "https://user:{}@example.com/",
    "password={}",
    "adminPassword = '{}'",
    'client_secret="{}"',
    '{{"protectedSettings": "{}"}}',
    r"{{\"customData\": \"{}\"}}",
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n{}",
)

PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            *FRAMES,
            *ORDINARY,
            "?",
            "&",
            "=",
            "=***",
            "sig=",
            "https://",
            '"',
            r"\"",
            "'",
            ":",
            " ",
            "@",
        ]
    ),
    SECRETS,
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


@given(SECRETS, st.sampled_from(FRAMES), st.sampled_from(ORDINARY), st.sampled_from(ORDINARY))
def test_no_secret_is_left_in_any_frame(secret: str, frame: str, before: str, after: str) -> None:
    """Whatever stands around it, a secret in a known shape is gone, and the rest is there."""
    said = redacted(
        f"{before} {frame.replace('{{', '{').replace('}}', '}').replace('{}', secret)} {after}"
    )
    assert secret not in said
    assert REDACTED in said
    assert said.startswith(before)


@given(TEXTS)
def test_twice_is_once(text: str) -> None:
    """Redacting what is redacted changes nothing."""
    assert redacted(redacted(text)) == redacted(text)


@given(st.text(alphabet=st.characters(exclude_characters="=:@?.-"), max_size=300))
def test_a_text_without_assignments_and_addresses_stays(text: str) -> None:
    """Prose stays as it is."""
    assert redacted(text) == text


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_texts_stay(text: str) -> None:
    """Azure's own texts stay as they are."""
    assert redacted(text) == text


def _texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in _texts(each)]
        case list():
            return [text for each in value for text in _texts(each)]
    return []


def test_the_texts_of_all_scenarios_stay() -> None:
    """Every message a scenario quotes from Azure, and every id and name in it, stays."""
    files = sorted(SCENARIOS.rglob("*.yaml"))
    texts = [text for file in files for text in _texts(yaml.safe_load(file.read_text("utf-8")))]
    assert len(texts) > 500
    assert [text for text in texts if redacted(text) != text] == []


@given(SECRETS)
def test_the_address_of_a_blob_is_what_names_it(secret: str) -> None:
    """Query, fragment and user information are not part of a blob's name."""
    blob = "store.blob.core.windows.net/vhds/golden.vhd"
    said = address_without_secrets(f"https://me:{secret}@{blob}?sig={secret}#{secret}")
    assert said == f"https://{blob}"
    assert address_without_secrets(said) == said


def test_what_is_kept_of_a_query_is_numbers_and_versions() -> None:
    """The api-version and counts tell what happened; everything else may be a signature."""
    said = redacted("GET https://host/a?api-version=2021-05-01-preview&$top=5&$filter=abc")
    assert said == f"GET https://host/a?api-version=2021-05-01-preview&$top=5&$filter={REDACTED}"
    assert re.search(r"filter=\*\*\*$", said)

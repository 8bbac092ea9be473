"""Takes secrets out of texts that others wrote, before they become values of ours.

Azure's error messages repeat what they were about: addresses with signatures, headers with
tokens, settings of extensions. They end up in journals, reports and logs, so they pass here
first. Only what is recognised by its shape or by the name before it is replaced; the rest of a
text stays as it is, and redacting twice changes nothing more. Pure.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Replacement = str | Callable[[re.Match[str]], str]

REDACTED = "***"

_TELLING_NAMES = (
    r"pass(?:word|wd|phrase)|pwd|secret|token|credentials?|signature|sig|sas|authorization"
    r"|(?:account|access|shared|api|private|storage|subscription|primary|secondary|master|host)"
    r"[-_ ]?keys?|connection[-_ ]?string|protected[-_ ]?settings|custom[-_ ]?data|user[-_ ]?data"
)
_NAME = rf"(?<![\w.-])[\w.-]{{0,40}}(?:{_TELLING_NAMES})(?:[-_]?(?:value|text|base64))?"
_USER_INFORMATION = r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#\"'<>@]+@"
# A number, a date or a version may stay, and so may the api-version.
_HARMLESS = r"[0-9.:-]{0,10}(?:-preview)?"


def redacted(text: str) -> str:
    """Return the text with `***` in place of every secret that can be told from its shape.

    These are: values of names such as password, secret, token, sig or AccountKey; the queries of
    addresses, but for numbers and versions; user names and passwords in addresses; bearer tokens
    and JSON web tokens; private keys.
    """
    for pattern, replacement in _rules():
        text = pattern.sub(replacement, text)
    return text


def address_without_secrets(uri: str) -> str:
    """Return the address of a blob without query and user information: what names it, no more."""
    return re.sub(_USER_INFORMATION, r"\1", re.split(r"[?#]", uri, maxsplit=1)[0])


@cache
def _rules() -> tuple[tuple[re.Pattern[str], Replacement], ...]:
    """Compile when first needed: a command that meets no error need not wait for it."""
    private_key = r"(?s)-----BEGIN ([A-Z ]{0,20}PRIVATE KEY)-----.*?(?:-----END \1-----|\Z)"
    query = r"(?i)(\bhttps?://[^\s?\"'<>()]+\?)([^\s\"'<>()]+)"
    bearer = (
        r"(?i)\b(bearer|basic|sharedkey|sharedaccesssignature)([ +]|%20)"
        r"(?=[^\s\"',;]*[0-9=])[^\s\"',;\\]{12,}"
    )
    signed_json = r"\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)*"
    # name="value", "name": "value", and the same once more within a JSON text.
    quoted = rf"(?i)({_NAME}(?:\\*[\"'])?\s*[=:]\s*)(\\*)([\"'])(?!\2\3)(?:(?!\2\3).)+?\2\3"
    assigned = rf"(?i)({_NAME}\s*=\s*)[^\s\"'\\&;,<>(){{}}\[\]]+"
    rules: tuple[tuple[str, Replacement], ...] = (
        (private_key, REDACTED),
        (_USER_INFORMATION, rf"\1{REDACTED}@"),
        (query, _without_parameters),
        (bearer, rf"\1\2{REDACTED}"),
        (signed_json, REDACTED),
        (quoted, rf"\1\2\3{REDACTED}\2\3"),
        (assigned, rf"\1{REDACTED}"),
    )
    return tuple((re.compile(pattern), replacement) for pattern, replacement in rules)


def _without_parameters(found: re.Match[str]) -> str:
    return found[1] + re.sub(r"([^&;=]+)=([^&;]*)", _without_value, found[2])


def _without_value(found: re.Match[str]) -> str:
    is_harmless = re.fullmatch(_HARMLESS, found[2]) is not None
    return found[0] if is_harmless else f"{found[1]}={REDACTED}"

"""Taking a request apart: path, query, api-version, JSON body.

Everything a client can get wrong before an operation is even reached is refused here, with
the code and text ARM answers, so that the operations only ever see well-formed input.
"""

from __future__ import annotations

import json
import math
import re
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes

from vmss_simulator.arm.call import ApiVersions, BodyRule
from vmss_simulator.arm.messages import MAX_BODY_BYTES
from vmss_simulator.errors import ArmError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vmss_simulator.arm.messages import Request

_API_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(-[A-Za-z0-9.]+)?", re.ASCII)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MOST_QUERY_FIELDS = 100
_DEEPEST_BODY = 64
# Clients ask for the same few addresses again and again.
_REMEMBERED = 1024


@lru_cache(maxsize=_REMEMBERED)
def path_segments(path: str) -> tuple[str, ...]:
    """Return the percent-decoded parts of a path.

    Raises:
        ArmError: 400 for a path that no URL can have.

    """
    if not path.startswith("/") or _BAD_ESCAPE.search(path):
        raise _bad_uri()
    segments = path[1:].removesuffix("/").split("/")
    return tuple(_decoded(segment) for segment in segments)


def _decoded(segment: str) -> str:
    if "%" not in segment and segment.isascii() and segment.isprintable():
        return segment
    try:
        text = unquote_to_bytes(segment.encode()).decode()
    except UnicodeError:
        raise _bad_uri() from None
    if not text.isprintable() or "/" in text:
        raise _bad_uri()
    return text


@lru_cache(maxsize=_REMEMBERED)
def query_parameters(query: str) -> Mapping[str, str]:
    """Return the query's fields by lower-case name; of a repeated one the first.

    Raises:
        ArmError: 400 for a query that no URL can have.

    """
    if not query:
        return MappingProxyType({})
    if _BAD_ESCAPE.search(query):
        raise _bad_uri()
    try:
        pairs = parse_qsl(
            query, keep_blank_values=True, errors="strict", max_num_fields=_MOST_QUERY_FIELDS
        )
    except (ValueError, UnicodeError):
        raise _bad_uri() from None
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name.lower(), value)
    return MappingProxyType(fields)


def _bad_uri() -> ArmError:
    return ArmError(400, "InvalidRequestUri", "The request URI is malformed.")


def check_api_version(query: Mapping[str, str], versions: ApiVersions | None) -> None:
    """Refuse a missing, malformed or unknown api-version; `versions` None checks the form only.

    Raises:
        ArmError: 400, with the code ARM uses for each of the three.

    """
    value = query.get("api-version", "")
    if not value:
        raise ArmError(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )
    match = _API_VERSION.fullmatch(value)
    if match is None or not _is_date(match[1]):
        raise ArmError(400, "InvalidApiVersionParameter", f"The api-version '{value}' is invalid.")
    if versions is None:
        return
    if value in versions.previews:
        return
    # Compared as text: both are yyyy-mm-dd. Another preview is none of the registered versions.
    if match[2] is not None or not versions.first <= value <= versions.last:
        raise ArmError(
            400,
            "NoRegisteredProviderFound",
            f"No registered resource provider found for API version '{value}' for type "
            f"'{versions.resource_type}'. The supported api-versions are "
            f"'{versions.first}' to '{versions.last}'.",
        )


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def json_document(request: Request, rule: BodyRule) -> dict[str, Any]:
    """Return the JSON object a request carries, empty when it carries none.

    Raises:
        ArmError: 413, 415, or 400 InvalidRequestContent.

    """
    if len(request.body) > MAX_BODY_BYTES:
        raise ArmError(
            413,
            "RequestContentTooLarge",
            f"The request content size exceeds the maximum size of '{MAX_BODY_BYTES}' bytes.",
        )
    if rule is BodyRule.NONE:
        return {}
    if not request.body.strip():
        if rule is BodyRule.OPTIONAL:
            return {}
        raise invalid_content("The request content was empty; a JSON object is required.")
    media_type = request.headers.get("content-type", "application/json").partition(";")[0]
    if media_type.strip().lower() not in ("application/json", "text/json"):
        raise ArmError(
            415,
            "UnsupportedMediaType",
            f"The content media type '{media_type}' is not supported. "
            "Only 'application/json' is supported.",
        )
    return _parsed(request.body)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(
            body.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite
        )
        _check_depth(document, 0)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, json.JSONDecodeError) else "not valid JSON"
        raise invalid_content(
            f"The request content was invalid and could not be deserialized: '{reason}'."
        ) from None
    if not isinstance(document, dict):
        raise invalid_content("The request content was invalid: a JSON object is required.")
    return document


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _check_depth(value: Any, depth: int) -> None:
    if depth > _DEEPEST_BODY:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return
    for item in value:
        _check_depth(item, depth + 1)


def invalid_content(message: str) -> ArmError:
    """Return the error for a body that cannot be read as what the operation expects."""
    return ArmError(400, "InvalidRequestContent", message)


def invalid_parameter(message: str, target: str) -> ArmError:
    """Return the error for a value that was read but is not acceptable."""
    return ArmError(400, "InvalidParameter", message, target=target)

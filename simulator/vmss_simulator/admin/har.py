"""The request log as HAR 1.2 (W3C web performance group's archive of HTTP exchanges).

For a browser's developer tools and every other reader of that format. Times are virtual. No
credential is in it: what names itself as one is replaced, in headers, forms and JSON alike, and
a body of an unknown type is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from vmss_simulator.admin.call import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmss_simulator.arm.messages import Request, Response
    from vmss_simulator.request_log import RequestLog, RequestRecord

REDACTED = "REDACTED"
_SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "proxy-authorization", "x-identity-header", "secret"}
)
_SECRET_KEYS = frozenset(
    {
        "access_token",
        "adminpassword",
        "assertion",
        "client_assertion",
        "client_secret",
        "customdata",
        "id_token",
        "password",
        "protectedsettings",
        "refresh_token",
        "secret",
        "userdata",
    }
)
_UNKNOWN = -1
_GONE = "Headers and bodies are no longer kept."


def har_document(log: RequestLog, records: Iterable[RequestRecord], *, host: str) -> dict[str, Any]:
    """Return these requests as an archive; `host` stands where a request named none."""
    return {
        "log": {
            "version": "1.2",
            "creator": {"name": "vmss-simulator", "version": "1"},
            "comment": f"Virtual time. Requests dropped before these: {log.dropped}.",
            "entries": [_entry(log, each, host) for each in records],
        }
    }


def _entry(log: RequestLog, record: RequestRecord, host: str) -> dict[str, Any]:
    exchange = log.exchange(record)
    waited = record.delay.total_seconds() * 1000
    entry: dict[str, Any] = {
        "startedDateTime": iso(record.at),
        "time": waited,
        "request": _request(record, exchange.request if exchange else None, host),
        "response": _response(record, exchange.response if exchange else None),
        "cache": {},
        "timings": {"send": 0, "wait": waited, "receive": 0},
    }
    if exchange is None:
        entry["comment"] = _GONE
    return entry


def _request(record: RequestRecord, request: Request | None, host: str) -> dict[str, Any]:
    named = request.headers.get("host", host) if request else host
    pairs = _pairs(record.query)
    hidden = any(each["value"] == REDACTED for each in pairs)
    safe = urlencode([(each["name"], each["value"]) for each in pairs]) if hidden else record.query
    query = f"?{safe}" if safe else ""
    document: dict[str, Any] = {
        "method": record.method,
        "url": f"https://{named}{record.path}{query}",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(request.headers if request else {}),
        "queryString": pairs,
        "headersSize": _UNKNOWN,
        "bodySize": len(request.body) if request else _UNKNOWN,
    }
    if request is not None and request.body:
        content_type = request.headers.get("content-type", "")
        text = _safe_text(request.body, content_type)
        document["postData"] = {"mimeType": content_type, "text": text}
    return document


def _response(record: RequestRecord, response: Response | None) -> dict[str, Any]:
    headers = response.headers if response else {}
    content_type = headers.get("content-type", "")
    content: dict[str, Any] = {
        "size": len(response.body) if response else _UNKNOWN,
        "mimeType": content_type or "x-unknown",
    }
    if response is not None and response.body and not response.is_lost:
        content["text"] = _safe_text(response.body, content_type)
    return {
        # 0 is what browsers write for a request that got no answer.
        "status": record.status or 0,
        "statusText": "" if record.status else "The reply was lost.",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": _headers(headers),
        "content": content,
        "redirectURL": "",
        "headersSize": _UNKNOWN,
        "bodySize": len(response.body) if response else _UNKNOWN,
    }


def _headers(headers: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": REDACTED if name.lower() in _SECRET_HEADERS else value}
        for name, value in headers.items()
    ]


def _pairs(query: str) -> list[dict[str, str]]:
    try:
        found = parse_qsl(query, keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        found = []
    return [{"name": name, "value": _safe_value(name, value)} for name, value in found]


def _safe_text(body: bytes, content_type: str) -> str:
    """Return the body as text without credentials, or what stands for it."""
    try:
        text = body.decode()
        if "x-www-form-urlencoded" in content_type:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=1000)
            return urlencode([(name, _safe_value(name, value)) for name, value in pairs])
        return json.dumps(_safe_json(json.loads(text)), separators=(",", ":"))
    except (ValueError, RecursionError):
        return f"{REDACTED} ({len(body)} bytes that are neither JSON nor a form)"


def _safe_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: REDACTED if key.lower() in _SECRET_KEYS else _safe_json(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_safe_json(item) for item in value]
    return value


def _safe_value(name: str, value: str) -> str:
    return REDACTED if name.lower() in _SECRET_KEYS else value

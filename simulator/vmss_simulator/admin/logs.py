"""What was asked and what happened, over the admin interface: filtered, as JSON, lines or HAR."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from vmss_simulator.admin.call import AdminError, AdminRoute, iso, lines_response
from vmss_simulator.admin.har import har_document
from vmss_simulator.admin.stream import event_document, resume_after, stream_text
from vmss_simulator.arm.messages import Response, json_response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.request_log import RequestRecord

_Any = TypeVar("_Any")


def requests(call: AdminCall) -> Response | dict[str, Any]:
    """Answer the request log, filtered by the query, as `json`, `jsonl` or `har`."""
    wanted = call.format("json", "jsonl", "har")
    found = _latest(call, list(_requests(call)))
    log = call.door.requests
    match wanted:
        case "har":
            return json_response(har_document(log, found, host=_host(call)))
        case "jsonl":
            return lines_response(_record(each) for each in found)
        case _:
            return {"requests": [_record(each) for each in found], "dropped": log.dropped}


def clear_requests(call: AdminCall) -> dict[str, Any]:
    """Empty the request log."""
    cleared = len(call.door.requests)
    call.door.requests.clear()
    return {"cleared": cleared}


def events(call: AdminCall) -> Response | dict[str, Any]:
    """Answer what has happened in the world, filtered by the query, as `json` or `jsonl`."""
    wanted = call.format("json", "jsonl")
    found = _latest(call, list(_events(call)))
    if wanted == "jsonl":
        return lines_response(found)
    return {"events": found}


def stream(call: AdminCall) -> Response:
    """Answer what has happened so far as the beginning of a stream; a server goes on with it."""
    wanted = call.format("sse", "jsonl")
    text, _ = stream_text(
        call.door, resume_after(call.door, call.request), as_lines=wanted != "sse"
    )
    content_type = "text/event-stream" if wanted == "sse" else "application/x-ndjson"
    headers = {"content-type": content_type, "cache-control": "no-cache"}
    return Response(200, headers, text.encode())


def _requests(call: AdminCall) -> Iterator[RequestRecord]:
    after = call.number("after", -1)
    for each in call.door.requests:
        if each.sequence > after and call.matches(
            method=each.method,
            path=each.path,
            operation=each.operation,
            status="lost" if each.status is None else each.status,
            clientRequestId=each.client_request_id,
        ):
            yield each


def _events(call: AdminCall) -> Iterator[dict[str, Any]]:
    after = call.number("after", -1)
    for each in call.door.world.log[max(0, after + 1) :]:
        if call.matches(type=each.type, scaleSet=each.scale_set, instanceId=each.instance_id):
            yield event_document(each)


def _latest(call: AdminCall, found: list[_Any]) -> list[_Any]:
    limit = call.number("limit", len(found))
    if limit < 0:
        raise AdminError(400, "InvalidRequest", "'limit' is 0 or more.")
    return found[len(found) - min(limit, len(found)) :]


def _record(record: RequestRecord) -> dict[str, Any]:
    return {
        "sequence": record.sequence,
        "at": iso(record.at),
        "method": record.method,
        "path": record.path,
        "query": record.query,
        "operation": record.operation,
        "status": record.status,
        "requestId": record.request_id,
        "clientRequestId": record.client_request_id,
        "instanceIds": list(record.instance_ids),
    }


def _host(call: AdminCall) -> str:
    return call.request.headers.get("host", "management.azure.com")


_FILTERS = "?after=&limit=&method=&path=&operation=&status=&clientRequestId= (globs)"

ROUTES = (
    AdminRoute("GET", "/requests", requests, f"Requests; ?format=json, jsonl or har; {_FILTERS}."),
    AdminRoute("DELETE", "/requests", clear_requests, "Empty the request log."),
    AdminRoute(
        "GET",
        "/events",
        events,
        "What happened; ?format=json or jsonl; ?after=&limit=&type=&scaleSet=&instanceId=.",
    ),
    AdminRoute(
        "GET",
        "/events/stream",
        stream,
        "The same as it happens: server-sent events, or ?format=jsonl; honours Last-Event-ID.",
    ),
)

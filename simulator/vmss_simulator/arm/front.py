"""One request from end to end: find the operation, let the request in, carry it out, answer.

The order is ARM's: token, api-version, path, method, body, throttle, operation. Whatever goes
wrong on the way becomes an ARM error body here and nowhere else.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmss_simulator.arm import authorization, intake, routes, tokens
from vmss_simulator.arm.call import Call
from vmss_simulator.arm.headers import allowance_headers, error_response, http_date, stamp
from vmss_simulator.arm.memo import Memo
from vmss_simulator.arm.messages import Response
from vmss_simulator.arm.settings import Settings
from vmss_simulator.arm.subscriptions import check_subscription
from vmss_simulator.errors import ArmError, ConnectionBroken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmss_simulator.arm.call import Route
    from vmss_simulator.arm.messages import Request
    from vmss_simulator.arm.routes import Found
    from vmss_simulator.world import World

_DEFAULTS = Settings()


def handle(
    world: World, request: Request, settings: Settings = _DEFAULTS, memo: Memo | None = None
) -> Response:
    """Answer one request; never raises for anything a client can send.

    A refused request changes nothing. `memo` may be kept between calls to render less.
    """
    memo = memo or Memo()
    route: Route | None = None
    call: Call | None = None
    try:
        segments = intake.path_segments(request.path)
        query = intake.query_parameters(request.query)
        found = routes.find(segments)
        if found is None or request.method not in found.routes:
            tokens.check(request, settings)
            intake.check_api_version(query, None)
            raise _unknown(segments, request.method, found)
        route, names = found.routes[request.method]
        if route.versions is not None:
            tokens.check(request, settings)
            intake.check_api_version(query, route.versions)
        call = Call(world, request, settings, memo, found.parameters(names), query)
        call = replace(call, document=intake.json_document(request, route.body))
        response = _carried_out(call, route)
    except ArmError as error:
        response = error_response(error, settings)
        challenge = _challenge(error, request, settings)
        response = replace(response, headers={**response.headers, **challenge})
    except ConnectionBroken:
        response = Response(0, is_lost=True)
    operation = route.kind.value if route is not None and route.kind is not None else None
    instance_ids = call.instance_ids if call is not None else ()
    return stamp(world, request, response, operation=operation, instance_ids=instance_ids)


def _carried_out(call: Call, route: Route) -> Response:
    if "subscriptionId" in call.parameters:
        check_subscription(call.world, call.settings, call.subscription_id)
    if route.kind is None:
        return route.handler(call)
    authorization.check(call, route)
    allowance = call.world.admit(
        route.kind,
        route.key_of(call),
        subscription_id=call.subscription_id,
        location=call.parameters.get("location"),
        instance_ids=call.instance_ids,
    )
    if route.kind.is_read and (seen := call.world.seen(allowance)) is not call.world:
        call = replace(call, world=seen)
    for _ in range(allowance.deliveries):
        response = route.handler(call)
    # Only a request that was carried out has a reply to lose, as at the direct door.
    is_cut = allowance.reply_cut and bool(response.body)
    if not is_cut:
        allowance.deliver()
    headers = {**allowance_headers(allowance), **response.headers}
    if allowance.date_skew:
        headers["date"] = http_date(call.world.now + allowance.date_skew)
    return replace(response, headers=headers, delay=allowance.reply_delay, is_cut=is_cut)


def _unknown(segments: Sequence[str], method: str, found: Found | None) -> ArmError:
    if found is not None:
        return ArmError(
            405,
            "MethodNotAllowed",
            f"The requested resource does not support http method '{method}'.",
        )
    folded = [segment.casefold() for segment in segments]
    if "providers" in folded[:-1]:
        namespace = segments[folded.index("providers") + 1]
        if namespace.casefold() != "microsoft.compute":
            return ArmError(
                404,
                "InvalidResourceNamespace",
                f"The resource namespace '{namespace}' is invalid.",
            )
        return ArmError(
            404,
            "InvalidResourceType",
            "The resource type could not be found in the namespace 'Microsoft.Compute'.",
        )
    return ArmError(404, "NotFound", "The requested path was not found.")


def _challenge(error: ArmError, request: Request, settings: Settings) -> dict[str, str]:
    if error.status != 401:  # noqa: PLR2004 - HTTP's own number
        return {}
    # The message may quote the client's token: nothing of it ends the value or the header.
    said = "".join(each for each in error.message if each.isprintable() and each not in '"\\')
    return {
        "WWW-Authenticate": (
            f'Bearer authorization_uri="{request.base_url}/{settings.tenant_id}", '
            f'error="invalid_token", error_description="{said}"'
        )
    }

"""Pages of a list, and the opaque link to the next one.

The link carries the sort key of the last item rather than a position, so that items which
come and go between two pages neither repeat nor hide others.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from vmss_simulator.arm.intake import invalid_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmss_simulator.arm.call import Call

Item = TypeVar("Item")
SortKey = tuple[int | str, ...]


def page(
    call: Call, items: Sequence[Item], sort_key: Callable[[Item], SortKey]
) -> tuple[list[Item], str | None]:
    """Return the items of the page the call asks for, and the next page's link if there is one.

    Raises:
        ArmError: 400 for a `$skiptoken` that no link carried.

    """
    size = call.settings.page_size or call.world.options.instance_page_size
    ordered = sorted(items, key=sort_key)
    token = call.query.get("$skiptoken")
    if token is not None:
        last = _opened(token)
        if ordered and _shape(last) != _shape(sort_key(ordered[0])):
            raise _bad_token()
        ordered = [item for item in ordered if sort_key(item) > last]
    if len(ordered) <= size:
        return ordered, None
    ordered = ordered[:size]
    return ordered, _link(call, sort_key(ordered[-1]))


def _link(call: Call, last: SortKey) -> str:
    sealed = base64.urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")
    fields = {**call.query, "$skiptoken": sealed}
    return f"{call.request.base_url}{call.request.path}?{urlencode(fields)}"


def _opened(token: str) -> SortKey:
    try:
        last = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, RecursionError):
        raise _bad_token() from None
    if not isinstance(last, list) or not all(isinstance(part, int | str) for part in last):
        raise _bad_token()
    return tuple(last)


def _shape(key: SortKey) -> list[type]:
    return [type(part) for part in key]


def _bad_token() -> Exception:
    return invalid_parameter("The value of parameter $skiptoken is invalid.", "$skiptoken")

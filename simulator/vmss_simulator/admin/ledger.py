"""What the simulator's behaviour rests on, over the admin interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmss_simulator.admin.call import AdminRoute, text_response
from vmss_simulator.fidelity import LEDGER, markdown

if TYPE_CHECKING:
    from vmss_simulator.admin.call import AdminCall
    from vmss_simulator.arm.messages import Response


def show(call: AdminCall) -> Response | dict[str, Any]:
    """Answer the fidelity ledger, as `json` or `markdown`; `area` and `level` filter it."""
    if call.format("json", "markdown") == "markdown":
        return text_response(markdown(), "text/markdown")
    return {
        "entries": [
            {
                "area": each.area.value,
                "subject": each.subject,
                "level": each.level.value,
                "source": each.source,
                "note": each.note,
            }
            for each in LEDGER
            if call.matches(area=each.area.value, level=each.level.value, subject=each.subject)
        ]
    }


ROUTES = (
    AdminRoute(
        "GET",
        "/fidelity",
        show,
        "What each operation and behaviour rests on; ?format=json or markdown; ?area=&level=.",
    ),
)

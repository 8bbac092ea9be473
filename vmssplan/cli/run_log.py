"""A Run in the logs: each Event one record, with the fields that find it again.

It also puts the Run's place into the context of logging, so that every request that the Azure
backend logs carries the Run, step, batch and instances it was made for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from vmssplan.cli.logs import set_context
from vmssplan.engine import events as ev
from vmssplan.report.happening import happening
from vmssplan.report.steps import batch_of_step
from vmssplan.report.told import Weight

if TYPE_CHECKING:
    from datetime import datetime

    from vmssplan.engine import Event, RunState
    from vmssplan.model import ScaleSet
    from vmssplan.rollout import Rollout

LOGGER = logging.getLogger("vmssplan.run")
_LEVELS = {
    Weight.DETAIL: logging.DEBUG,
    Weight.INFO: logging.INFO,
    Weight.WARNING: logging.WARNING,
    Weight.ERROR: logging.ERROR,
}
_TOLD = ("request", "operation", "reason", "until", "code", "status", "exit_code")
"""Fields of Events that come as fields of records, where an Event has them."""


class RunLog:
    """A Watcher that logs."""

    def __init__(self, run: str, rollout: Rollout) -> None:
        self._run = {"run": run, "plan": rollout.plan, "scaleSet": rollout.target.resource_id}

    def happened(self, event: Event, state: RunState) -> None:
        """Log the Event, and remember where the Run is for what is logged until the next one."""
        place = _place(state)
        request: dict[str, Any] = {}
        if isinstance(event, ev.ModelWriteIntended | ev.UpgradeIntended):
            before = state.deferral.count if state.deferral else 0
            request = {"request": event.request, "attempt": before + 1}
            if isinstance(event, ev.UpgradeIntended):
                request["instances"] = list(event.instance_ids)
        set_context({**self._run, **place, **request})
        told = happening(event, state.rollout)
        fields: dict[str, Any] = {"event": type(event).__name__, "at": event.at.isoformat()}
        places = {"step": told.step, "batch": told.batch}
        fields.update({name: value for name, value in places.items() if value is not None})
        text = told.text
        if told.instance is not None:
            fields["instances"] = [told.instance]
            text = f"instance {told.instance}: {text}"
        fields.update(_told(event))
        LOGGER.log(_LEVELS[told.weight], "%s", text, extra={"fields": fields})

    def looked(self, scale_set: ScaleSet, state: RunState, now: datetime) -> None:
        """Log how many instances were seen, for those who want everything."""
        source = state.rollout.health.source
        serving = sum(one.is_in_service(source) for one in scale_set.instances)
        fields = {
            "at": now.isoformat(),
            "inService": serving,
            "floor": state.rollout.bounds.floor,
            "total": len(scale_set.instances),
            **_place(state),
        }
        LOGGER.debug("looked at the scale set", extra={"fields": fields})


def _place(state: RunState) -> dict[str, Any]:
    if state.step == 0:
        return {}
    batch = batch_of_step(state.rollout, state.step)
    return {"step": state.step} if batch is None else {"step": state.step, "batch": batch}


def _told(event: Event) -> dict[str, Any]:
    """Return what machines look for in an Event, under the names of its document."""
    from vmssplan.documents import document_key

    found = {name: getattr(event, name, None) for name in _TOLD}
    return {document_key(name): value for name, value in found.items() if value not in (None, "")}

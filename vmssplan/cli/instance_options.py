"""The options of work on chosen instances: which, how carefully, what of the model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.errors import UsageInvalid
from vmssplan.operating import Selection, StateWord

if TYPE_CHECKING:
    from collections.abc import Sequence

STATE_VARIABLE = "VMSSPLAN_STATE"
SELECTION = "Which instances: all of several kinds must fit, any value of a kind"
CARE = "How carefully"
CHANGE = "What the model is to have"

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="PLAN.yaml|RESOURCE-ID",
        help="A Plan, whose floor and health then hold, or the id of a scale set.",
    ),
]
IdsOption = Annotated[
    str | None,
    typer.Option("--ids", metavar="1,2", help="Instance ids.", rich_help_panel=SELECTION),
]
UpdateDomainOption = Annotated[
    str | None,
    typer.Option(
        "--update-domain", metavar="0,1", help="Update domains.", rich_help_panel=SELECTION
    ),
]
FaultDomainOption = Annotated[
    str | None,
    typer.Option("--fault-domain", metavar="0,1", help="Fault domains.", rich_help_panel=SELECTION),
]
ZoneOption = Annotated[
    str | None,
    typer.Option("--zone", metavar="1,2", help="Zones.", rich_help_panel=SELECTION),
]
StatesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="WORD,...",
        help="current, outdated, operating, unhealthy, failed, stopped, deallocated, protected."
        " With a slash in it: the place of Runs and locks, as for every verb.",
        show_default=False,
        rich_help_panel=SELECTION,
    ),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="All instances of the set.", rich_help_panel=SELECTION)
]
BatchSizeOption = Annotated[
    str | None,
    typer.Option(
        "--batch-size",
        metavar="N|P%",
        help="So many at a time. Default: as many as may be out of service.",
        rich_help_panel=CARE,
    ),
]
PauseOption = Annotated[
    str | None,
    typer.Option(
        "--pause-between-batches",
        metavar="DURATION",
        help="Such as PT2M or 120s.",
        rich_help_panel=CARE,
    ),
]
MaxUnavailableOption = Annotated[
    str | None,
    typer.Option(
        "--max-unavailable",
        metavar="N|P%",
        help="So many may be out of service; a Plan's availability can only be made stricter."
        " Default without a Plan: one batch, and one where no --batch-size is given.",
        rich_help_panel=CARE,
    ),
]
AutoApproveOption = Annotated[
    bool,
    typer.Option(
        "--auto-approve",
        help="Do it without asking. Left out, off a terminal, this only shows what would be done.",
        rich_help_panel=CARE,
    ),
]
RequireDigestOption = Annotated[
    str | None,
    typer.Option(
        "--require-digest",
        metavar="SHA256",
        help="Refuse anything else than the preview with this digest (exit 13).",
        rich_help_panel=CARE,
    ),
]
WaitOption = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="--no-wait ends once the last request is accepted. Default: when all is as wanted."
        " A rollout with --wait stays for approvals.",
        show_default=False,
        rich_help_panel=CARE,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The preview as JSON, and then one JSON line an event.")
]


ImageVersionOption = Annotated[
    str | None,
    typer.Option("--image-version", metavar="VERSION", rich_help_panel=CHANGE),
]
ImageSkuOption = Annotated[
    str | None, typer.Option("--image-sku", metavar="SKU", rich_help_panel=CHANGE)
]
ImageIdOption = Annotated[
    str | None,
    typer.Option(
        "--image-id",
        metavar="ID",
        help="A managed image, or one in a gallery.",
        rich_help_panel=CHANGE,
    ),
]
ImageUriOption = Annotated[
    str | None,
    typer.Option(
        "--image-uri",
        metavar="URL",
        help="The disk of a custom image, where the set has one already.",
        rich_help_panel=CHANGE,
    ),
]
VmSizeOption = Annotated[
    str | None, typer.Option("--vm-size", metavar="SIZE", rich_help_panel=CHANGE)
]


def selection(
    ids: str | None,
    update_domain: str | None,
    fault_domain: str | None,
    zone: str | None,
    state: Sequence[str] | None,
    *,
    everything: bool,
) -> Selection:
    """Read the options that select; raises UsageInvalid."""
    return Selection(
        _words("--ids", ids),
        tuple(_number("--update-domain", one) for one in _words("--update-domain", update_domain)),
        tuple(_number("--fault-domain", one) for one in _words("--fault-domain", fault_domain)),
        _words("--zone", zone),
        tuple(_state(one) for text in _states(state) for one in _words("--state", text)),
        everything,
    )


def place_of(state: Sequence[str] | None) -> str | None:
    """Return the place of Runs and locks: of `--state`, or of the environment."""
    places = [one for one in state or () if "/" in one]
    return places[-1] if places else os.environ.get(STATE_VARIABLE) or None


def _states(state: Sequence[str] | None) -> Sequence[str]:
    return [one for one in state or () if "/" not in one]


def _words(option: str, text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise UsageInvalid(f"{option}: {text!r} is no list; expected such as 1,2")
    return tuple(dict.fromkeys(words))


def _number(option: str, text: str) -> int:
    if not text.isdecimal():
        raise UsageInvalid(f"{option}: {text!r} is no domain; expected a number such as 0")
    return int(text)


def _state(text: str) -> StateWord:
    try:
        return StateWord(text)
    except ValueError as error:
        known = ", ".join(StateWord)
        raise UsageInvalid(f"--state: {text!r} is no state; expected some of {known}") from error

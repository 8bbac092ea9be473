"""The verbs for chosen instances, beside rollouts: instances list, restart, stop ..., and scale."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from vmssplan.cli.connection import (
    DEFAULT_STATE,
    CaFileOption,
    CloudOption,
    Connection,
    EndpointOption,
    NoColorOption,
    SharedStateOption,
    SimulatorOption,
    SpeedOption,
    StateOption,
)
from vmssplan.cli.console import Console
from vmssplan.cli.executing import LockTimeoutOption, lock_patience
from vmssplan.cli.instance_options import (
    AllOption,
    AutoApproveOption,
    BatchSizeOption,
    FaultDomainOption,
    IdsOption,
    ImageIdOption,
    ImageSkuOption,
    ImageUriOption,
    ImageVersionOption,
    JsonOption,
    MaxUnavailableOption,
    PauseOption,
    RequireDigestOption,
    StatesOption,
    TargetArgument,
    UpdateDomainOption,
    VmSizeOption,
    WaitOption,
    ZoneOption,
    place_of,
    selection,
)
from vmssplan.errors import UsageInvalid
from vmssplan.operating import ModelChange, Protection, Request, Verb

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    name="instances",
    help="Look at chosen instances, and work on them: above the floor, batch by batch.\n\n"
    "Example: vmssplan instances restart plans/web-jammy.yaml --state unhealthy",
    no_args_is_help=True,
)


class Half(StrEnum):
    """Which half of a protection a message is about."""

    SCALE_IN = "--scale-in"
    SCALE_SET_ACTIONS = "--scale-set-actions"


def _work_verb(verb: Verb, text: str) -> Callable[..., int]:
    """Return the verb's function; those made here differ by nothing but what they do."""

    def work(
        target: TargetArgument,
        *,
        ids: IdsOption = None,
        update_domain: UpdateDomainOption = None,
        fault_domain: FaultDomainOption = None,
        zone: ZoneOption = None,
        state: StatesOption = None,
        everything: AllOption = False,
        batch_size: BatchSizeOption = None,
        pause: PauseOption = None,
        max_unavailable: MaxUnavailableOption = None,
        auto_approve: AutoApproveOption = False,
        require_digest: RequireDigestOption = None,
        wait: WaitOption = None,
        lock_timeout: LockTimeoutOption = None,
        as_json: JsonOption = False,
        simulator: SimulatorOption = None,
        endpoint: EndpointOption = None,
        ca_file: CaFileOption = None,
        cloud: CloudOption = "AzureCloud",
        state_dir: StateOption = DEFAULT_STATE,
        speed: SpeedOption = None,
        no_color: NoColorOption = False,
    ) -> int:
        from vmssplan.cli.operations import Care, amount_of, span_of, work_on

        request = Request(
            verb,
            selection(ids, update_domain, fault_domain, zone, state, everything=everything),
            amount_of("--batch-size", batch_size),
            span_of("--pause-between-batches", pause),
            amount_of("--max-unavailable", max_unavailable, least=0),
        )
        connection = Connection(
            simulator, endpoint, ca_file, cloud, state_dir, speed, place_of(state)
        )
        patience = lock_patience(lock_timeout)
        care = Care(auto_approve, require_digest, wait, patience, as_json)
        return asyncio.run(work_on(target, request, connection, Console(no_color=no_color), care))

    work.__doc__ = text
    work.__name__ = verb.value
    return work


_WORK = {
    Verb.REIMAGE: """Give instances a new OS disk from the model's image, in place of the old one.

    Each batch is in service again before the next one starts.

    Example: vmssplan instances reimage plans/web-jammy.yaml --ids 3,8
    """,
    Verb.START: """Start instances that are stopped or deallocated, and wait until they serve.

    Example: vmssplan instances start plans/web-jammy.yaml --state stopped,deallocated
    """,
    Verb.STOP: """Stop instances: they keep their machine, and are still paid for.

    They count as out of service, so the floor has to leave room for all of them.

    Example: vmssplan instances stop plans/web-jammy.yaml --fault-domain 1 --auto-approve
    """,
    Verb.RESTART: """Restart instances, batch by batch: each is in service again before the next.

    Example: vmssplan instances restart plans/web-jammy.yaml --state unhealthy --batch-size 2
    """,
    Verb.DEALLOCATE: """Stop instances and give their machines back, so that they cost nothing.

    They count as out of service, so the floor has to leave room for all of them.

    Example: vmssplan instances deallocate plans/web-jammy.yaml --ids 10,11
    """,
    Verb.DELETE: """Delete instances with their disks; the capacity falls by as many.

    They count as out of service, so the floor has to leave room for all of them.

    Example: vmssplan instances delete plans/web-jammy.yaml --state failed
    """,
}


@app.command("list")
def list_instances(
    target: TargetArgument,
    *,
    ids: IdsOption = None,
    update_domain: UpdateDomainOption = None,
    fault_domain: FaultDomainOption = None,
    zone: ZoneOption = None,
    state: StatesOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    no_color: NoColorOption = False,
) -> int:
    """List instances, each with where it is, what it runs and how it stands. Changes nothing.

    Example: vmssplan instances list plans/web-jammy.yaml --state outdated,unhealthy
    """
    from vmssplan.cli.operations import list_chosen

    chosen = selection(ids, update_domain, fault_domain, zone, state, everything=True)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir)
    console = Console(no_color=no_color)
    return asyncio.run(list_chosen(target, chosen, connection, console, as_json=as_json))


@app.command("upgrade")
def upgrade(
    target: TargetArgument,
    *,
    ids: IdsOption = None,
    update_domain: UpdateDomainOption = None,
    fault_domain: FaultDomainOption = None,
    zone: ZoneOption = None,
    state: StatesOption = None,
    everything: AllOption = False,
    image_version: ImageVersionOption = None,
    image_sku: ImageSkuOption = None,
    image_id: ImageIdOption = None,
    image_uri: ImageUriOption = None,
    vm_size: VmSizeOption = None,
    batch_size: BatchSizeOption = None,
    pause: PauseOption = None,
    max_unavailable: MaxUnavailableOption = None,
    auto_approve: AutoApproveOption = False,
    require_digest: RequireDigestOption = None,
    wait: WaitOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Bring outdated instances to the model: a rollout of exactly these, with all it guarantees.

    With an option for the model, that is written first. What comes is a Run: journal, resume,
    approve, pause, abort and rollback are those of `vmssplan apply`.

    Example: vmssplan instances upgrade plans/web-jammy.yaml --update-domain 0 --batch-size 2
    """
    from vmssplan.cli.operations import Care, amount_of, span_of, work_on

    request = Request(
        Verb.UPGRADE,
        selection(ids, update_domain, fault_domain, zone, state, everything=everything),
        amount_of("--batch-size", batch_size),
        span_of("--pause-between-batches", pause),
        amount_of("--max-unavailable", max_unavailable),
        change=ModelChange(image_version, image_sku, image_id, image_uri, vm_size),
    )
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, place_of(state))
    care = Care(auto_approve, require_digest, wait, lock_patience(lock_timeout), as_json)
    return asyncio.run(work_on(target, request, connection, Console(no_color=no_color), care))


@app.command("set-model")
def set_model(
    target: TargetArgument,
    *,
    image_version: ImageVersionOption = None,
    image_sku: ImageSkuOption = None,
    image_id: ImageIdOption = None,
    image_uri: ImageUriOption = None,
    vm_size: VmSizeOption = None,
    auto_approve: AutoApproveOption = False,
    require_digest: RequireDigestOption = None,
    wait: WaitOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Write another image or size into the model, and touch no instance yet.

    Instances that come later have it; `vmssplan instances upgrade` brings the others to it.

    Example: vmssplan instances set-model plans/web-jammy.yaml --image-version 22.04.202610010
    """
    from vmssplan.cli.operations import Care, work_on

    change = ModelChange(image_version, image_sku, image_id, image_uri, vm_size)
    request = Request(Verb.SET_MODEL, change=change)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    care = Care(auto_approve, require_digest, wait, lock_patience(lock_timeout), as_json)
    return asyncio.run(work_on(target, request, connection, Console(no_color=no_color), care))


@app.command("protect")
def protect(
    target: TargetArgument,
    *,
    scale_in: Annotated[
        bool | None,
        typer.Option(
            "--scale-in/--no-scale-in",
            help="Autoscale and scaling in leave it.",
            show_default=False,
        ),
    ] = None,
    scale_set_actions: Annotated[
        bool | None,
        typer.Option(
            "--scale-set-actions/--no-scale-set-actions",
            help="Upgrades, reimages and the like leave it, too.",
            show_default=False,
        ),
    ] = None,
    ids: IdsOption = None,
    update_domain: UpdateDomainOption = None,
    fault_domain: FaultDomainOption = None,
    zone: ZoneOption = None,
    state: StatesOption = None,
    everything: AllOption = False,
    auto_approve: AutoApproveOption = False,
    require_digest: RequireDigestOption = None,
    wait: WaitOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Protect instances from being scaled in or operated on, or take that back. They run on.

    Example: vmssplan instances protect plans/web-jammy.yaml --ids 7 --scale-set-actions
    """
    from vmssplan.cli.operations import Care, work_on

    if scale_in is None and scale_set_actions is None:
        raise UsageInvalid(
            "from what?", hint=f"add {Half.SCALE_IN} or {Half.SCALE_SET_ACTIONS}, or their --no-"
        )
    if scale_set_actions and scale_in is False:
        raise UsageInvalid(
            f"{Half.SCALE_SET_ACTIONS} protects from scale in, too", hint="leave --no-scale-in out"
        )
    request = Request(
        Verb.PROTECT,
        selection(ids, update_domain, fault_domain, zone, state, everything=everything),
        protection=Protection(scale_in, scale_set_actions),
    )
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, place_of(state))
    care = Care(auto_approve, require_digest, wait, lock_patience(lock_timeout), as_json)
    return asyncio.run(work_on(target, request, connection, Console(no_color=no_color), care))


def scale(
    target: TargetArgument,
    capacity: Annotated[int, typer.Argument(metavar="CAPACITY", min=0, max=1000)],
    *,
    max_unavailable: MaxUnavailableOption = None,
    auto_approve: AutoApproveOption = False,
    require_digest: RequireDigestOption = None,
    wait: WaitOption = None,
    lock_timeout: LockTimeoutOption = None,
    as_json: JsonOption = False,
    simulator: SimulatorOption = None,
    endpoint: EndpointOption = None,
    ca_file: CaFileOption = None,
    cloud: CloudOption = "AzureCloud",
    state_dir: StateOption = DEFAULT_STATE,
    state: SharedStateOption = None,
    speed: SpeedOption = None,
    no_color: NoColorOption = False,
) -> int:
    """Change how many instances a scale set has, and wait until the new ones serve.

    Azure chooses which go when it shrinks, so each counts as in service, and the floor has to leave
    room for all of them. To choose yourself: `vmssplan instances delete`.

    Example: vmssplan scale plans/web-jammy.yaml 15
    """
    from vmssplan.cli.operations import Care, amount_of, work_on

    limit = amount_of("--max-unavailable", max_unavailable, least=0)
    request = Request(Verb.SCALE, capacity=capacity, max_unavailable=limit)
    connection = Connection(simulator, endpoint, ca_file, cloud, state_dir, speed, state)
    care = Care(auto_approve, require_digest, wait, lock_patience(lock_timeout), as_json)
    return asyncio.run(work_on(target, request, connection, Console(no_color=no_color), care))


for _verb, _text in _WORK.items():
    app.command(_verb.value)(_work_verb(_verb, _text))

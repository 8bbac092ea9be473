"""Makes the Plan from a document that has passed the schema; nothing is checked again here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmssplan.durations import parse_duration
from vmssplan.model import (
    Amount,
    ApprovalGate,
    Autoscale,
    Availability,
    CommandProbe,
    CommunityGalleryImage,
    Counting,
    Failure,
    Gate,
    GateCheck,
    Health,
    HealthSource,
    Hooks,
    HttpProbe,
    ImageReference,
    Method,
    ModelFields,
    OnFailure,
    OnScale,
    Order,
    OrderKey,
    Plan,
    PlatformImage,
    ProbeScope,
    ResourceImage,
    ScaleSetId,
    Selector,
    SharedGalleryImage,
    Strategy,
    StrategyType,
    UpgradeMode,
    UriImage,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def plan_of(raw: Mapping[str, Any]) -> Plan:
    """Return the Plan; what the document leaves out gets the model's own default."""
    target = raw["target"]
    return Plan(
        name=raw["metadata"]["name"],
        target=ScaleSetId(target["subscriptionId"], target["resourceGroup"], target["scaleSet"]),
        model=_model(raw["model"]),
        strategy=_strategy(raw.get("strategy", {})),
        availability=_availability(raw.get("availability", {})),
        health=_health(raw.get("health", {})),
        failure=_failure(raw.get("failure", {})),
        gates=tuple(_gate(gate) for gate in raw.get("gates", ())),
        hooks=_hooks(raw.get("hooks", {})),
        **_given(raw, autoscale=("autoscale", Autoscale), on_scale=("onScale", OnScale)),
    )


def _given(raw: Mapping[str, Any], **fields: tuple[str, Callable[[Any], object]]) -> dict[str, Any]:
    """Return constructor arguments for the keys that are there, so that defaults stay one place."""
    return {name: make(raw[key]) for name, (key, make) in fields.items() if key in raw}


def _model(raw: Mapping[str, Any]) -> ModelFields:
    return ModelFields(
        **_given(
            raw,
            image=("image", _image),
            vm_size=("vmSize", str),
            upgrade_policy=("upgradePolicy", UpgradeMode),
        )
    )


def _image(raw: Mapping[str, str]) -> ImageReference:
    match raw:
        case {"id": image_id}:
            return ResourceImage(image_id)
        case {"sharedGalleryImageId": image_id}:
            return SharedGalleryImage(image_id)
        case {"communityGalleryImageId": image_id}:
            return CommunityGalleryImage(image_id)
        case {"uri": uri}:
            return UriImage(uri)
        case _:
            return PlatformImage(**raw)


def _strategy(raw: Mapping[str, Any]) -> Strategy:
    return Strategy(
        **_given(
            raw,
            type=("type", StrategyType),
            batch_sizes=("batchSize", _amounts),
            order=("order", _order),
            include=("include", _selector),
            exclude=("exclude", _selector),
            pause_time_between_batches=("pauseTimeBetweenBatches", parse_duration),
            method=("method", Method),
        )
    )


def _amounts(raw: int | str | list[int | str]) -> tuple[Amount, ...]:
    return tuple(_amount(item) for item in (raw if isinstance(raw, list) else [raw]))


def _amount(raw: int | str) -> Amount:
    if isinstance(raw, str):
        return Amount(int(raw.removesuffix("%")), percent=True)
    return Amount(raw)


def _order(raw: Mapping[str, Any]) -> Order:
    return Order(**_given(raw, unhealthy_first=("unhealthyFirst", bool), by=("by", _order_keys)))


def _order_keys(raw: list[str]) -> tuple[OrderKey, ...]:
    return tuple(OrderKey(key) for key in raw)


def _selector(raw: Mapping[str, Any]) -> Selector:
    return Selector(
        **_given(
            raw,
            instance_ids=("instanceIds", _texts),
            update_domains=("updateDomains", tuple),
            fault_domains=("faultDomains", tuple),
            zones=("zones", _texts),
        )
    )


def _texts(raw: list[object]) -> tuple[str, ...]:
    return tuple(str(item) for item in raw)


def _availability(raw: Mapping[str, Any]) -> Availability:
    return Availability(
        **_given(
            raw,
            max_unavailable=("maxUnavailable", _amount),
            min_in_service=("minInService", _amount),
            max_concurrent_operations=("maxConcurrentOperations", int),
        )
    )


def _health(raw: Mapping[str, Any]) -> Health:
    return Health(
        **_given(
            raw,
            source=("source", HealthSource),
            min_healthy_time=("minHealthyTime", parse_duration),
            deadline=("deadline", parse_duration),
            http=("http", _http_of_instances),
            command=("command", _command_of_instances),
        )
    )


def _http_of_instances(raw: Mapping[str, Any]) -> HttpProbe:
    return replace(_http(raw), scope=ProbeScope.INSTANCE)


def _command_of_instances(raw: Mapping[str, Any]) -> CommandProbe:
    return replace(_command(raw), scope=ProbeScope.INSTANCE)


def _http(raw: Mapping[str, Any]) -> HttpProbe:
    return HttpProbe(
        **_given(
            raw,
            url=("url", str),
            expect_status=("expectStatus", int),
            timeout=("timeout", parse_duration),
            scope=("scope", ProbeScope),
        )
    )


def _command(raw: Mapping[str, Any]) -> CommandProbe:
    return CommandProbe(
        **_given(
            raw,
            run=("run", tuple),
            timeout=("timeout", parse_duration),
            scope=("scope", ProbeScope),
        )
    )


def _hooks(raw: Mapping[str, Any]) -> Hooks:
    return Hooks(
        **_given(raw, before_batch=("beforeBatch", _command), after_batch=("afterBatch", _command))
    )


def _failure(raw: Mapping[str, Any]) -> Failure:
    return Failure(
        **_given(
            raw,
            max_failed_instances=("maxFailedInstances", int),
            on_failure=("onFailure", OnFailure),
        )
    )


def _gate(raw: Mapping[str, Any]) -> Gate:
    _, _, number = raw["after"].partition("batch ")
    return Gate(_gate_check(raw), int(number) if number else None, _counting(raw))


def _counting(raw: Mapping[str, Any]) -> Counting:
    return Counting(
        **_given(
            raw,
            initial_delay=("initialDelay", parse_duration),
            interval=("interval", parse_duration),
            consecutive_successes=("consecutiveSuccesses", int),
            failure_limit=("failureLimit", int),
            inconclusive_limit=("inconclusiveLimit", int),
            consecutive_error_limit=("consecutiveErrorLimit", int),
            deadline=("deadline", parse_duration),
        )
    )


def _gate_check(raw: Mapping[str, Any]) -> GateCheck:
    match raw:
        case {"approval": approval}:
            return ApprovalGate(approval["message"])
        case {"command": command}:
            return _command(command)
        case _:
            return _http(raw["http"])

"""From a checked scenario document to images, faults and scale sets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from vmss_simulator import faults
from vmss_simulator.durations import parse_duration
from vmss_simulator.images import Catalogue, Image, fold_location
from vmss_simulator.randomness import Latency
from vmss_simulator.scenario_effects import build_effect
from vmss_simulator.scenario_text import KeyPath, Problem
from vmss_simulator.values import ImageVersion, RollingUpgrade

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_START = datetime(2026, 1, 5, 8, tzinfo=UTC)


def build_catalogue(raw: Mapping[str, Any]) -> Catalogue:
    """Build the image catalogue from the `images` of a scenario."""
    images = [
        *(
            _image(f"{each['publisher']}:{each['offer']}:{each['sku']}", each)
            for each in raw.get("platform", ())
        ),
        *(_image(each["id"], each) for each in raw.get("galleries", ())),
        *(_image(each["id"], each) for each in raw.get("managed", ())),
    ]
    return Catalogue({each.name.casefold(): each for each in images})


def build_rolling_upgrade(raw: Mapping[str, Any], start: datetime) -> RollingUpgrade | None:
    """Build the stated rolling upgrade of a scale set; None for one that is to be carried out."""
    if raw.get("isRunning"):
        return None
    return RollingUpgrade(
        code=raw["code"],
        started_at=moment(raw["startedAt"]) if "startedAt" in raw else start,
        last_action=raw.get("lastAction", "Start"),
        successful=raw.get("successful", 0),
        failed=raw.get("failed", 0),
        in_progress=raw.get("inProgress", 0),
        pending=raw.get("pending", 0),
    )


def build_fault(raw: Mapping[str, Any]) -> faults.FaultRule:
    """Build one fault rule; ValueError when a latency in it makes no sense."""
    match, when = raw.get("match", {}), raw.get("when", {})
    ((name, given),) = raw["effect"].items()
    return faults.FaultRule(
        name=raw["name"],
        document=raw,
        effect=build_effect(name, given),
        operations=tuple(match.get("operations", ())),
        resource=match.get("resource", "*"),
        subscription_id=match.get("subscriptionId"),
        location=match.get("location"),
        instance_ids=tuple(match.get("instanceIds", ())),
        zones=tuple(match.get("zones", ())),
        update_domains=tuple(match.get("updateDomains", ())),
        fault_domains=tuple(match.get("faultDomains", ())),
        nth=when.get("nth"),
        every=when.get("every"),
        times=when.get("times"),
        after=parse_duration(when["after"]) if "after" in when else None,
        before=parse_duration(when["before"]) if "before" in when else None,
        probability=when.get("probability", 1.0) * given.get("probability", 1.0),
    )


def latency_problems(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what the schema cannot say of latencies: a p95 below its median."""
    places: list[tuple[KeyPath, Any]] = [
        (("latencies", name), value) for name, value in raw.get("latencies", {}).items()
    ]
    for index, fault in enumerate(raw.get("faults", ())):
        if "latency" in fault["effect"]:
            delay = fault["effect"]["latency"]["delay"]
            places.append((("faults", index, "effect", "latency", "delay"), delay))
    for path, value in places:
        try:
            Latency.from_document(value)
        except ValueError as error:
            yield Problem(path, str(error))


def moment(text: str) -> datetime:
    """Read a moment and turn it to UTC; ValueError when the calendar has none such."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _image(name: str, raw: Mapping[str, Any]) -> Image:
    return Image(
        name=name,
        versions=tuple(_version(each) for each in raw.get("versions", ())),
        locations=frozenset(fold_location(each) for each in raw.get("locations", ())),
    )


def _version(raw: str | Mapping[str, Any]) -> ImageVersion:
    if isinstance(raw, str):
        return ImageVersion(raw)
    published_at = moment(raw["publishedAt"]) if "publishedAt" in raw else None
    deprecated_at = moment(raw["deprecatedAt"]) if "deprecatedAt" in raw else None
    return ImageVersion(
        raw["version"],
        published_at,
        raw.get("excludeFromLatest", False),
        deprecated_at,
        raw.get("useInstead"),
    )

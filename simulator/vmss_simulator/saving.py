"""A whole world as one document, and back: nothing is left behind, whatever is under way.

The document reads like a scenario with explicit instances: `seed`, `start`, `options`,
`latencies`, `images`, `faults` and `scaleSets` mean what they mean there. `progress` holds what
a scenario has no words for: operations and the timetable of what is still to happen, the
counters behind every draw and every fault, the levels of the throttle. `log` is what has
happened. A scenario file may be such a document: the world then goes on where it was saved.

Fields of the world are found by their types (`codec.py`), so that a new one is saved too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vmss_simulator import codec, documents
from vmss_simulator.codec import Undecodable, decode, encode, encode_fields
from vmss_simulator.errors import ArmError
from vmss_simulator.fault_documents import fault_document, read_fault
from vmss_simulator.faults import Faults
from vmss_simulator.images import Catalogue, Image
from vmss_simulator.log import Log
from vmss_simulator.options import Options
from vmss_simulator.randomness import Latencies, camel_case
from vmss_simulator.state import State
from vmss_simulator.values import Instance, ScaleSet, ScaleSetKey, WorldEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vmss_simulator.codec import KeyPath

API_VERSION = "vmss-simulator/v1"
KIND = "World"
_PLATFORM_PARTS = ("publisher", "offer", "sku")
_NAMES = {camel_case(name): name for name in ScaleSetKey._fields}
"""What names a scale set in a document."""
_LAST_YEAR = 9000
# Counted again from the instances and models of the document.
_DERIVED = frozenset({"in_service", "fingerprints", "owned"})
_OF_ITS_OWN = frozenset(
    {"now", "start", "seed", "options", "latencies", "images", "faults", "scale_sets", "log"}
)


def world_document(state: State) -> dict[str, Any]:
    """Return the document of a world's state, without secrets."""
    hints = {each.name: each.hint for each in codec.layout(State)}
    document = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "now": encode(state.now, hints["now"]),
        "start": encode(state.start, hints["start"]),
        "seed": state.seed,
        "options": encode_fields(state.options, Options, all_fields=True),
        "latencies": encode_fields(state.latencies, Latencies, all_fields=True),
        "images": _images_document(state.images),
        "faults": [fault_document(each) for each in state.faults.rules],
        "scaleSets": [_scale_set_document(each) for each in state.scale_sets.values()],
        "progress": _progress_document(state),
        "log": encode(state.log, list[WorldEvent]),
    }
    found: dict[str, Any] = _without_secrets(document)
    return found


def is_world(raw: Mapping[str, Any]) -> bool:
    """Whether the document is a saved world rather than a scenario."""
    return raw.get("kind") == KIND


def read_world(raw: Mapping[str, Any]) -> State:
    """Return the state a document describes; Undecodable when it does not describe one.

    What the document says is taken as it is; whether it fits together is for the caller to
    find out by letting the world run.
    """
    layout = {each.name: each for each in codec.layout(State)}
    known = {"apiVersion", "kind", "name", "description", "progress"}
    known |= {layout[each].key for each in _OF_ITS_OWN}
    for key in raw:
        if key not in known:
            raise Undecodable((key,), f"no such key; there are {', '.join(sorted(known))}")
    if raw.get("apiVersion") != API_VERSION:
        raise Undecodable(("apiVersion",), f"expected {API_VERSION}")
    values: dict[str, Any] = {
        name: decode(_needed(raw, name), layout[name].hint, (name,))
        for name in ("now", "start", "seed", "options", "latencies")
    }
    scale_sets = [
        _read_scale_set(each, ("scaleSets", index))
        for index, each in enumerate(codec.items(_needed(raw, "scaleSets"), ("scaleSets",)))
    ]
    values["images"] = _read_images(raw.get("images", {}), ("images",))
    values["scale_sets"] = {each.key.folded(): each for each in scale_sets}
    values["in_service"] = {each.key.folded(): each.in_service_count for each in scale_sets}
    values["log"] = _read_log(raw.get("log", []), ("log",))
    rules = [
        read_fault(each, ("faults", index))
        for index, each in enumerate(codec.items(raw.get("faults", []), ("faults",)))
    ]
    values |= _read_progress(raw.get("progress", {}), ("progress",))
    counted = values.pop("faults", {})
    values["faults"] = Faults(tuple(rules), seed=values["seed"], start=values["start"], **counted)
    if len(values["scale_sets"]) != len(scale_sets):
        raise Undecodable(("scaleSets",), "a scale set is given twice")
    state = State(**values)
    _check(state)
    return state


def _needed(raw: Mapping[str, Any], key: str) -> Any:
    if key not in raw:
        raise Undecodable((), f"a key is missing: {key!r}")
    return raw[key]


def _images_document(catalogue: Catalogue) -> dict[str, Any]:
    platform, galleries, managed = [], [], []
    for image in catalogue.images.values():
        rest = encode_fields(image, Image)
        del rest["name"]
        parts = image.name.split(":")
        if not image.name.startswith("/") and len(parts) == len(_PLATFORM_PARTS):
            platform.append({**dict(zip(_PLATFORM_PARTS, parts, strict=True)), **rest})
        elif image.versions:
            galleries.append({"id": image.name, **rest})
        else:
            managed.append({"id": image.name, **rest})
    return {"platform": platform, "galleries": galleries, "managed": managed}


def _read_images(raw: Any, path: KeyPath) -> Catalogue:
    given = codec.mapping(raw, path)
    images: dict[str, Image] = {}
    for group, listed in given.items():
        if group not in ("platform", "galleries", "managed"):
            raise Undecodable((*path, group), "no such key; there are platform, galleries, managed")
        for index, each in enumerate(codec.items(listed, (*path, group))):
            place = (*path, group, index)
            fields = dict(codec.mapping(each, place))
            names = [fields.pop(part, None) for part in _PLATFORM_PARTS]
            fields["name"] = ":".join(map(str, names)) if any(names) else fields.pop("id", None)
            image = codec.decode_fields(_versions_in_full(fields), Image, place)
            images[image.name.casefold()] = image
    return Catalogue(images)


def _versions_in_full(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the image with each version as a mapping; a scenario may give its number alone."""
    versions = fields.get("versions")
    if not isinstance(versions, list):
        return fields
    full = [{"version": each} if isinstance(each, str) else each for each in versions]
    return {**fields, "versions": full}


def _scale_set_document(scale_set: ScaleSet) -> dict[str, Any]:
    document = encode_fields(replace(scale_set, instances={}), ScaleSet)
    del document["key"]
    instances = scale_set.instances.values()
    return {
        **dict(zip(_NAMES, scale_set.key, strict=True)),
        **document,
        "instances": [encode_fields(each, Instance) for each in instances],
    }


def _read_key(fields: dict[str, Any], path: KeyPath) -> ScaleSetKey:
    """Take what names the set out of its fields."""
    given = {key: fields.pop(key) for key in _NAMES if key in fields}
    for key in _NAMES:
        if key not in given:
            raise Undecodable(path, f"a key is missing: {key!r}")
    return ScaleSetKey(*(decode(given[key], str, (*path, key)) for key in _NAMES))


def _read_scale_set(raw: Any, path: KeyPath) -> ScaleSet:
    fields = dict(codec.mapping(raw, path))
    named = _read_key(fields, path)
    listed = codec.items(fields.pop("instances", []), (*path, "instances"))
    found: ScaleSet = codec.decode_fields({**fields, "key": named.resource_id}, ScaleSet, path)
    instances: dict[str, Instance] = {}
    for index, each in enumerate(listed):
        instance: Instance = codec.decode_fields(each, Instance, (*path, "instances", index))
        if instance.instance_id in instances:
            raise Undecodable((*path, "instances", index), "the instance is given twice")
        instances[instance.instance_id] = instance
    try:
        body = documents.accepted(found.body)
        _check_body(body)
    except ArmError as error:
        raise Undecodable((*path, "body"), error.message) from error
    # The name keeps its spelling; an ARM id is read without regard to case.
    return replace(found, key=named, body=body, instances=instances)


def _check_body(body: Mapping[str, Any]) -> None:
    """Raise ArmError where the model has the wrong shape for what the world acts on."""
    documents.vm_size(body)
    documents.capacity(body)
    documents.upgrade_mode(body)
    documents.is_flexible(body)
    documents.extensions(body)
    documents.zones(body)
    documents.fault_domain_count(body)
    documents.section(body, "tags")
    documents.image_reference(body)
    if not documents.text(body, "location"):
        raise ArmError(400, "LocationRequired", "a scale set has a location")


def _progress_document(state: State) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for each in codec.layout(State):
        if each.name not in _DERIVED | _OF_ITS_OWN:
            value = getattr(state, each.name)
            # By time: how a heap lies in memory says nothing about the world.
            value = sorted(value) if each.name == "timetable" else value
            document[each.key] = encode(value, each.hint)
    document["faults"] = {
        each.key: encode(getattr(state.faults, each.name), each.hint)
        for each in codec.layout(Faults)
        if each.name not in ("rules", "seed", "start")
    }
    return document


def _read_progress(raw: Any, path: KeyPath) -> dict[str, Any]:
    given = dict(codec.mapping(raw, path))
    counted = codec.mapping(given.pop("faults", {}), (*path, "faults"))
    values: dict[str, Any] = _read_fields(
        given, State, (each for each in codec.layout(State) if each.name not in _DERIVED), path
    )
    values["faults"] = _read_fields(counted, Faults, codec.layout(Faults), (*path, "faults"))
    return values


def _read_fields(
    given: Mapping[str, Any], kind: type, slots: Iterable[codec.Slot], path: KeyPath
) -> dict[str, Any]:
    """Read those fields of a class that a section may have, by their keys."""
    own = {"rules", "seed", "start"} if kind is Faults else _OF_ITS_OWN
    known = {each.key: each for each in slots if each.name not in own}
    values = {}
    for key, value in given.items():
        if key not in known:
            raise Undecodable((*path, key), f"no such key; there are {', '.join(sorted(known))}")
        values[known[key].name] = decode(value, known[key].hint, (*path, key))
    return values


def _check(state: State) -> None:
    """Raise Undecodable for what would break the bookkeeping of the world."""
    if state.now < state.start:
        raise Undecodable(("now",), "a world is never before its start")
    if state.now.year > _LAST_YEAR:
        raise Undecodable(("now",), f"later than the year {_LAST_YEAR}")
    numbers = [number for _, number, _ in state.timetable]
    place = ("progress", "timetable")
    if len(set(numbers)) != len(numbers):
        raise Undecodable(place, "a number is given twice")
    if max(numbers, default=0) > state.scheduled:
        raise Undecodable(place, "a number is above progress.scheduled")
    state.timetable.sort(key=lambda each: each[:2])
    if (
        state.open_steps.keys() != state.running.keys()
        or min(state.open_steps.values(), default=1) < 1
    ):
        place = ("progress", "openSteps")
        raise Undecodable(place, "expected a count of at least 1 for each running operation")
    if {each.name for each in state.faults.rules}.__len__() != len(state.faults.rules):
        raise Undecodable(("faults",), "two faults have one name")


def _read_log(raw: Any, path: KeyPath) -> Log:
    events = decode(raw, list[WorldEvent], path)
    for index, event in enumerate(events):
        if event.sequence != index:
            raise Undecodable((*path, index, "sequence"), f"expected {index}")
    return Log(events)


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_secrets(item)
            for key, item in value.items()
            if key not in documents.WRITE_ONLY
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value

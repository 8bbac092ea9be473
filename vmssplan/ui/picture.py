"""Scale sets and their instances as the page reads them: values in, JSON documents out. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vmssplan.model import (
    HealthSource,
    ListedScaleSet,
    ModelFields,
    image_fields,
    image_text,
    image_version,
)
from vmssplan.operating import StateWord, main_state, state_words
from vmssplan.redaction import redacted
from vmssplan.ui.watching import Look

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from vmssplan.errors import VmssplanError
    from vmssplan.model import Instance, ScaleSetId, Told

Document = dict[str, Any]
EXTENSIONS = "extensions/"


def listed_document(listed: ListedScaleSet | None, target: ScaleSetId) -> Document:
    """Return what is known of a set before anybody has looked at its instances."""
    document: Document = {
        **_name(target),
        "location": "",
        "zones": [],
        "orchestrationMode": "",
        "capacity": None,
        "image": "",
        "vmSize": None,
        "counts": None,
    }
    if listed is not None:
        document |= {
            "location": listed.location,
            "zones": list(listed.zones),
            "orchestrationMode": listed.orchestration_mode.value,
            "capacity": listed.capacity,
            "image": image_text(listed.model.image),
            "vmSize": listed.model.vm_size,
        }
    return document


@dataclass(frozen=True, slots=True)
class Sight:
    """A look, what instances that are current run, who says they are healthy, and the list's."""

    look: Look
    wanted: ModelFields
    source: HealthSource
    listed: ListedScaleSet | None = None

    def words(self, one: Instance) -> tuple[StateWord, ...]:
        """Return how an instance stands."""
        return state_words(one, self.wanted, self.source)


def summary_document(sight: Sight) -> Document:
    """Return one line of the overview."""
    look, live, listed = sight.look, sight.look.scale_set, sight.listed
    zones = {one.zone for one in live.instances if one.zone is not None}
    return {
        **_name(live.id),
        "location": live.location,
        "zones": list(listed.zones) if listed else sorted(zones),
        "orchestrationMode": live.orchestration_mode.value,
        "capacity": len(live.instances),
        "image": image_text(live.model.image),
        "vmSize": live.model.vm_size,
        "counts": _counts(sight),
        "observedAt": timestamp(look.at),
        "problem": None if look.problem is None else problem_document(look.problem),
    }


def scale_set_document(sight: Sight) -> Document:
    """Return a set with all its instances."""
    live = sight.look.scale_set
    return {
        **summary_document(sight),
        "model": _model(live.model),
        "wanted": _model(sight.wanted),
        "healthSource": sight.source.value,
        "provisioning": live.provisioning_state,
        "instances": [instance_document(one, sight) for one in live.instances],
    }


def instance_document(one: Instance, sight: Sight) -> Document:
    """Return one instance; what is wrong with it in Azure's words, not yet all it tells."""
    words = sight.words(one)
    health = one.application_health.value if one.application_health else None
    return {
        "instanceId": one.instance_id,
        "name": one.computer_name,
        "updateDomain": one.update_domain,
        "faultDomain": one.fault_domain,
        "zone": one.zone,
        "placementGroup": one.placement_group,
        "power": one.power_state,
        "health": health,
        "healthText": one.health_text(sight.source),
        "inService": one.is_in_service(sight.source),
        "provisioning": one.provisioning_state,
        "image": _version(one),
        "size": one.vm_size,
        "latestModelApplied": one.latest_model_applied,
        "protection": {
            "scaleIn": one.protected_from_scale_in,
            "scaleSetActions": one.protected_from_scale_set_actions,
        },
        "state": main_state(words).value,
        "states": [word.value for word in words],
        "statuses": [] if one.error is None else [_error(one)],
        "failedExtensions": list(one.failed_extensions),
    }


def told_document(told: Sequence[Told]) -> Document:
    """Return every status of one instance, those of extensions apart."""
    extensions: dict[str, list[Document]] = {}
    others: list[Document] = []
    for each in told:
        if each.about.startswith(EXTENSIONS):
            name = each.about.removeprefix(EXTENSIONS)
            extensions.setdefault(name, []).append(_told(each))
        else:
            others.append({**_told(each), "about": each.about})
    return {
        "statuses": others,
        "extensions": [{"name": name, "statuses": each} for name, each in extensions.items()],
    }


def problem_document(error: VmssplanError) -> Document:
    """Return what is wrong, and what to do next."""
    return {"what": error.message, "next": error.hint or ""}


def timestamp(at: datetime) -> str:
    """Return a moment as the page reads it."""
    return at.isoformat().replace("+00:00", "Z")


def _name(target: ScaleSetId) -> Document:
    return {
        "id": target.resource_id,
        "name": target.name,
        "resourceGroup": target.resource_group,
        "subscription": target.subscription_id,
    }


def _counts(sight: Sight) -> dict[str, int]:
    words: Counter[StateWord] = Counter()
    live = sight.look.scale_set
    for one in live.instances:
        words.update(sight.words(one))
    return {
        **{word.value: words[word] for word in StateWord},
        "inService": live.in_service_count(sight.source),
        "total": len(live.instances),
    }


def _model(model: ModelFields) -> Document:
    return {
        "image": image_fields(model.image) if model.image else None,
        "vmSize": model.vm_size,
        "upgradePolicy": model.upgrade_policy.value if model.upgrade_policy else None,
    }


def _version(one: Instance) -> str:
    """Return what tells its image from another's."""
    if one.exact_version is not None:
        return one.exact_version
    named = image_version(one.image) if one.image else None
    return named or image_text(one.image)


def _error(one: Instance) -> Document:
    error = one.error
    if error is None:
        return {}
    return {"code": error.code, "message": redacted(error.message), "level": "Error"}


def _told(each: Told) -> Document:
    return {"code": each.code, "message": each.message, "level": each.level, "at": each.at}

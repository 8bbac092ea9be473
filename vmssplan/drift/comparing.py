"""The comparison of three values: pure, and the same for a field and for an instance.

`latest` never makes drift: the Plan is taken to want what a Run pinned it to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmssplan.diff import owned_fields, same_value
from vmssplan.drift.values import (
    Baseline,
    DriftReport,
    FieldFinding,
    FieldState,
    InstanceFinding,
    InstanceState,
    KnownModel,
    LeftInstance,
)
from vmssplan.model import (
    HealthSource,
    ImageReference,
    Instance,
    ModelFields,
    Plan,
    PlatformImage,
    ScaleSet,
    follows_latest,
    image_text,
    image_version,
    pinned,
    same_image,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def compare(
    plan: Plan,
    live: ScaleSet,
    baseline: Baseline,
    *,
    versions: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> DriftReport:
    """Return all that differs; `versions` are those that `latest` may mean today, oldest first."""
    desired = desired_model(plan.model, live, baseline, versions)
    fields = tuple(compare_fields(desired, live.model, baseline.models))
    is_model_as_left = all(one.state in (FieldState.IN_SYNC, FieldState.PENDING) for one in fields)
    newer, gone = _published(plan.model.image, desired.image, versions)
    return DriftReport(
        plan=plan.name,
        target=plan.target,
        baseline=baseline,
        fields=fields,
        instances=tuple(
            _Instances(desired, live, baseline, is_model_as_left).findings(plan.health.source)
        ),
        total=len(live.instances),
        outdated=sum(not one.is_current(desired) for one in live.instances),
        newer_version=newer,
        notes=(*notes, *gone),
    )


def desired_model(
    wanted: ModelFields, live: ScaleSet, baseline: Baseline, versions: Sequence[str]
) -> ModelFields:
    """Return what the Plan wants, with `latest` pinned to what a Run pinned it to.

    So a version published since is no drift. Where no Run pinned it, the version of the live
    model counts, or else the newest one.
    """
    image = wanted.image
    if image is None or not follows_latest(image):
        return wanted
    known = (*(one.fields.image for one in baseline.models), live.model.image)
    found = next((one for one in known if one is not None and _is_of(image, one)), None)
    if found is None and versions:
        found = pinned(image, versions[-1])
    return ModelFields(found or image, wanted.vm_size, wanted.upgrade_policy)


def compare_fields(
    desired: ModelFields, live: ModelFields, known: Sequence[KnownModel]
) -> Iterator[FieldFinding]:
    """Yield every field that the Plan owns, sorted by path."""
    wanted, now = _leaves(desired, desired), _leaves(live, desired)
    bases = [(one, _leaves(one.fields, desired)) for one in known]
    for path in sorted({*wanted, *now, *(p for one, values in bases for p in values)}):
        owners = [(one, values.get(path)) for one, values in bases if _owns(one.fields, path)]
        if not owners and path not in wanted and path not in now:
            continue
        was = [one for one in owners if _same(path, one[1], now.get(path))] or owners[-1:]
        run, base = was[0] if was else (None, None)
        state = _field_state(path, base, now.get(path), wanted.get(path), is_base_known=bool(was))
        if not known and state is FieldState.PENDING:
            state = FieldState.DIFFERENT
        yield FieldFinding(path, state, base, now.get(path), wanted.get(path), run)


def _field_state(
    path: str, base: str | None, live: str | None, desired: str | None, *, is_base_known: bool
) -> FieldState:
    """Tell the five ways in which three values can be equal; a field new to the Plan is pending."""
    is_met = _same(path, live, desired)
    if not is_base_known:
        return FieldState.IN_SYNC if is_met else FieldState.PENDING
    if _same(path, live, base):
        return FieldState.IN_SYNC if is_met else FieldState.PENDING
    if is_met:
        return FieldState.CONVERGED
    is_plan_as_left = _same(path, base, desired)
    return FieldState.CHANGED_OUTSIDE if is_plan_as_left else FieldState.BOTH_CHANGED


@dataclass(frozen=True, slots=True)
class _Instances:
    """The comparison of the instances; with its findings about the model already made."""

    desired: ModelFields
    live: ScaleSet
    baseline: Baseline
    is_model_as_left: bool

    def findings(self, source: HealthSource) -> Iterator[InstanceFinding]:
        """Yield what is to be told, instance by instance as the set lists them, gone ones last."""
        # Only Azure is asked here: what the Plan's own probes would say is not known.
        if source not in (HealthSource.APPLICATION_HEALTH, HealthSource.INSTANCE_VIEW):
            source = self.live.health_source
        for instance in self.live.instances:
            yield from self._findings_of(instance)
            if not instance.is_in_service(source):
                yield InstanceFinding(
                    instance.instance_id,
                    InstanceState.UNHEALTHY,
                    None,
                    instance.health_text(source),
                )
        here = self.live.by_id()
        for instance_id, left in self.baseline.instances.items():
            if instance_id not in here:
                yield InstanceFinding(instance_id, InstanceState.GONE, left.image, None, left.run)

    def _findings_of(self, instance: Instance) -> Iterator[InstanceFinding]:
        name, left = instance.instance_id, self.baseline.instances.get(instance.instance_id)
        if not self.baseline.models:
            if not instance.is_current(self.desired):
                was, now = running_texts(self.desired, instance)
                yield InstanceFinding(name, InstanceState.DIFFERENT, was, now)
            return
        if left is None:
            yield self._new(instance)
            return
        if left.vm_id not in (None, instance.vm_id):
            yield InstanceFinding(
                name, InstanceState.REPLACED, left.vm_id, instance.vm_id, left.run
            )
        yield from self._runs(instance, left)
        is_protected = instance.protected_from_scale_set_actions
        if left.is_protected not in (None, is_protected):
            words = {True: "protected from scale set actions", False: "not protected"}
            yield InstanceFinding(
                name,
                InstanceState.PROTECTION,
                words[not is_protected],
                words[is_protected],
                left.run,
            )

    def _new(self, instance: Instance) -> InstanceFinding:
        """Judge an instance that no Run has seen: it is to run what the model said when it came."""
        models = (*(one.fields for one in self.baseline.models), self.desired)
        is_current = any(instance.runs(one) for one in models) and self._is_applied(instance)
        state = InstanceState.NEW if is_current else InstanceState.NEW_OUTDATED
        was, now = running_texts(models[0], instance)
        return InstanceFinding(instance.instance_id, state, was, now)

    def _runs(self, instance: Instance, left: LeftInstance) -> Iterator[InstanceFinding]:
        name, run = instance.instance_id, left.run
        if left.unfinished:
            if not instance.is_current(self.baseline.models[0].fields):
                now = image_in_a_word(instance)
                yield InstanceFinding(name, InstanceState.UNFINISHED, left.unfinished, now, run)
            return
        if left.fields is not None:
            fields = within(left.fields, self.desired)
            was, now = running_texts(fields, instance)
            is_as_left = instance.runs(fields)
        else:
            was, now = left.image, image_in_a_word(instance)
            is_as_left = self.desired.image is None or same_value("", was, now)
        if not is_as_left:
            is_wanted = instance.runs(self.desired) or (
                left.fields is None and instance.runs(self.baseline.models[0].fields)
            )
            state = InstanceState.CONVERGED if is_wanted else InstanceState.CHANGED
            yield InstanceFinding(name, state, was, now, run)
        elif left.fields is not None and not self._is_applied(instance):
            was, now = "the latest model applied", "the latest model not applied"
            yield InstanceFinding(name, InstanceState.OUTDATED, was, now, run)

    def _is_applied(self, instance: Instance) -> bool:
        """Tell whether the latest model is applied; not asked where that model itself changed."""
        return instance.latest_model_applied or not self.is_model_as_left


# --- words ----------------------------------------------------------------------------------


def running_texts(wanted: ModelFields, instance: Instance) -> tuple[str, str]:
    """Return what an instance is to run, and what it runs: as short as tells the two apart."""
    to_run, runs = [], []
    if wanted.image is not None:
        is_alike = _is_alike(wanted.image, instance.image)
        to_run.append((is_alike and image_version(wanted.image)) or image_text(wanted.image))
        runs.append((is_alike and instance.exact_version) or image_text(instance.image))
    if wanted.vm_size is not None:
        to_run.append(wanted.vm_size)
        runs.append(instance.vm_size or "no size")
    if to_run == runs and not instance.latest_model_applied:
        runs.append("the latest model not applied")
    return " on ".join(to_run) or "the model", " on ".join(runs) or "another model"


def image_in_a_word(instance: Instance) -> str:
    """Return what the instance runs as a Rollout writes it."""
    return instance.exact_version or image_text(instance.image)


def _is_alike(one: ImageReference, other: ImageReference | None) -> bool:
    """Tell whether the two are of the same name, so that their versions tell them apart."""
    if not isinstance(one, PlatformImage) or not isinstance(other, PlatformImage):
        return same_image(one, other)
    return same_image(pinned(one, ""), pinned(other, ""))


def _is_of(image: ImageReference, other: ImageReference) -> bool:
    """Tell whether the other is this image that follows latest, pinned or not."""
    version = image_version(other)
    return same_image(image if version is None else pinned(image, version), other)


def _published(
    wanted: ImageReference | None, desired: ImageReference | None, versions: Sequence[str]
) -> tuple[str | None, tuple[str, ...]]:
    """Return a version newer than the pinned one, if any, and what is odd about that one."""
    if wanted is None or desired is None or not follows_latest(wanted) or not versions:
        return None, ()
    version = image_version(desired)
    if version is None or versions[-1] == version:
        return None, ()
    if version in versions:
        return versions[-1], ()
    return None, (f"version {version} is not offered any more; the newest is {versions[-1]}",)


def _leaves(values: ModelFields, owner: ModelFields) -> dict[str, str]:
    """Return the fields of `values` that `owner` sets, by their path in the Plan."""
    leaves = {}
    for key, value in owned_fields(values, owner).items():
        if isinstance(value, dict):
            leaves.update({f"model.{key}.{inner}": text for inner, text in value.items()})
        elif value is not None:
            leaves[f"model.{key}"] = value
    return leaves


def within(fields: ModelFields, owner: ModelFields) -> ModelFields:
    """Return the fields that the owner owns too."""
    return ModelFields(
        fields.image if owner.image is not None else None,
        fields.vm_size if owner.vm_size is not None else None,
        fields.upgrade_policy if owner.upgrade_policy is not None else None,
    )


def _owns(fields: ModelFields, path: str) -> bool:
    """Tell whether the field as a whole is owned: an image without a key owns that key too."""
    key = path.split(".")[1]
    return key in owned_fields(fields, fields)


def _same(path: str, one: str | None, other: str | None) -> bool:
    return same_value(path.rpartition(".")[2], one, other)

"""Every rule of the lint, for people: what it finds, and what to do. docs/lint.md shows each.

A test holds this table against the code and the document.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmssplan.lint.finding import Severity


class Reads(StrEnum):
    """What has to be known for a rule: `validate` knows only the first."""

    PLAN = "the Plan"
    SET = "the live scale set"
    SERVICE = "what Azure offers"
    ROLLOUT = "the Rollout"


@dataclass(frozen=True, slots=True)
class LintRule:
    """One rule; `finds` is half a sentence, `fix` an order."""

    rule_id: str
    severity: Severity
    reads: Reads
    finds: str
    fix: str


_ERROR, _WARNING = Severity.ERROR, Severity.WARNING
_PLAN, _SET, _SERVICE, _ROLLOUT = Reads.PLAN, Reads.SET, Reads.SERVICE, Reads.ROLLOUT

RULES: tuple[LintRule, ...] = (
    LintRule(
        "nothing-owned",
        _ERROR,
        _PLAN,
        "the Plan owns no field of the model",
        "name image, vmSize or upgradePolicy",
    ),
    LintRule(
        "upgrade-policy-not-manual",
        _ERROR,
        _PLAN,
        "an upgrade policy by which Azure replaces instances itself",
        "use Manual",
    ),
    LintRule(
        "amount-out-of-range",
        _ERROR,
        _PLAN,
        "no instance at a time",
        "use 1 or more",
    ),
    LintRule(
        "percent-out-of-range",
        _ERROR,
        _PLAN,
        "a percentage that is no share of the instances",
        "use 1% to 100%",
    ),
    LintRule(
        "contradictory-selectors",
        _ERROR,
        _PLAN,
        "what is included and excluded at once",
        "name it in only one",
    ),
    LintRule(
        "pause-in-sliding-window",
        _ERROR,
        _PLAN,
        "a pause where there are no batches",
        "leave it out, or use fixedBatch",
    ),
    LintRule(
        "reimage-without-version",
        _ERROR,
        _PLAN,
        "a reimage that cannot be told from no reimage",
        "use method upgrade",
    ),
    LintRule(
        "impossible-floor",
        _ERROR,
        _PLAN,
        "a floor that is the whole set, so that no healthy instance may ever go",
        "lower minInService",
    ),
    LintRule(
        "health-probe-missing",
        _ERROR,
        _PLAN,
        "a source of health without its probe",
        "add the probe",
    ),
    LintRule(
        "gate-in-sliding-window",
        _ERROR,
        _PLAN,
        "a gate where there are no batches",
        "leave it out, or use fixedBatch",
    ),
    LintRule(
        "hook-in-sliding-window",
        _ERROR,
        _PLAN,
        "a hook where there are no batches",
        "leave it out, or use fixedBatch",
    ),
    LintRule(
        "unknown-placeholder",
        _ERROR,
        _PLAN,
        "a placeholder that stands for nothing",
        "use one of those listed",
    ),
    LintRule(
        "placeholder-without-instance",
        _ERROR,
        _PLAN,
        "a placeholder for one instance, asked of the whole set",
        "set scope to instance",
    ),
    LintRule(
        "secret-in-address",
        _ERROR,
        _PLAN,
        "an address that seems to carry a secret",
        "ask with a command",
    ),
    LintRule(
        "timeout-too-short",
        _ERROR,
        _PLAN,
        "a time limit in which no answer can come",
        "allow some seconds",
    ),
    LintRule(
        "interval-too-short",
        _ERROR,
        _PLAN,
        "measuring without a breath",
        "use PT1S or longer",
    ),
    LintRule(
        "gate-deadline-too-short",
        _ERROR,
        _PLAN,
        "a gate that is given up before it can have enough successes",
        "make its deadline longer, or ask for fewer successes",
    ),
    LintRule(
        "variable-outside-target",
        _WARNING,
        _PLAN,
        "`${...}` where it is not replaced",
        "write the value itself",
    ),
    LintRule(
        "batch-larger-than-floor",
        _WARNING,
        _PLAN,
        "a batch that the floor will split",
        "make the batch smaller, or the floor lower",
    ),
    LintRule(
        "health-probe-unused",
        _WARNING,
        _PLAN,
        "a probe that is never asked",
        "leave it out, or use it as the source",
    ),
    LintRule(
        "deadline-too-short",
        _WARNING,
        _PLAN,
        "a health deadline shorter than the time between two looks",
        "use some minutes",
    ),
    LintRule(
        "same-address-for-all",
        _WARNING,
        _PLAN,
        "a probe of each instance that asks the same address for all",
        "use a placeholder such as {privateIpAddress}",
    ),
    LintRule(
        "update-domain-on-flexible",
        _ERROR,
        _SET,
        "update domains on Flexible orchestration, which has none",
        "use perZone, perFaultDomain or fixedBatch",
    ),
    LintRule(
        "update-domains-missing",
        _ERROR,
        _SET,
        "update domains where no instance has one",
        "use fixedBatch",
    ),
    LintRule(
        "fault-domains-missing",
        _ERROR,
        _SET,
        "fault domains where no instance has one",
        "use fixedBatch",
    ),
    LintRule(
        "zones-missing",
        _ERROR,
        _SET,
        "zones where no instance has one",
        "use fixedBatch",
    ),
    LintRule(
        "application-health-missing",
        _ERROR,
        _SET,
        "application health where nothing reports it",
        "use auto or instanceView, or add the extension",
    ),
    LintRule(
        "automatic-os-upgrade",
        _ERROR,
        _SET,
        "a set that Azure upgrades by itself",
        "switch that off",
    ),
    LintRule(
        "unknown-instance",
        _ERROR,
        _SET,
        "an instance that is not there",
        "name one that is there",
    ),
    LintRule(
        "selection-empty",
        _ERROR,
        _SET,
        "a selection of no instance at all",
        "select at least one",
    ),
    LintRule(
        "gate-after-last-batch",
        _ERROR,
        _SET,
        "a gate after more batches than there are",
        "use an earlier batch",
    ),
    LintRule(
        "placeholder-without-value",
        _ERROR,
        _SET,
        "a placeholder that this set has no value for",
        "use another one",
    ),
    LintRule(
        "repaired-before-deadline",
        _WARNING,
        _SET,
        "automatic repairs that replace an instance within its deadline",
        "use a shorter deadline, or a longer grace period",
    ),
    LintRule(
        "share-below-one",
        _WARNING,
        _SET,
        "a percentage that is less than one instance here, and so means more",
        "write 1",
    ),
    LintRule(
        "floor-rounded-down",
        _WARNING,
        _SET,
        "a floor that keeps fewer in service than its percentage says",
        "write a number",
    ),
    LintRule(
        "selector-unmatched",
        _WARNING,
        _SET,
        "a domain or zone in which there is no instance",
        "leave it out",
    ),
    LintRule(
        "image-missing",
        _ERROR,
        _SERVICE,
        "an image, or an image version, that does not exist in the set's region",
        "use one that does",
    ),
    LintRule(
        "image-deprecated",
        _ERROR,
        _SERVICE,
        "a version its publisher has deprecated: Azure makes nothing new of it",
        "use what the publisher names instead",
    ),
    LintRule(
        "size-not-available",
        _ERROR,
        _SERVICE,
        "a size that Azure does not offer to this set",
        "use one it offers",
    ),
    LintRule(
        "image-deprecation-scheduled",
        _WARNING,
        _SERVICE,
        "a version its publisher is going to deprecate",
        "use what the publisher names instead",
    ),
    LintRule(
        "floor-stuck",
        _ERROR,
        _ROLLOUT,
        "a floor that is reached or broken already, so that nothing can be started",
        "bring the sick instances back, select them too, or lower the floor",
    ),
    LintRule(
        "floor-awaits-others",
        _WARNING,
        _ROLLOUT,
        "a floor that leaves no room before instances are back that others are working on",
        "plan again when that is over",
    ),
    LintRule(
        "floor-stops-midway",
        _WARNING,
        _ROLLOUT,
        "a floor that leaves no room after the sick instances are cured",
        "bring the sick instances back, select them too, or lower the floor",
    ),
    LintRule(
        "floor-broken",
        _WARNING,
        _ROLLOUT,
        "a floor that is broken already, and will hold again by this rollout",
        "look at why they are out of service",
    ),
    LintRule(
        "abort-never-triggers",
        _WARNING,
        _ROLLOUT,
        "a maxFailedInstances that cannot be exceeded: all may fail, and the rollout is complete",
        "use a smaller number",
    ),
    LintRule(
        "floor-stops-first",
        _WARNING,
        _ROLLOUT,
        "a maxFailedInstances that the floor keeps from being exceeded: a bad image is stopped,"
        " but not as a failure",
        "use a smaller number",
    ),
    LintRule(
        "abort-comes-last",
        _WARNING,
        _ROLLOUT,
        "a maxFailedInstances that is exceeded only when every instance runs the bad image",
        "use a smaller number",
    ),
    LintRule(
        "deadline-shorter-than-boot",
        _WARNING,
        _ROLLOUT,
        "a health deadline shorter than half of the instances need",
        "use well over that",
    ),
)

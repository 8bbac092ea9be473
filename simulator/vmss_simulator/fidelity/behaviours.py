"""What the behaviour of the world rests on, beside the form of its answers."""

from __future__ import annotations

from vmss_simulator.fidelity.entry import Entry, Level, behaviour

_S, _R, _D, _A = Level.SPEC, Level.RECORDED, Level.DOCUMENTED, Level.ASSUMED
_LEARN = "learn.microsoft.com, virtual-machine-scale-sets-"
_MODIFY = "azure-cli recording test_vmss_create_and_modify (2024)"
_ROLLING = "azure-cli recording test_vmss_rolling_upgrade"
_NOWHERE = "nothing public says"

_WIRE = (
    behaviour("names match without regard to case", _R, _MODIFY),
    behaviour("api-version is required and known", _D, "learn.microsoft.com, ARM REST reference"),
    behaviour("error body", _R, _ROLLING),
    behaviour("404 of a missing resource", _D, "aka.ms/ARMResourceNotFoundFix as quoted in issues"),
    behaviour("400 for an unknown instance id", _D, "microsoft/onefuzz#2547"),
    behaviour("etag is a quoted number that grows", _R, _MODIFY),
    behaviour("If-Match and If-None-Match", _S, "azure-mgmt-compute 39"),
    behaviour("412 PreconditionFailed", _A, _NOWHERE, "the code; the status is in the spec"),
    behaviour("a PUT with part of a model merges", _R, _MODIFY),
    behaviour("write-only fields are never given back", _S, "ComputeRP 2026-04-01"),
    behaviour("paging with nextLink", _S, "ComputeRP 2026-04-01", "the page size is an option"),
    behaviour("request ids and common headers", _R, _MODIFY, "the ids are derived from the seed"),
    behaviour("request charge", _R, _MODIFY, "how many instances a request names"),
    behaviour("token buckets: numbers", _D, "learn.microsoft.com, compute-throttling-limits"),
    behaviour("token buckets: header names", _R, _MODIFY, "those not recorded are formed alike"),
    behaviour("lists of instances draw on the set's own bucket", _R, _MODIFY, "one a page"),
    behaviour("429 body", _D, "Microsoft's troubleshooting-throttling-errors, wrapped in error"),
    behaviour("bearer token is required", _D, "learn.microsoft.com, ARM REST reference"),
)
_OPERATIONS = (
    behaviour("model write answers 200 and goes on", _R, _ROLLING),
    behaviour("action answers 202 without a body", _R, "azure-cli recording test_vmss_reimage"),
    behaviour("operation document", _R, _ROLLING),
    behaviour("monitor=true is 202, then an empty 200", _R, _ROLLING),
    behaviour("monitor=true of a failed operation is 409", _A, _NOWHERE),
    behaviour("a second operation conflicts", _D, "azure-powershell#23105", "see the option"),
    behaviour("a failed instance fails the operation", _D, "Azure/vm-scale-sets#82"),
)
_MODEL = (
    behaviour("latestModelApplied compares models", _D, "azure-sdk-for-java#32223"),
    behaviour("latest is resolved when a disk is made", _D, f"{_LEARN}upgrade-scale-set"),
    behaviour("the model keeps version latest", _R, _MODIFY, "exactVersion is the instance's"),
    behaviour("an upgrade to another image replaces the OS disk", _D, "azure-sdk-for-net#28491"),
    behaviour("mode Manual leaves instances alone", _D, f"{_LEARN}upgrade-policy"),
    behaviour("mode Automatic upgrades all at once", _D, f"{_LEARN}upgrade-policy"),
    behaviour("a put of an instance can flip its model", _D, "azure-cli#30708"),
    behaviour("unchangeable fields are refused", _D, f"{_LEARN}upgrade-scale-set"),
)
_INSTANCES = (
    behaviour("instance ids and names", _D, f"{_LEARN}instance-ids", "never used again here"),
    behaviour("placement groups of a hundred", _D, f"{_LEARN}placement-groups"),
    behaviour("zones and domains go round robin", _A, _NOWHERE),
    behaviour("power states", _D, "learn.microsoft.com, states-billing"),
    behaviour("health states", _D, f"{_LEARN}health-extension", "texts of two are by analogy"),
    behaviour("instance view of a machine", _D, "learn.microsoft.com, REST samples"),
    behaviour("protection from scale set actions", _D, f"{_LEARN}instance-protection"),
    behaviour(
        "overprovisioning leaves gaps", _R, "azure-cli recording test_vmss_simulate_eviction"
    ),
    behaviour("spot eviction", _D, "learn.microsoft.com, use-spot", "within half an hour"),
    behaviour("automatic instance repair", _D, f"{_LEARN}automatic-instance-repairs"),
    behaviour("autoscale changes the capacity", _D, f"{_LEARN}autoscale-overview"),
)
_ROLLING_UPGRADES = (
    behaviour("rolling upgrade policy: ranges", _S, "azure-mgmt-compute, api-version 2024-11-01"),
    behaviour("rolling upgrade policy: defaults are filled in", _R, _ROLLING),
    behaviour(
        "health is checked before and after a batch", _D, f"{_LEARN}configure-rolling-upgrades"
    ),
    behaviour("error of unhealthy upgraded instances", _D, "microsoft/AzureTRE#1591"),
    behaviour("error of unhealthy instances", _D, "opencb/opencga#987"),
    behaviour("cancel with nothing running", _R, _ROLLING),
    behaviour("unhealthy instances first", _D, f"{_LEARN}configure-rolling-upgrades"),
    behaviour("max surge makes new instances", _D, f"{_LEARN}maxsurge"),
    behaviour("automatic OS upgrade rolls back", _D, f"{_LEARN}automatic-upgrade"),
    behaviour("OS upgrade history", _D, f"{_LEARN}automatic-upgrade", "the last five"),
)
BEHAVIOURS: tuple[Entry, ...] = (
    *_WIRE,
    *_OPERATIONS,
    *_MODEL,
    *_INSTANCES,
    *_ROLLING_UPGRADES,
)

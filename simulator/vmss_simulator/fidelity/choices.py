"""What the default of each option and latency rests on. Why it was chosen is in `options.py`."""

from __future__ import annotations

from vmss_simulator.fidelity.entry import Entry, Level, latency, option

_D, _A, _R = Level.DOCUMENTED, Level.ASSUMED, Level.RECORDED
_LEARN = "learn.microsoft.com, virtual-machine-scale-sets-"
_NOWHERE = "nothing public says"

OPTIONS: tuple[Entry, ...] = (
    option("throttling", _D, "learn.microsoft.com, compute-throttling-limits"),
    option("concurrentOperations", _D, "azure-powershell#23105", "reported, not documented"),
    option("conflictCode", _D, "cloud-provider-azure; microsoft/onefuzz#511", "both are seen"),
    option("protectedInstances", _A, f"{_LEARN}instance-protection", "'blocked' leaves it open"),
    option("reimageAppliesModel", _A, "azure-mgmt-compute 39 and the documentation disagree"),
    option("reimageResolvesLatest", _A, "azure-mgmt-compute 39 and the documentation disagree"),
    option("upgradeResolvesLatest", _D, f"{_LEARN}upgrade-scale-set", "latest is not tracked"),
    option("failedOperationFailsScaleSet", _D, "Azure/vm-scale-sets#82", "for extensions"),
    option("initializingHealth", _D, f"{_LEARN}health-extension"),
    option("maxInstancesPerRequest", _A, _NOWHERE),
    option("updateDomainCount", _A, "commonly seen in a placement group"),
    option("instancePageSize", _A, _NOWHERE),
    option("whileRolling", _A, "cloud-provider-azure shows both answers to a concurrent write"),
    option("rollingHealthTimeout", _D, f"{_LEARN}automatic-upgrade", "for automatic upgrades"),
    option("rollingCountsCurrentInstances", _R, "azure-cli recording test_vmss_rolling_upgrade"),
    option("rollingCountsStoppedInstances", _A, _NOWHERE),
    option(
        "rollingCountsBatch", _A, f"{_LEARN}configure-rolling-upgrades", "can be read both ways"
    ),
    option("rollingUpgradedOfAll", _A, "the documentation's example and the reference disagree"),
    option("surgeQuota", _A, f"{_LEARN}maxsurge", "what falls back is documented, no quota is"),
    option("automaticOsUpgradeDelay", _A, "regions take turns over days; here at once"),
    option("overprovisionPercent", _D, f"{_LEARN}design-overview", "rounding up is assumed"),
    option("scaleInHonoursProtection", _D, f"{_LEARN}instance-protection", "for autoscale"),
    option("maintenanceEligible", _R, "azure-cli tests show it refused only"),
    option("repairsBeforeSuspension", _A, f"{_LEARN}automatic-instance-repairs", "no number"),
    option("vmSizes", _A, "a question of region, subscription and day", "told, never enforced"),
    option("operationRetryAfter", _A, "recordings have it filtered out"),
)

LATENCIES: tuple[Entry, ...] = tuple(
    latency(name, _A, "no recording with real times is public", note)
    for name, note in (
        ("modelUpdate", ""),
        ("upgrade", "until the OS disk is replaced"),
        ("reimage", "until the OS disk is replaced"),
        ("boot", ""),
        ("health", ""),
        ("create", ""),
        ("delete", ""),
        ("start", ""),
        ("restart", ""),
        ("redeploy", ""),
        ("powerOff", ""),
        ("deallocate", ""),
        ("instanceUpdate", ""),
        ("eviction", "half an hour at most is documented"),
        ("nothingToDo", ""),
    )
)

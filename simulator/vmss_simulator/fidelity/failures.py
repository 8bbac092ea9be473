"""What each effect of a fault rests on: whether Azure does that, and says it in these words."""

from __future__ import annotations

from vmss_simulator.fidelity.entry import Entry, Level, fault

_D, _A = Level.DOCUMENTED, Level.ASSUMED
_GIVEN = "whatever the scenario says"
_LEARN = "learn.microsoft.com, virtual-machine-scale-sets-"

FAULTS: tuple[Entry, ...] = (
    fault("error", _A, _GIVEN),
    fault("throttle", _D, "Microsoft's troubleshooting-throttling-errors"),
    fault("tokenExpired", _D, "learn.microsoft.com, ARM REST reference", "the text is assumed"),
    fault("quotaExceeded", _D, "learn.microsoft.com, error-resource-quota", "text by analogy"),
    fault("requestLost", _A, "networks do; no service promises otherwise"),
    fault("replyLost", _A, "networks do; no service promises otherwise"),
    fault("replyCut", _A, "networks do; no service promises otherwise"),
    fault("duplicate", _A, "proxies do; no service promises otherwise"),
    fault("latency", _A, _GIVEN),
    fault("stale", _A, "no service promises how stale"),
    fault("noInstanceView", _D, "AKS reports NoVMSSInstanceView"),
    fault("clockSkew", _A, "clocks do"),
    fault("slow", _A, _GIVEN),
    fault("operationFailed", _A, _GIVEN),
    fault("allocationFailed", _D, "azure-powershell#11896"),
    fault("overconstrained", _D, "jenkins-infra/helpdesk#4459 and #3584"),
    fault("extensionTimeout", _D, "Azure/custom-script-extension-linux#172"),
    fault("extensionFailed", _D, "Azure/vm-scale-sets#82"),
    fault("osProvisioningTimeout", _D, "MicrosoftDocs/SupportArticles-docs#1787"),
    fault("diskError", _D, "Azure/aks-engine#1860"),
    fault("stuck", _D, "openshift/release#85333", "operations that hang, for several reasons"),
    fault("operationStuck", _D, "openshift/release#85333", "operations that hang"),
    fault("operationEnds", _A, _GIVEN),
    fault("operationPreempted", _D, "cloud-provider-azure, OperationPreempted"),
    fault("staleFailure", _D, "azure-cli#33307"),
    fault("staysUpdating", _D, "microsoft/lisa#3433"),
    fault("keepsExtensions", _D, "MicrosoftDocs/azure-docs#43011"),
    fault("agentSilent", _D, "learn.microsoft.com, REST samples of Get Instance View"),
    fault("neverHealthy", _D, f"{_LEARN}health-extension"),
    fault("unhealthyAfter", _A, "applications do"),
    fault("flapping", _A, "applications do"),
    fault("badImage", _D, "microsoft/AzureTRE#1591", "with application health"),
    fault("modelChangedBy", _A, "other people do"),
    fault("changedBy", _A, "other people and services do"),
    fault("outage", _A, "zones and hosts do", "the code is one that is reported, its text is not"),
    fault("sick", _A, "applications do"),
    fault("imageWithdrawn", _D, "learn.microsoft.com, cli-ps-findimage", "versions are deprecated"),
)

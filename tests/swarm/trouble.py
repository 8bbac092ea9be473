"""What goes wrong in the worlds of the swarm: rules as a scenario writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.worlds import NEW

if TYPE_CHECKING:
    from random import Random

_ERROR = {"code": "InternalExecutionError", "message": "An internal execution error occurred."}
_SPANS = ("PT1S", "PT20S", "PT3M", "PT25M")
_READS = ("getScaleSet", "listInstances", "getOperation", "getAutoscale")
_WRITES = ("patchScaleSet", "upgrade", "reimage", "putAutoscale")
_WORK = ("upgrade", "reimage")


def draw_faults(random: Random, capacity: int, count: int) -> list[dict[str, Any]]:
    """Draw so many rules."""
    return [_rule(random, number, capacity) for number in range(count)]


def _rule(random: Random, number: int, capacity: int) -> dict[str, Any]:
    about = random.choice(["request", "request", "work", "work", "operation", "time", "behind"])
    match: dict[str, Any] = {}
    if about in ("request", "behind"):
        match["operations"] = random.sample(_READS + _WRITES, random.randint(1, 3))
    elif random.random() < 0.5:
        match["operations"] = list(_WORK)
    if about in ("work", "time") and random.random() < 0.6:
        chosen = random.sample(range(capacity), random.randint(1, min(2, capacity)))
        match["instanceIds"] = [str(i) for i in chosen]
    if about == "time":
        match.pop("operations", None)
    when: dict[str, Any] = random.choice(
        [
            {},
            {"nth": random.randint(1, 4)},
            {"every": 2},
            {"times": random.randint(1, 3)},
            {"probability": random.choice([0.05, 0.2, 0.5])},
            {"after": random.choice(_SPANS)},
            {"before": "PT10M"},
        ]
    )
    return {
        "name": f"rule {number}",
        "match": match,
        "when": {} if about == "time" else when,
        "effect": _EFFECTS[about](random),
    }


def _on_request(random: Random) -> dict[str, Any]:
    return random.choice(
        [
            {"replyLost": {}},
            {"requestLost": {}},
            {"replyCut": {}},
            {"duplicate": {}},
            {"noInstanceView": {}},
            {"throttle": {"retryAfter": "PT40S"}},
            {"clockSkew": {"by": "PT10M", "behind": True}},
            {"quotaExceeded": {}},
            {"tokenExpired": {}},
            {"error": {"status": 409, "code": "Conflict", "message": "Another one."}},
            {"error": {"status": 500, "code": "InternalServerError", "message": "Oops."}},
            {"error": {"status": 503, "code": "ServiceUnavailable", "message": "Later."}},
            {"error": {"status": 400, "code": "InvalidParameter", "message": "No."}},
            {"error": {"status": 412, "code": "PreconditionFailed", "message": "Changed."}},
        ]
    )


def _behind(random: Random) -> dict[str, Any]:
    # Nobody can act once on what was more than half a minute ago.
    by = random.choice(["PT1S", "PT10S", "PT20S"])
    delay = random.choice(["PT1S", "PT20S", "PT3M"])
    return random.choice([{"latency": {"delay": delay}}, {"stale": {"by": by}}])


def _on_work(random: Random) -> dict[str, Any]:
    span = random.choice(_SPANS)
    return random.choice(
        [
            {"allocationFailed": {}},
            {"operationFailed": {"code": "X", "message": "Late.", "diskReplaced": True}},
            {"extensionFailed": {"extension": "HealthExtension"}},
            {"extensionTimeout": {"extension": "HealthExtension", "after": "PT20M"}},
            {"osProvisioningTimeout": {}},
            {"diskError": {}},
            {"stuck": {}},
            {"slow": {"factor": 6}},
            {"neverHealthy": {}},
            {"neverHealthy": {"health": "initializing"}},
            {"agentSilent": {}},
            {"agentSilent": {"for": span}},
            {"badImage": {"version": NEW}},
            {"badImage": {"version": NEW}},
            {"badImage": {"version": NEW}},
            {"unhealthyAfter": {"after": span}},
            {"flapping": {"period": span, "count": 3}},
            {"staysUpdating": {"what": "instance"}},
            {"staysUpdating": {"what": "instance", "for": span}},
        ]
    )


def _on_operation(random: Random) -> dict[str, Any]:
    span = random.choice(_SPANS)
    return random.choice(
        [
            {"operationStuck": {}},
            {"operationStuck": {"for": span}},
            {"operationEnds": {"status": "Failed", **_ERROR}},
            {"operationEnds": {"status": "Canceled", **_ERROR}},
            {"operationPreempted": {"after": span}},
            {"staleFailure": {"code": "VMExtensionProvisioningError", "message": "Long ago."}},
            {"staysUpdating": {"what": "scaleSet"}},
            {"staysUpdating": {"for": span}},
        ]
    )


def _at_a_time(random: Random) -> dict[str, Any]:
    at, span = f"PT{random.randint(0, 3000)}S", random.choice(_SPANS)
    return random.choice(
        [
            {"outage": {"at": at, "for": span}},
            {"outage": {"at": at}},
            {"sick": {"at": at, "for": span, "times": 3}},
            {"sick": {"at": at}},
            {"imageWithdrawn": {"at": at, "version": "1.*"}},
        ]
    )


_EFFECTS = {
    "request": _on_request,
    "work": _on_work,
    "operation": _on_operation,
    "time": _at_a_time,
    "behind": _behind,
}

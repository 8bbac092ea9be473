"""Hypothesis strategies for everything a fault can do, as a scenario writes it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SPANS = st.sampled_from(["PT1S", "PT20S", "PT3M", "PT25M"])
INSTANCES = st.lists(st.integers(0, 7).map(str), min_size=1, max_size=3, unique=True)
_ERROR = {"code": "InternalExecutionError", "message": "An internal execution error occurred."}
_OLD_ERROR = {"code": "VMExtensionProvisioningError", "message": "It failed long ago."}

LOST_OR_REFUSED = st.sampled_from(
    [
        {"replyLost": {}},
        {"requestLost": {}},
        {"replyCut": {}},
        {"duplicate": {}},
        {"noInstanceView": {}},
        {"throttle": {"retryAfter": "PT40S"}},
        {"clockSkew": {"by": "PT10M", "behind": True}},
        {"quotaExceeded": {}},
        {"error": {"status": 409, "code": "Conflict", "message": "Another one."}},
        {"error": {"status": 503, "code": "ServiceUnavailable", "message": "Later."}},
        {"error": {"status": 400, "code": "InvalidParameter", "message": "No."}},
    ]
)
BEHIND = st.one_of(
    SPANS.map(lambda span: {"latency": {"delay": span}}),
    SPANS.map(lambda span: {"stale": {"by": span}}),
)
"""Answers from the past: against what happened since, nobody can hold a floor."""
WORK_EFFECTS = st.one_of(
    st.sampled_from(
        [
            {"allocationFailed": {}},
            {"overconstrained": {"zonal": True}},
            {"extensionFailed": {"extension": "HealthExtension"}},
            {"extensionTimeout": {"extension": "HealthExtension", "after": "PT20M"}},
            {"osProvisioningTimeout": {}},
            {"diskError": {}},
            {"stuck": {}},
            {"slow": {"factor": 6}},
            {"neverHealthy": {}},
            {"neverHealthy": {"health": "initializing"}},
            {"keepsExtensions": {}},
            {"agentSilent": {}},
            {"badImage": {"version": "1.10.0", "probability": 0.5}},
            {"flapping": {"period": "PT20S", "count": 3}},
            {"flapping": {"period": "PT2M", "count": 2}},
            {"staysUpdating": {"what": "instance"}},
        ]
    ),
    SPANS.map(lambda span: {"agentSilent": {"for": span}}),
    SPANS.map(lambda span: {"unhealthyAfter": {"after": span}}),
    SPANS.map(lambda span: {"staysUpdating": {"what": "instance", "for": span}}),
)
OPERATION_EFFECTS = st.one_of(
    st.sampled_from(
        [
            {"operationStuck": {}},
            {"operationEnds": {"status": "Failed", **_ERROR}},
            {"operationEnds": {"status": "Canceled", **_ERROR}},
            {"staleFailure": _OLD_ERROR},
            {"staysUpdating": {"what": "scaleSet"}},
        ]
    ),
    SPANS.map(lambda span: {"operationPreempted": {"after": span}}),
    SPANS.map(lambda span: {"operationStuck": {"for": span}}),
    SPANS.map(lambda span: {"staysUpdating": {"for": span}}),
)


def _acts(does: dict[str, Any], at: str) -> dict[str, Any]:
    return {"changedBy": {"actor": "another engineer", "at": at, "does": does}}


TIMED_EFFECTS = st.one_of(
    st.builds(lambda at, span: {"outage": {"at": at, "for": span}}, SPANS, SPANS),
    SPANS.map(lambda at: {"outage": {"at": at}}),
    st.builds(lambda at, span: {"sick": {"at": at, "for": span, "times": 3}}, SPANS, SPANS),
    SPANS.map(lambda at: {"imageWithdrawn": {"at": at, "version": "1.10.*"}}),
    st.builds(lambda at, to: _acts({"setCapacity": to}, at), SPANS, st.integers(0, 9)),
    st.builds(lambda at, ids: _acts({"deleteInstances": ids}, at), SPANS, INSTANCES),
    st.builds(lambda at, ids: _acts({"protectInstances": ids}, at), SPANS, INSTANCES),
    SPANS.map(
        lambda at: {"modelChangedBy": {"actor": "a", "at": at, "patch": {"tags": {"a": "b"}}}}
    ),
)
OTHERS_UPGRADE = st.one_of(
    st.builds(lambda at, ids: _acts({"upgradeInstances": ids}, at), SPANS, INSTANCES),
    SPANS.map(lambda at: _acts({"reimageInstances": ["*"]}, at)),
    SPANS.map(lambda at: _acts({"startRollingUpgrade": {}}, at)),
)
WHENS = st.sampled_from(
    [{}, {"nth": 3}, {"every": 2}, {"times": 2}, {"probability": 0.2}, {"after": "PT2M"}]
)
_READS = ["getScaleSet", "listInstances", "getOperation"]
_WRITES = ["patchScaleSet", "upgrade", "reimage"]


@st.composite
def rules(draw: st.DrawFn, number: int, effects: st.SearchStrategy[Any]) -> dict[str, Any]:
    """Draw one rule."""
    match: dict[str, Any] = {}
    if draw(st.booleans()):
        kinds = st.sampled_from(_READS + _WRITES)
        match["operations"] = draw(st.lists(kinds, min_size=1, max_size=2, unique=True))
    places: dict[str, Any] = draw(
        st.sampled_from(
            [{}, {}, {"instanceIds": ["1", "3"]}, {"updateDomains": [0]}, {"zones": ["1"]}]
        )
    )
    return {
        "name": f"rule {number}",
        "match": {**match, **places},
        "when": draw(WHENS),
        "effect": draw(effects),
    }


PROMPT_EFFECTS = st.one_of(LOST_OR_REFUSED, WORK_EFFECTS, OPERATION_EFFECTS, TIMED_EFFECTS)
EFFECTS = st.one_of(PROMPT_EFFECTS, BEHIND)


@st.composite
def mischief(
    draw: st.DrawFn, effects: st.SearchStrategy[Any] = EFFECTS, most: int = 3
) -> list[dict[str, Any]]:
    """Draw a few rules with names of their own."""
    return [draw(rules(number, effects)) for number in range(draw(st.integers(0, most)))]

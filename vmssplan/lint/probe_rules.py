"""Rules about what the Plan asks and runs: probes of health, gates, hooks."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from vmssplan.durations import format_duration
from vmssplan.lint.finding import Finding, error, warning
from vmssplan.model import (
    PLACEHOLDERS,
    ApprovalGate,
    CommandProbe,
    HealthSource,
    HttpProbe,
    Plan,
    ProbeScope,
    StrategyType,
    placeholders,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHORTEST_INTERVAL = timedelta(seconds=1)
_USER = re.compile(r"//[^/?#]*@")
# The name of a query parameter that carries what lets one in: signatures, tokens, function keys.
_SECRET = re.compile(
    r"[?&;#](?P<name>(?:[^=&;#]*(?:token|secret|passw|signature|credential|api[-_]?key"
    r"|subscription[-_]?key)[^=&;#]*)|sig|pwd|code|key)=.",
    re.IGNORECASE,
)


def gate_in_sliding_window(plan: Plan) -> Iterator[Finding]:
    """Refuse gates where there are no batches."""
    if plan.strategy.type is not StrategyType.SLIDING_WINDOW:
        return
    for index, _ in enumerate(plan.gates):
        yield error(
            "gate-in-sliding-window",
            f"gates[{index}].after",
            "a sliding window has no batches to put a gate after",
            "leave the gate out, or use fixedBatch",
        )


def hook_in_sliding_window(plan: Plan) -> Iterator[Finding]:
    """Refuse hooks where there are no batches."""
    if plan.strategy.type is not StrategyType.SLIDING_WINDOW:
        return
    for path, _ in _hooks(plan):
        yield error(
            "hook-in-sliding-window",
            path,
            "a sliding window has no batches to run a hook for",
            "leave the hook out, or use fixedBatch",
        )


def probe_missing(plan: Plan) -> Iterator[Finding]:
    """Find a health source without its probe, and a probe without its source."""
    health = plan.health
    for source, probe in (
        (HealthSource.HTTP, health.http),
        (HealthSource.COMMAND, health.command),
    ):
        if health.source is source and probe is None:
            yield error(
                "health-probe-missing",
                "health.source",
                f"the health source is {source}, but there is no health.{source}",
                f"add health.{source}",
            )
        elif health.source is not source and probe is not None:
            yield warning(
                "health-probe-unused",
                f"health.{source}",
                f"the health source is {health.source}, so this probe is never used",
                f"leave it out, or set health.source to {source}",
            )


def placeholder_out_of_place(plan: Plan) -> Iterator[Finding]:
    """Find placeholders that stand for nothing, and a probe of each instance without any."""
    for path, probe in http_probes(plan):
        named = placeholders(probe.url)
        for name in named:
            if name not in PLACEHOLDERS:
                known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                message = f"{{{name}}} stands for nothing"
                yield error("unknown-placeholder", f"{path}.url", message, f"use {known}")
        if probe.scope is not ProbeScope.INSTANCE and any(name in PLACEHOLDERS for name in named):
            yield error(
                "placeholder-without-instance",
                f"{path}.url",
                f"{{{named[0]}}} stands for one instance, but the scale set is asked as a whole",
                "set scope to instance, or name no instance",
            )
        elif probe.scope is ProbeScope.INSTANCE and not named:
            yield warning(
                "same-address-for-all",
                f"{path}.url",
                "the address names no instance, so the same answer counts for every instance",
                "use a placeholder such as {privateIpAddress}",
            )


def secret_in_address(plan: Plan) -> Iterator[Finding]:
    """Refuse addresses that seem to carry a secret: Plans, Rollouts and journals are read."""
    for path, probe in http_probes(plan):
        secret = _SECRET.search(probe.url)
        if _USER.search(probe.url):
            found = "a user name or password"
        elif secret:
            found = f"a secret, `{secret['name']}`"
        else:
            continue
        yield error(
            "secret-in-address",
            f"{path}.url",
            f"the address seems to carry {found}, and what is asked is shown and recorded",
            "ask with a command, which takes its secrets from its environment",
        )


def no_time_allowed(plan: Plan) -> Iterator[Finding]:
    """Refuse a time limit in which nothing can happen, and measuring without a breath."""
    probes: tuple[tuple[str, HttpProbe | CommandProbe], ...]
    probes = (*http_probes(plan), *_commands(plan))
    for path, probe in probes:
        if probe.timeout <= timedelta(0):
            message = f"no answer can come within {format_duration(probe.timeout)}"
            yield error("timeout-too-short", f"{path}.timeout", message, "allow some seconds")
    for index, gate in enumerate(plan.gates):
        if not isinstance(gate.check, ApprovalGate) and gate.counting.interval < _SHORTEST_INTERVAL:
            yield error(
                "interval-too-short",
                f"gates[{index}].interval",
                f"measuring again after {format_duration(gate.counting.interval)} would only"
                " burden what is asked",
                "use PT1S or longer",
            )


def gate_deadline_too_short(plan: Plan) -> Iterator[Finding]:
    """Find gates that are given up before they can have enough successes in a row."""
    for index, gate in enumerate(plan.gates):
        if isinstance(gate.check, ApprovalGate):
            continue
        counting = gate.counting
        needed = (counting.consecutive_successes - 1) * counting.interval
        if needed > counting.deadline:
            yield error(
                "gate-deadline-too-short",
                f"gates[{index}].deadline",
                f"{counting.consecutive_successes} successes in a row, one every"
                f" {format_duration(counting.interval)}, take {format_duration(needed)}, and the"
                f" gate is given up after {format_duration(counting.deadline)}: it can never pass",
                f"use {format_duration(needed)} or longer, or fewer successes",
            )


def http_addresses(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield every address that the Plan asks, by its key path."""
    return ((f"{path}.url", probe.url) for path, probe in http_probes(plan))


def http_probes(plan: Plan) -> Iterator[tuple[str, HttpProbe]]:
    """Yield every request that the Plan makes, by its key path."""
    if plan.health.http is not None:
        yield "health.http", plan.health.http
    for index, gate in enumerate(plan.gates):
        if isinstance(gate.check, HttpProbe):
            yield f"gates[{index}].http", gate.check


def _commands(plan: Plan) -> Iterator[tuple[str, CommandProbe]]:
    if plan.health.command is not None:
        yield "health.command", plan.health.command
    for index, gate in enumerate(plan.gates):
        if isinstance(gate.check, CommandProbe):
            yield f"gates[{index}].command", gate.check
    yield from _hooks(plan)


def _hooks(plan: Plan) -> Iterator[tuple[str, CommandProbe]]:
    if plan.hooks.before_batch is not None:
        yield "hooks.beforeBatch", plan.hooks.before_batch
    if plan.hooks.after_batch is not None:
        yield "hooks.afterBatch", plan.hooks.after_batch

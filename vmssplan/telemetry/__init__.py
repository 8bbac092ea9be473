"""A Run for OpenTelemetry: one trace, a span a step, and the numbers people set alarms on.

It only looks on. Times are the Events' own, so a simulated Run has its virtual times. A resumed
Run goes on in the trace of its beginning, because trace and first span are derived from the Run
and the digest of its Rollout. The only importer of opentelemetry, and imported only when asked for.
"""

from vmssplan.telemetry.exporting import check, exporting
from vmssplan.telemetry.numbers import Numbers
from vmssplan.telemetry.spans import RunIds, RunTelemetry

__all__ = ["Numbers", "RunIds", "RunTelemetry", "check", "exporting"]

"""Sends spans and measurements to a collector, as the standard variables `OTEL_*` say."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from vmssplan import __version__
from vmssplan.errors import UsageInvalid
from vmssplan.telemetry.numbers import Numbers
from vmssplan.telemetry.spans import RunIds, RunTelemetry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vmssplan.rollout import Rollout

SCOPE = "vmssplan"
GENERAL_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
MOST_WAITING_SPANS, MOST_EVENTS_OF_A_SPAN = 16_384, 16_384
"""Simulated Runs end thousands of steps at once, and a window is one step of many instances."""
PATIENCE_SECONDS = 5
_PROTOCOL = "http/protobuf"


def check() -> None:
    """Raise UsageInvalid for what the variables say and this cannot do."""
    for signal in ("TRACES", "METRICS"):
        _is_wanted(signal, os.environ)


@contextmanager
def exporting(run: str, rollout: Rollout) -> Iterator[RunTelemetry]:
    """Give a watcher whose spans and measurements go to a collector by OTLP over HTTP.

    Where to, with which headers, how sampled and how named is what the standard variables
    `OTEL_*` say. Raises UsageInvalid for what they say and this cannot do.
    """
    environment = os.environ
    sends_traces = _is_wanted("TRACES", environment)
    sends_metrics = _is_wanted("METRICS", environment)
    ids = RunIds()
    resource = _resource()
    events = None if "OTEL_SPAN_EVENT_COUNT_LIMIT" in environment else MOST_EVENTS_OF_A_SPAN
    tracers = TracerProvider(
        resource=resource,
        id_generator=ids,
        span_limits=SpanLimits(max_events=events),
        shutdown_on_exit=False,
    )
    if sends_traces:
        _send_spans(tracers)
    readers = (
        [PeriodicExportingMetricReader(OTLPMetricExporter(timeout=_patience("METRICS")))]
        if sends_metrics
        else []
    )
    meters = MeterProvider(readers, resource, shutdown_on_exit=False)
    watcher = RunTelemetry(
        run,
        ids,
        tracers.get_tracer(SCOPE, __version__),
        Numbers(rollout, meters.get_meter(SCOPE, __version__)),
    )
    try:
        yield watcher
    finally:
        watcher.close()
        # At once, so that a collector that does not answer is waited for once.
        with ThreadPoolExecutor() as both:
            for provider in (tracers, meters):
                both.submit(provider.shutdown)


def _is_wanted(signal: str, environment: Mapping[str, str]) -> bool:
    """Tell whether that signal is to be sent.

    With an endpoint for the other signal only, it is not.
    """
    exporter = environment.get(f"OTEL_{signal}_EXPORTER") or "otlp"
    if exporter not in ("otlp", "none"):
        raise UsageInvalid(
            f"OTEL_{signal}_EXPORTER is {exporter!r}; vmssplan can do otlp and none only"
        )
    for name in (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = environment.get(name) or _PROTOCOL
        if protocol != _PROTOCOL:
            raise UsageInvalid(
                f"{name} is {protocol!r}; vmssplan speaks {_PROTOCOL} only",
                hint="most collectors take it at port 4318",
            )
    own = environment.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    others = [
        environment.get(f"OTEL_EXPORTER_OTLP_{one}_ENDPOINT") for one in ("TRACES", "METRICS")
    ]
    is_meant = bool(environment.get(GENERAL_ENDPOINT) or own or not any(others))
    return exporter == "otlp" and is_meant


def _send_spans(tracers: TracerProvider) -> None:
    waiting = None if "OTEL_BSP_MAX_QUEUE_SIZE" in os.environ else MOST_WAITING_SPANS
    tracers.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(timeout=_patience("TRACES")), max_queue_size=waiting)
    )


def _patience(signal: str) -> float | None:
    """Return how long a collector is waited for; None when the environment says."""
    names = ("OTEL_EXPORTER_OTLP_TIMEOUT", f"OTEL_EXPORTER_OTLP_{signal}_TIMEOUT")
    return None if any(os.environ.get(name) for name in names) else PATIENCE_SECONDS


def _resource() -> Resource:
    """Return who reports: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, else us."""
    found = Resource.create()
    ours = {SERVICE_VERSION: __version__, **found.attributes}
    if str(ours.get(SERVICE_NAME, "")).partition(":")[0] in ("", "unknown_service"):
        ours[SERVICE_NAME] = SCOPE
    return Resource(ours, found.schema_url)

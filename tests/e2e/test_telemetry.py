"""The program and a collector: a real receiver of OTLP over HTTP, and what is said without one."""

from __future__ import annotations

import gzip
import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.e2e.program import PLANS, SCENARIOS, Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.own_process

PLAN = PLANS / "web-jammy.yaml"
SIMULATOR = ("--simulator", SCENARIOS / "web-12.yaml")
TOKEN = "Basic c2VjcmV0LW9mLXRoZS1jb2xsZWN0b3I="  # noqa: S105 - a made-up one, looked for


@dataclass
class Collector:
    """What a collector was sent."""

    address: str
    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    authorizations: set[str] = field(default_factory=set)

    @property
    def spans(self) -> list[Span]:
        """All spans."""
        resources = [one for each in self.traces for one in each.resource_spans]
        return [span for one in resources for scope in one.scope_spans for span in scope.spans]

    @property
    def services(self) -> set[str]:
        """The names under which somebody reported."""
        resources = [one.resource for each in self.traces for one in each.resource_spans]
        resources += [one.resource for each in self.metrics for one in each.resource_metrics]
        return {
            pair.value.string_value
            for one in resources
            for pair in one.attributes
            if pair.key == "service.name"
        }

    @property
    def instruments(self) -> set[str]:
        """The names of all that was measured."""
        resources = [one for each in self.metrics for one in each.resource_metrics]
        scopes = [scope for one in resources for scope in one.scope_metrics]
        return {metric.name for scope in scopes for metric in scope.metrics}


@contextmanager
def collecting() -> Iterator[Collector]:
    """Receive OTLP over HTTP while the context lasts."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.authorizations.add(self.headers.get("authorization", ""))
            if self.path == "/v1/traces":
                collector.traces.append(ExportTraceServiceRequest.FromString(body))
            elif self.path == "/v1/metrics":
                collector.metrics.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    collector = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_run_reaches_the_collector(program: Program) -> None:
    """Where a collector is named, each step arrives as a span, and numbers with them."""
    with collecting() as collector:
        done = program.run(
            "apply",
            PLAN,
            *SIMULATOR,
            "--auto-approve",
            "--json",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.address,
            OTEL_EXPORTER_OTLP_HEADERS=f"authorization={TOKEN.replace(' ', '%20')}",
            OTEL_SERVICE_NAME="rollouts",
        )

    assert (done.code, done.err) == (0, "")
    lines = [json.loads(line) for line in done.out.splitlines()]
    begun = [one["step"] for one in lines if one["type"] == "step_start"]
    [root] = [span for span in collector.spans if not span.parent_span_id]
    steps = sorted(
        (span for span in collector.spans if span.parent_span_id),
        key=lambda span: span.start_time_unix_nano,
    )
    assert len(begun) == len(steps) == len({span.span_id for span in steps})
    assert {span.parent_span_id for span in steps} == {root.span_id}
    assert {span.trace_id for span in collector.spans} == {root.trace_id}
    assert all(span.status.code != Status.STATUS_CODE_ERROR for span in collector.spans)
    assert collector.services == {"rollouts"}
    assert collector.authorizations == {TOKEN}
    assert {"vmssplan.instances.upgraded", "vmssplan.step.duration"} <= collector.instruments


def test_a_collector_that_is_away_keeps_nobody_from_anything(program: Program) -> None:
    """The Run is the same without an answer; that nothing was sent is said once each."""
    done = program.run(
        "apply",
        PLAN,
        *SIMULATOR,
        "--auto-approve",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_EXPORTER_OTLP_TIMEOUT="1",
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization={TOKEN.replace(' ', '%20')}",
    )

    assert done.code == 0
    assert "Apply complete!" in done.out
    assert 1 <= len(done.err.splitlines()) <= 2
    assert "Failed to export" in done.err
    assert TOKEN not in done.text


def without_the_extra(folder: Path) -> dict[str, str]:
    """Return an environment in which OpenTelemetry is not installed."""
    hidden = folder / "hidden"
    (hidden / "opentelemetry").mkdir(parents=True)
    (hidden / "opentelemetry" / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'opentelemetry'\", name='opentelemetry')\n",
        encoding="utf-8",
    )
    return {"PYTHONPATH": os.pathsep.join([str(hidden), os.environ.get("PYTHONPATH", "")])}


def test_the_extra_is_named(program: Program) -> None:
    """Asked for without the extra, it is refused with what to install, before anything is done."""
    extra = without_the_extra(program.folder)
    done = program.run("apply", PLAN, *SIMULATOR, "--auto-approve", "--otel", **extra)

    assert done.code == 1
    assert "pip install 'vmssplan[otel]'" in done.err
    assert "Traceback" not in done.err
    assert not (program.folder / ".vmssplan" / "runs").exists()


def test_a_collector_of_others_is_only_a_warning(program: Program) -> None:
    """Variables that a whole machine has do not keep a Run from going; what is not done is said."""
    extra = without_the_extra(program.folder)
    done = program.run(
        "apply",
        PLAN,
        *SIMULATOR,
        "--auto-approve",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        **extra,
    )
    other = program.run(
        "plan", PLAN, *SIMULATOR, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **extra
    )

    assert (done.code, other.code) == (0, 0)
    assert done.err.startswith("Warning: nothing is sent to OpenTelemetry: ")
    assert len(done.err.splitlines()) == 1
    assert other.err == ""


def test_what_cannot_be_spoken_is_refused(program: Program) -> None:
    """Another protocol than HTTP is an error where it was asked for; --no-otel asks for nothing."""
    grpc = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }
    refused = program.run("apply", PLAN, *SIMULATOR, "--auto-approve", "--otel", **grpc)
    off = program.run("apply", PLAN, *SIMULATOR, "--auto-approve", "--no-otel", **grpc)

    assert refused.code == 1
    assert "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'" in refused.err
    assert (off.code, off.err) == (0, "")

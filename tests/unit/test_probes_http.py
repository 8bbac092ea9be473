"""What a real server answers, and what is made of it."""

from __future__ import annotations

import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.http_server import Server, answering
from tests.support.values import TARGET, instance, seconds
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import HttpProbe, ProbeScope
from vmssplan.ports import Subject
from vmssplan.probes import RealProbes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vmssplan.model import Instance


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Return a server that answers on this machine, past any proxy."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with answering(Server()) as up:
        yield up


async def measured(probe: HttpProbe, *instances: Instance) -> Measurement:
    """Return what real probes say."""
    subject = Subject(TARGET, "gate", "run-1", 1, instances)
    return await RealProbes({}, lambda _: None).measure(probe, subject)


@pytest.mark.parametrize(
    ("path", "expected", "measurement"),
    [
        ("/status/200", 200, Measurement(Verdict.SUCCESSFUL, "HTTP 200")),
        ("/status/204", 204, Measurement(Verdict.SUCCESSFUL, "HTTP 204")),
        ("/status/503", 200, Measurement(Verdict.FAILED, "HTTP 503, expected 200")),
        ("/status/200", 204, Measurement(Verdict.FAILED, "HTTP 200, expected 204")),
        (
            "/redirect",
            200,
            Measurement(Verdict.FAILED, "HTTP 302, expected 200, redirects are not followed"),
        ),
        ("/redirect", 302, Measurement(Verdict.SUCCESSFUL, "HTTP 302")),
        ("/endless", 200, Measurement(Verdict.SUCCESSFUL, "HTTP 200")),
        ("/hang-up", 200, Measurement(Verdict.ERROR, "no answer: ServerDisconnectedError")),
    ],
)
async def test_answers(server: Server, path: str, expected: int, measurement: Measurement) -> None:
    """The status tells; no answer is an error; neither text of the answer is ever shown."""
    assert await measured(HttpProbe(f"http://{server.address}{path}", expected)) == measurement
    assert set(server.asked) == {path}
    assert server.agents == {"vmssplan/0.1.0"}


async def test_an_answer_that_does_not_come(server: Server) -> None:
    """The timeout ends the waiting, and is an error."""
    probe = HttpProbe(f"http://{server.address}/never", timeout=seconds(0.2))

    assert await measured(probe) == Measurement(Verdict.ERROR, "no answer within PT0.2S")


async def test_nobody_there() -> None:
    """A refused connection is an error that names its class."""
    with answering(Server()) as gone:
        address = gone.address

    found = await measured(HttpProbe(f"http://{address}/status/200"))

    assert found.verdict is Verdict.ERROR
    assert "ConnectionRefusedError" in found.detail


@pytest.mark.parametrize("url", ["http://[::1/", "http://exa mple/", "ftp://example.com/", "x"])
async def test_what_is_no_address(url: str) -> None:
    """Whatever a Plan built by other means holds, it is an error and no exception."""
    assert (await measured(HttpProbe(url))).verdict is Verdict.ERROR


async def test_each_instance_is_asked_at_its_own_address(server: Server) -> None:
    """The placeholders are filled in for each instance, safely."""
    probe = HttpProbe(
        "http://{privateIpAddress}:"
        + str(server.server_port)
        + "/{instanceId}/{vmId}/{computerName}/{zone}/status/200",
        scope=ProbeScope.INSTANCE,
    )
    instances = [
        instance(name, private_ip_address="127.0.0.1", computer_name=f"web {name}", zone="1")
        for name in ("7", "8")
    ]

    found = await measured(probe, *instances)

    assert found == Measurement(Verdict.SUCCESSFUL, "all 2 instances: HTTP 200")
    assert sorted(server.asked) == [
        "/7/vm-7/web%207/1/status/200",
        "/8/vm-8/web%208/1/status/200",
    ]


async def test_the_worst_answer_counts(server: Server) -> None:
    """An error before a failure before a success, and the first of those instances are named."""
    probe = HttpProbe(
        f"http://{server.address}/{{computerName}}/{{zone}}", scope=ProbeScope.INSTANCE
    )
    well = [instance(str(n), computer_name="status", zone="200") for n in range(3)]
    sick = [instance(str(n), computer_name="status", zone="503") for n in range(3, 8)]
    nowhere = instance("8", computer_name="status", zone=None)

    assert await measured(probe, *well, *sick) == Measurement(
        Verdict.FAILED, "5 of 8 instances (3, 4, 5, ...): HTTP 503, expected 200"
    )
    assert await measured(probe, *well, *sick, nowhere) == Measurement(
        Verdict.ERROR, "1 of 9 instances (8): no value is known for {zone}"
    )
    assert await measured(probe, sick[0]) == Measurement(
        Verdict.FAILED, "instance 3: HTTP 503, expected 200"
    )


async def test_no_instance_to_ask(server: Server) -> None:
    """No data never passes."""
    probe = HttpProbe(f"http://{server.address}/{{zone}}", scope=ProbeScope.INSTANCE)

    assert (await measured(probe)).verdict is Verdict.INCONCLUSIVE
    assert server.asked == []


async def test_a_proxy_of_the_environment(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY is asked for what is not in NO_PROXY."""
    monkeypatch.setenv("http_proxy", f"http://{server.address}")

    found = await measured(HttpProbe("http://app.example/status/200"))

    assert found.verdict is Verdict.SUCCESSFUL
    assert server.asked == ["http://app.example/status/200"]


@pytest.fixture
def secure_server(server: Server) -> tuple[Server, trustme.CA]:
    """Return the server behind TLS, and the authority that vouches for it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server, authority


async def test_a_certificate_nobody_vouches_for(secure_server: tuple[Server, trustme.CA]) -> None:
    """It is an error, whatever the server would have answered."""
    server, _ = secure_server

    found = await measured(HttpProbe(f"https://{server.address}/status/200"))

    assert found == Measurement(
        Verdict.ERROR, "no answer: ClientConnectorCertificateError: SSLCertVerificationError"
    )
    assert server.asked == []


def test_an_authority_of_the_company(
    secure_server: tuple[Server, trustme.CA], tmp_path: Path
) -> None:
    """SSL_CERT_FILE names the authorities to trust."""
    server, authority = secure_server
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    code = (
        "import asyncio\n"
        "from vmssplan.model import HttpProbe\n"
        "from vmssplan.probes.http import ask\n"
        f"print(asyncio.run(ask(HttpProbe('https://{server.address}/status/200'))).detail)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"SSL_CERT_FILE": str(tmp_path / "ca.pem"), "NO_PROXY": "*"},
    )

    assert done.stdout == "HTTP 200\n"

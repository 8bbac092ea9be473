"""Notifications arrive at a real server, or whoever runs the Run is told that they did not.

Pauses between attempts are left out here, but for what the server wishes; what they are is tested
by itself.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.support.copying import replace
from tests.support.http_server import Server, answering
from tests.support.stories import RUN, complete, in_pairs, lived
from tests.support.values import START, scale_set
from tests.support.values import rollout as computed
from vmssplan.engine import RunState, evolve
from vmssplan.engine.events import RunStarted
from vmssplan.notifying import (
    Answer,
    Channel,
    Delivery,
    HttpCourier,
    Kind,
    Notification,
    Notifier,
    Shape,
    notice_of,
    notifying,
)
from vmssplan.notifying.delivering import MOST_WAITING
from vmssplan.notifying.resolving import Found, Resolver
from vmssplan.notifying.retrying import pause_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECRET = b"0123456789abcdef"
PATIENT = timedelta(seconds=30)
HASTY = timedelta(seconds=0.2)
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve on this machine."""
    with answering(Server()) as running:
        yield running


@cache
def notification(number: int = 0) -> Notification:
    """Return one that tells of a start."""
    rollout = computed()
    first = RunStarted(START, RUN, rollout.digest)
    told = notice_of(first, evolve(RunState.begin(rollout), first), RUN)
    assert told is not None
    return replace(told, message_id=f"msg_{number}")


def channel(server: Server, path: str, name: str = "ops") -> Channel:
    """Return one that goes there, and is signed."""
    return Channel(name, Shape.GENERIC, f"http://{server.address}{path}", SECRET)


def at_once(attempt: int, answer: Answer) -> timedelta | None:
    """Pause as usual, but do not wait."""
    return None if pause_after(attempt, answer) is None else timedelta(0)


@contextmanager
def delivering(
    *channels: Channel, patience: timedelta = PATIENT, undelivered: list[str]
) -> Iterator[Delivery]:
    """Deliver, and at the end say what did not arrive."""
    delivery = Delivery(channels, HttpCourier(), lambda: NOW, at_once)
    try:
        yield delivery
    finally:
        delivery.close(patience)
        undelivered += [str(one) for one in delivery.undelivered()]


def sent_to(*channels: Channel, patience: timedelta = PATIENT) -> list[str]:
    """Send one notification, and return what did not arrive."""
    undelivered: list[str] = []
    with delivering(*channels, patience=patience, undelivered=undelivered) as delivery:
        delivery.offer(notification())
    return undelivered


def test_it_arrives_signed(server: Server) -> None:
    """With the body as it was signed, the time of sending and the id."""
    assert sent_to(channel(server, "/status/200")) == []

    [got] = server.received
    timestamp = str(int(NOW.timestamp()))
    assert got.headers["webhook-timestamp"] == timestamp
    signed = f"{got.headers['webhook-id']}.{timestamp}.".encode() + got.body
    mac = base64.b64encode(hmac.digest(SECRET, signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{mac}"
    assert got.headers["content-type"].startswith("application/json")
    assert json.loads(got.body)["type"] == "started"


@pytest.mark.parametrize("status", [202, 204])
def test_every_2xx_is_good(server: Server, status: int) -> None:
    """Workflows of Teams answer 202."""
    assert sent_to(channel(server, f"/status/{status}")) == []
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_get_better_is_sent_again(server: Server, status: int) -> None:
    """The same message, with the same id."""
    assert sent_to(channel(server, f"/again/{status}/3")) == []

    assert len(server.received) == 3
    assert len({one.headers["webhook-id"] for one in server.received}) == 1
    assert len({one.body for one in server.received}) == 1


def test_what_stays_bad_is_given_up_and_told(server: Server) -> None:
    """By the name of the channel and the status, without its address."""
    [told] = sent_to(channel(server, "/status/500"))

    assert told == "notification started of web-1 was not delivered to ops: HTTP 500, 8 times"


@pytest.mark.parametrize("status", [400, 401, 404, 410])
def test_what_will_not_get_better_is_sent_once(server: Server, status: int) -> None:
    """A wrong address is not asked again and again."""
    [told] = sent_to(channel(server, f"/status/{status}"))

    assert told.endswith(f"to ops: HTTP {status}")
    assert len(server.received) == 1


def test_a_redirect_is_not_followed(server: Server) -> None:
    """What is signed for one address is for no other."""
    [told] = sent_to(channel(server, "/redirect"))

    assert told.endswith("HTTP 302, redirects are not followed")
    assert server.asked == ["/redirect"]


def test_nobody_there_is_told_by_kind() -> None:
    """A refused connection is tried again, then told without the address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = Channel("ops", Shape.GENERIC, f"http://127.0.0.1:{taken.getsockname()[1]}/pl4nt3d")
        [told] = sent_to(nobody)

    assert "no answer: ClientConnectorError: ConnectionRefusedError, 8 times" in told
    assert "pl4nt3d" not in told
    assert "127.0.0.1" not in told


def test_a_hang_up_is_tried_again(server: Server) -> None:
    """As everything without an answer."""
    [told] = sent_to(channel(server, "/hang-up"))

    assert "no answer: ServerDisconnectedError, 8 times" in told
    assert len(server.received) == 8


@pytest.mark.parametrize("path", ["/never", "/endless"])
def test_one_that_never_ends_is_left(server: Server, path: str) -> None:
    """The wait at the end is bounded, although the server has not answered yet, or never stops."""
    told = sent_to(channel(server, path), patience=HASTY)

    assert not server.go_on.is_set()
    if path == "/never":
        assert told == [
            "notification started of web-1 was not delivered to ops: there was no time left"
        ]
    else:
        assert told == [], "the status is all that is read"


def test_a_slow_channel_keeps_no_other_waiting(server: Server) -> None:
    """Each is served by itself."""
    channels = channel(server, "/never", "slow"), channel(server, "/status/200", "quick")

    [told] = sent_to(*channels, patience=HASTY)

    assert "to slow: there was no time left" in told
    assert [one.path for one in server.received].count("/status/200") == 1


def test_only_what_is_wanted_is_sent(server: Server) -> None:
    """A channel names its events."""
    wanted = replace(channel(server, "/status/200"), kinds=frozenset({Kind.HALTED}))

    assert sent_to(wanted) == []
    assert server.received == []


def test_the_queue_is_bounded(server: Server) -> None:
    """The oldest is given up for the newest, and that is told."""
    undelivered: list[str] = []
    with delivering(channel(server, "/never"), patience=HASTY, undelivered=undelivered) as delivery:
        for number in range(MOST_WAITING + 10):
            delivery.offer(notification(number))

    many = [one for one in undelivered if one.endswith("too many were waiting")]
    assert len(undelivered) == MOST_WAITING + 10
    assert 9 <= len(many) <= 10


@dataclass
class Scripted:
    """A courier that answers from a list, and remembers what it carried."""

    answers: list[Answer]
    carried: list[str] = field(default_factory=list)

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer."""
        assert address
        assert body
        self.carried.append(headers["webhook-id"])
        await asyncio.sleep(0)
        return self.answers.pop(0) if self.answers else Answer(200)


def test_the_end_does_not_wait_for_a_pause() -> None:
    """What was put off for minutes is tried once more, and the newest is not kept waiting."""
    courier = Scripted([Answer(503), Answer(503)])
    target = Channel("ops", Shape.GENERIC, "https://x.invalid/")
    delivery = Delivery([target], courier, lambda: NOW, lambda _, __: timedelta(hours=1))
    delivery.offer(notification(1))
    delivery.offer(notification(2))

    delivery.close(PATIENT)

    assert courier.carried[-1] == "msg_2"
    assert [str(one.told.message_id) for one in delivery.undelivered()] == ["msg_1"]


def test_a_run_is_not_held_up_by_who_never_answers(server: Server) -> None:
    """It goes through the same Events, and ends while the server still has not answered."""
    warned: list[str] = []
    alone = lived(in_pairs())

    with notifying(
        RUN, [channel(server, "/never")], HttpCourier(), lambda: NOW, warned.append, HASTY
    ) as notifier:
        watched = lived(in_pairs(), watcher=notifier)

    assert watched.events == alone.events
    assert not server.go_on.is_set()
    assert {one.split(" of ")[0] for one in warned} == {
        "notification started",
        "notification completed",
    }


def test_what_is_given_up_is_said_while_the_run_goes_on(server: Server) -> None:
    """At the next look, because somebody may be waited for."""
    warned: list[str] = []
    delivery = Delivery([channel(server, "/status/404")], HttpCourier(), lambda: NOW)
    notifier = Notifier(RUN, delivery, warned.append)
    story = lived(in_pairs(), watcher=notifier)
    delivery.close(PATIENT)

    notifier.looked(scale_set(), story.ended, START)

    assert any("not delivered to ops: HTTP 404" in one for one in warned)


def test_who_stops_at_once_does_not_wait(server: Server) -> None:
    """A second Ctrl-C ends it; what is left is told."""
    warned: list[str] = []

    def interrupted() -> None:
        where = [channel(server, "/never")]
        with notifying(RUN, where, HttpCourier(), lambda: NOW, warned.append, HASTY) as notifier:
            story = complete()
            first = story.events[0]
            notifier.happened(first, evolve(RunState.begin(story.rollout), first))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert len(warned) == 1


@dataclass
class Broken:
    """A courier with a bug."""

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Break."""
        raise ZeroDivisionError(f"{address} {len(body)} {len(headers)}")


def test_a_bug_costs_one_notification_and_names_no_address() -> None:
    """The thread goes on, and what was lost is told."""
    target = Channel("ops", Shape.GENERIC, "https://x.invalid/pl4nt3d")
    delivery = Delivery([target], Broken(), lambda: NOW)
    delivery.offer(notification(1))
    delivery.offer(notification(2))

    delivery.close(PATIENT)
    delivery.close(PATIENT)

    assert [one.why for one in delivery.undelivered()] == ["ZeroDivisionError"] * 2


async def test_a_name_is_looked_up() -> None:
    """This machine is found under its name, at the port that was asked for."""
    found = await Resolver().resolve("localhost", 8443)

    assert {(one["host"], one["port"]) for one in found} <= {("127.0.0.1", 8443), ("::1", 8443)}
    assert found


async def test_a_name_that_is_none_is_an_error() -> None:
    """Which is told as no answer."""

    def nobody(*_: object) -> list[Found]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    with pytest.raises(OSError, match="no such name"):
        await Resolver(nobody).resolve("x.invalid", 443)


def test_a_name_server_that_never_answers_is_not_waited_for() -> None:
    """Not even at the end of the program: its thread is one that dies with the process."""
    asked, go_on = threading.Event(), threading.Event()

    def never(*_: object) -> list[Found]:
        asked.set()
        go_on.wait()
        return []

    async def ask() -> None:
        async with asyncio.timeout(0.05):
            await Resolver(never).resolve("x.invalid", 443)

    with pytest.raises(TimeoutError):
        asyncio.run(ask())
    assert asked.is_set()
    names = [one for one in threading.enumerate() if one.name == "vmssplan-notify-name"]
    assert names
    assert all(one.daemon for one in names)
    go_on.set()


def test_a_certificate_that_nobody_vouches_for_is_refused(server: Server) -> None:
    """Nothing is sent to who only claims to be the right one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    stranger = Channel("ops", Shape.GENERIC, f"https://{server.address}/status/200", SECRET)

    [told] = sent_to(stranger)

    assert "no answer: ClientConnectorCertificateError: SSLCertVerificationError" in told
    assert server.received == []

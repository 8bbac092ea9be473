"""What others are told of a Run, how it is written and signed, and where it may go."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.copying import replace
from tests.support.hostile import HOSTILE
from tests.support.reports import guarded, guarded_batch, in_force
from tests.support.stories import RUN, STORIES, halted
from vmssplan import __version__
from vmssplan.documents import readable_json
from vmssplan.engine import RunState, evolve
from vmssplan.engine import events as ev
from vmssplan.errors import DocumentInvalid, ExitCode
from vmssplan.notifying import Answer, Kind, Notification, Shape, notice_of, read_notifications
from vmssplan.notifying.retrying import LONGEST_PAUSE, LONGEST_WISH, MOST_ATTEMPTS, pause_after
from vmssplan.notifying.shapes import body_of
from vmssplan.notifying.signing import headers_of, secret_of
from vmssplan.notifying.values import Failed
from vmssplan.planfile import load_plans
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.support.golden import Golden
    from vmssplan.engine import Event
    from vmssplan.rollout import Rollout

SECRET_ADDRESS = "https://hooks.x.invalid/services/T0/B0/pl4nt3dpl4nt3d"  # noqa: S105 - planted
PLANTED = "pl4nt3dpl4nt3d"
HEAD = "apiVersion: vmssplan/v1\nkind: Notifications\nchannels:\n"


def notices(rollout: Rollout, events: Iterable[Event]) -> Iterator[Notification]:
    """Yield what is told of a Run."""
    state = RunState.begin(rollout)
    for event in events:
        state = evolve(state, event)
        told = notice_of(event, state, RUN)
        if told is not None:
            yield told


def of_story(name: str) -> list[Notification]:
    """Return what is told of a story."""
    story = STORIES[name]()
    return list(notices(story.rollout, story.events))


# --- what is told ---------------------------------------------------------------------------


def test_what_is_told_of_which_run() -> None:
    """Its start, what it waits for, and how it ends: each once."""
    told = {name: [one.kind for one in of_story(name)] for name in STORIES}

    assert told == {
        "complete": [Kind.STARTED, Kind.COMPLETED],
        "halted": [Kind.STARTED, Kind.HALTED],
        "rolled-back": [Kind.STARTED, Kind.ROLLED_BACK],
        "approved": [Kind.STARTED, Kind.WAITING_FOR_APPROVAL, Kind.COMPLETED],
        "rejected": [Kind.STARTED, Kind.WAITING_FOR_APPROVAL, Kind.HALTED],
    }


def test_a_run_that_ends_to_wait_is_told_once_as_waiting() -> None:
    """Without --wait it halts with exit code 10: somebody has to approve, nothing is wrong."""
    begun = guarded_batch()[:-1]
    at = begun[-1].at
    stopped = ev.RunHalted(at, 7, int(ExitCode.PAUSED), "step 7 waits for an approval")

    *_, last = notices(guarded(), [*begun, stopped])

    assert last.kind is Kind.WAITING_FOR_APPROVAL
    assert last.commands == ("vmssplan approve web-1 7", "vmssplan resume web-1")
    assert last.message.endswith("(batch 1): canary looks right?")


def test_a_run_that_goes_on_is_told_as_started_again() -> None:
    """And each happening has an id of its own, the same however often it is asked for."""
    told = list(notices(guarded(), guarded_batch()))

    assert [(one.kind, one.is_resumed) for one in told] == [
        (Kind.STARTED, False),
        (Kind.HALTED, False),
        (Kind.STARTED, True),
        (Kind.WAITING_FOR_APPROVAL, False),
    ]
    assert len({one.message_id for one in told}) == 4
    assert told == list(notices(guarded(), guarded_batch()))


def test_a_halt_tells_who_failed_and_what_to_type() -> None:
    """In Azure's words."""
    *_, last = of_story("halted")

    assert last.exit_code is ExitCode.INSTANCE_FAILED
    assert [(one.instance_ids, one.code) for one in last.failures] == [(("2",), "AllocationFailed")]
    assert last.commands == ("vmssplan resume web-1",)


def test_no_secret_is_told() -> None:
    """Also none that a message of Azure repeats."""
    story = halted()
    said = "see https://x.invalid/?sig=pl4nt3dpl4nt3d password=pl4nt3dpl4nt3d"
    events = [
        replace(one, message=said, code=said) if isinstance(one, ev.InstanceFailed) else one
        for one in story.events
    ]
    events = [replace(one, reason=said) if isinstance(one, ev.RunHalted) else one for one in events]

    for told in notices(story.rollout, events):
        for shape in Shape:
            assert PLANTED.encode() not in body_of(told, shape)


# --- how it is written ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", Shape)
def test_shapes(shape: Shape, golden: Golden) -> None:
    """What a start, a question and a halt look like."""
    told = [*of_story("approved")[:2], of_story("halted")[-1]]
    text = "".join(readable_json(json.loads(body_of(one, shape))) for one in told)

    golden.check(f"notification-{shape}", text.replace(__version__, "VERSION"))


def test_the_generic_shape_is_as_its_schema_says() -> None:
    """Whatever is told."""
    validator = Draft202012Validator(schema("notification"))

    for told in [one for name in STORIES for one in of_story(name)]:
        assert list(validator.iter_errors(json.loads(body_of(told, Shape.GENERIC)))) == []


@given(text=HOSTILE, factor=st.sampled_from([1, 500]))
def test_texts_of_others_are_only_shown(text: str, factor: int) -> None:
    """In Slack as plain text, in Teams as runs of text; both within what the services take."""
    long = (text * factor)[:20_000]
    told = replace(
        _halt(),
        run=long,
        message=long,
        scale_set=long,
        plan=long,
        failures=tuple(Failed((long,), long, long) for _ in range(10)),
        commands=(long, long),
    )

    slack, teams = body_of(told, Shape.SLACK), body_of(told, Shape.TEAMS)

    document = json.loads(slack)
    texts = list(_all(document["blocks"], "text"))
    assert {one["type"] for one in texts if isinstance(one, dict)} == {"plain_text"}
    fields = [one for block in document["blocks"] for one in block.get("fields", ())]
    assert {one["type"] for one in fields} == {"plain_text"}
    assert len(document["blocks"][0]["text"]["text"]) <= 150
    assert all(len(one) <= 3_000 for one in texts if isinstance(one, str))
    assert "<" not in document["text"]
    assert len(teams) < 28_000
    card = json.loads(teams)["attachments"][0]["content"]
    assert {one["type"] for one in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for one in card["body"] for run in one["inlines"]} == {"TextRun"}


def _halt() -> Notification:
    *_, last = notices(guarded(), [event for event, _ in in_force(guarded(), guarded_batch())][:26])
    return last


def _all(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key:
                yield inner
            yield from _all(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _all(inner, key)


def test_a_card_with_huge_messages_is_small_enough_for_teams() -> None:
    """Which takes 28 KB."""
    long = "x" * 100_000
    told = replace(
        _halt(), message=long, failures=tuple(Failed(("1",), long, long) for _ in range(10))
    )

    assert len(body_of(told, Shape.TEAMS)) < 28_000


# --- how it is signed -----------------------------------------------------------------------


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example that libraries for receivers are tested with."""
    secret = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    now = datetime.fromtimestamp(1614265330, UTC)

    headers = headers_of("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', secret, now)

    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_there_is_no_signature() -> None:
    """But the id, by which a receiver drops what it has had."""
    headers = headers_of("msg_1", b"{}", None, datetime.fromtimestamp(0, UTC))

    assert headers["webhook-id"] == "msg_1"
    assert "webhook-signature" not in headers


@pytest.mark.parametrize(
    ("text", "why"), [("short", "at least 16"), ("whsec_%%%%", "no base64"), ("whsec_YQ==", "16")]
)
def test_a_weak_secret_is_refused_without_repeating_it(text: str, why: str) -> None:
    """It would sign nothing."""
    with pytest.raises(ValueError, match=why) as caught:
        secret_of(text)
    assert text not in str(caught.value)


# --- when it is tried again -----------------------------------------------------------------


@given(attempt=st.integers(1, 20), status=st.one_of(st.none(), st.integers(100, 599)))
def test_only_what_may_get_better_is_tried_again(attempt: int, status: int | None) -> None:
    """And never more often, or after a longer pause, than is said."""
    pause = pause_after(attempt, Answer(status))

    may_get_better = status is None or status in {408, 425, 429} or status >= 500
    assert (pause is not None) == (may_get_better and attempt < MOST_ATTEMPTS)
    assert pause is None or timedelta(0) < pause <= LONGEST_PAUSE


def test_a_wish_to_wait_is_granted_within_reason() -> None:
    """Retry-After counts, but nobody waits for a day."""
    assert pause_after(1, Answer(429, retry_after=timedelta(seconds=30))) == timedelta(seconds=30)
    assert pause_after(1, Answer(429, retry_after=timedelta(days=1))) == LONGEST_WISH


# --- where it goes --------------------------------------------------------------------------


def problems(channel: str, folder: Path, **environment: str) -> str:
    """Return what is wrong with a channel, written in YAML's short form."""
    with pytest.raises(DocumentInvalid) as caught:
        read_notifications(f"{HEAD}  - {{{channel}}}\n", "notify.yaml", environment, folder)
    assert PLANTED not in str(caught.value)
    return str(caught.value)


def test_channels_are_read_with_what_they_name(tmp_path: Path) -> None:
    """Addresses and secrets from variables and files; nothing of them in a representation."""
    (tmp_path / "key").write_text("0123456789abcdef-pl4nt3dpl4nt3d\n", "utf-8")
    text = (
        f"{HEAD}"
        "  - {name: audit, url: https://audit.x.invalid/hook, secretFrom: {file: key}}\n"
        "  - {name: ops, shape: slack, urlFrom: {environment: OPS}, events: [halted]}\n"
    )

    audit, ops = read_notifications(text, "notify.yaml", {"OPS": f"{SECRET_ADDRESS}\n"}, tmp_path)

    assert audit.secret == b"0123456789abcdef-pl4nt3dpl4nt3d"
    assert (audit.shape, audit.kinds) == (Shape.GENERIC, frozenset(Kind))
    assert (ops.address, ops.kinds) == (SECRET_ADDRESS, frozenset({Kind.HALTED}))
    assert PLANTED not in f"{audit!r}{ops!r}"


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("name: a", "exactly one of url and urlFrom"),
        ("name: a, url: https://x.invalid, urlFrom: {file: x}", "exactly one of url and urlFrom"),
        ("name: a, url: ftp://x.invalid", "is no address"),
        ("name: a, url: http://x.invalid/", "expected https"),
        ("name: a, url: http://127.0.0.1.x.invalid/", "expected https"),
        (f"name: a, url: 'https://x.invalid/?sig={PLANTED}'", "holds a query"),
        (f"name: a, url: 'https://me:{PLANTED}@x.invalid/'", "holds a user name"),
        ("name: a, url: 'https://x.invalid:none/'", "is no address"),
        (f"name: a, shape: slack, url: '{SECRET_ADDRESS}'", "the address of a webhook of slack"),
        (f"name: a, shape: teams, url: '{SECRET_ADDRESS}'", "the address of a webhook of teams"),
        ("name: a, urlFrom: {environment: MISSING}", "the variable MISSING is not set"),
        ("name: a, urlFrom: {environment: BAD}", "is no address"),
        ("name: a, urlFrom: {file: missing}", "missing: cannot be read"),
        ("name: a, urlFrom: {file: empty}", "empty: expected 1 to 4096"),
        ("name: a, urlFrom: {file: bytes}", "bytes: cannot be read: no UTF-8"),
        ("name: a, urlFrom: {file: x, environment: Y}", "exactly one of environment and file"),
        ("name: a, url: https://x.invalid, secretFrom: {environment: SHORT}", "at least 16 bytes"),
        ("name: a, url: https://x.invalid, events: [finished]", "events"),
        ("name: a b, url: https://x.invalid", "expected a name"),
        ("name: a, adress: https://x.invalid", "adress"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is(
    channel: str, expected: str, tmp_path: Path
) -> None:
    """With its place, and without what a variable or file holds."""
    (tmp_path / "empty").write_text("\n", "utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff" + PLANTED.encode())
    bad = f"{PLANTED} no address"

    text = problems(channel, tmp_path, BAD=bad, SHORT="pl4nt3d")

    assert expected in text
    assert text.startswith("notify.yaml:4:")


def test_two_channels_of_one_name_are_refused(tmp_path: Path) -> None:
    """A warning could not say which it is about."""
    one = "name: a, url: https://x.invalid"

    assert "2 channels are called so" in problems(f"{one}}}\n  - {{{one}", tmp_path)


def test_the_document_may_lie_beside_plans(tmp_path: Path) -> None:
    """A folder of Plans with it is still a folder of Plans."""
    plan = (
        "apiVersion: vmssplan/v1\nkind: Plan\nmetadata: {name: web}\n"
        "target: {subscriptionId: 00000000-0000-0000-0000-000000000001,"
        " resourceGroup: myrg, scaleSet: web}\nmodel: {vmSize: Standard_D2s_v5}\n"
    )
    (tmp_path / "plan.yaml").write_text(plan, "utf-8")
    (tmp_path / "notify.yaml").write_text(f"{HEAD}  - {{name: a}}\n", "utf-8")

    assert [one.plan.name for one in load_plans([tmp_path], {})] == ["web"]


def test_the_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    """As it is shown, with what it names."""
    page = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text("utf-8")
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    (tmp_path / "teams-webhook").write_text(SECRET_ADDRESS, "utf-8")
    text = found[1].replace("/run/secrets/", "")
    kept = {"OPS_SLACK_WEBHOOK": SECRET_ADDRESS, "AUDIT_SECRET": "0123456789abcdef"}

    channels = read_notifications(text, "notify.yaml", kept, tmp_path)

    assert [one.shape for one in channels] == [Shape.SLACK, Shape.TEAMS, Shape.GENERIC]

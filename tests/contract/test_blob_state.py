"""State in a container: two holders, lost answers, leases that end, and who is let in."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from azure.core.credentials import AzureSasCredential
from azure.storage.blob import BlobLeaseClient, ContainerClient

from tests.azurite import KEY
from tests.support.blobs import ENVIRONMENT, NO_PAUSES, Hourglass, Mischief, Shared
from tests.support.copying import replace
from tests.support.values import START, TARGET, rollout
from vmssplan.engine import events as ev
from vmssplan.engine.instructions import Hold
from vmssplan.errors import (
    DocumentInvalid,
    LockHeld,
    NotPermitted,
    StateUnreadable,
    UsageInvalid,
    VmssplanError,
)
from vmssplan.ports import LockHolder
from vmssplan.stores.blob.place import open_container, parse_place
from vmssplan.stores.blob.state import BlobState
from vmssplan.stores.formats import lock_name

if TYPE_CHECKING:
    from tests.azurite import Azurite

RUN = "web-1"
OPS = LockHolder("ops", "builder", 4711, START, RUN)
DEV = LockHolder("dev", "laptop", 815, START, "")
LOCK = f"locks/{lock_name(TARGET)}.json"
JOURNAL = f"runs/{RUN}/journal.jsonl"
PATIENCE_SECONDS = 60


def step(number: int) -> ev.StepStarted:
    """Return an Event that can be told from others."""
    return ev.StepStarted(START, number)


@pytest.fixture
def shared(azurite: Azurite) -> Shared:
    """Return a new container with one Run in it."""
    shared = Shared.new(azurite)
    assert shared.open().create_run(rollout()) == RUN
    return shared


# Two holders


def test_every_holder_has_a_number_of_its_own(shared: Shared) -> None:
    """It grows by one with every holder, also over those that failed."""
    numbers = []
    for _ in range(3):
        with shared.open().hold(TARGET, OPS):
            holder = shared.open().holder(TARGET)
            assert holder is not None
            numbers.append(holder.epoch)
            with pytest.raises(LockHeld), shared.open().hold(TARGET, DEV):
                pass

    assert numbers == [1, 2, 3]


def test_who_comes_second_is_told_how_long_a_lock_lasts(shared: Shared) -> None:
    """The lease that outlives its holder, and the way to take it away."""
    with (
        shared.open().hold(TARGET, OPS),
        pytest.raises(LockHeld) as refused,
        shared.open().hold(TARGET, DEV),
    ):
        pass

    assert refused.value.hint == (
        "wait until it has ended; `vmssplan status` shows how far it is. If it is gone, its lock"
        " ends by itself within 15 seconds, or at once with `vmssplan unlock`"
    )


def test_a_holder_that_was_overtaken_writes_no_more(shared: Shared) -> None:
    """Its Run was resumed by another: its next append fails, and names who holds the set now."""
    asleep, awake = shared.open(), shared.open()
    with ExitStack() as stack:
        stack.enter_context(asleep.hold(TARGET, OPS))
        old = asleep.journal(RUN)
        old.append([step(1)])
        assert awake.unlock(TARGET) is not None
        stack.enter_context(awake.hold(TARGET, replace(DEV, run=RUN)))
        new = awake.journal(RUN)
        new.append([step(2)])

        with pytest.raises(LockHeld) as refused:
            old.append([step(99)])
        new.append([step(3)])

    assert shared.open().events(RUN) == (step(1), step(2), step(3))
    assert refused.value.message == (
        "myrg/web is no longer held by this process: its lock ended while it was held up, or was"
        " taken away; now it is held by web-1 of dev on laptop (process 815)"
        " since 2026-11-02 08:00:00 UTC"
    )


def test_an_append_on_its_way_is_too_late_for_the_next_holder(shared: Shared) -> None:
    """Overtaken between the look at the lock and the append: the journal itself refuses it."""
    hourglass = Hourglass()
    asleep, awake = shared.open(elapsed=hourglass), shared.open()
    with ExitStack() as stack:
        stack.enter_context(asleep.hold(TARGET, OPS))
        old = asleep.journal(RUN)
        awake.unlock(TARGET)
        stack.enter_context(awake.hold(TARGET, replace(DEV, run=RUN)))
        new = awake.journal(RUN)
        # As far as this process knows, its lease is good: its time stands still.
        with pytest.raises(LockHeld):
            old.append([step(99)])
        new.append([step(1)])

    assert shared.open().events(RUN) == (step(1),)


@pytest.mark.parametrize("is_resuming", [True, False])
def test_the_journal_of_a_dead_holder_is_closed(shared: Shared, *, is_resuming: bool) -> None:
    """Also when the next holder begins another Run: the lock knows whose journal was open."""
    asleep, awake = shared.open(elapsed=Hourglass()), shared.open()
    other = awake.create_run(rollout())
    with ExitStack() as stack:
        stack.enter_context(asleep.hold(TARGET, OPS))
        old = asleep.journal(RUN)
        old.append([step(1)])
        awake.unlock(TARGET)
        next_run = RUN if is_resuming else other
        stack.enter_context(awake.hold(TARGET, replace(DEV, run=next_run)))

        with pytest.raises(LockHeld):
            old.append([step(99)])
        awake.journal(next_run).append([step(2)])

    assert shared.open().events(RUN) == ((step(1), step(2)) if is_resuming else (step(1),))


def test_a_journal_not_opened_yet_is_closed_too(shared: Shared) -> None:
    """A holder that falls asleep before it opens its journal cannot open it any more."""
    asleep, awake = shared.open(elapsed=Hourglass()), shared.open()
    with ExitStack() as stack:
        stack.enter_context(asleep.hold(TARGET, OPS))
        awake.unlock(TARGET)
        stack.enter_context(awake.hold(TARGET, replace(DEV, run=RUN)))
        new = awake.journal(RUN)
        with pytest.raises(LockHeld):
            asleep.journal(RUN)
        new.append([step(1)])

    assert shared.open().events(RUN) == (step(1),)


def test_a_run_told_of_late_is_known_to_the_next(shared: Shared) -> None:
    """The lock names the Run whose journal is opened, even if nobody said so before."""
    asleep = shared.open()
    with asleep.hold(TARGET, DEV):
        asleep.journal(RUN)
        holder = shared.open().holder(TARGET)

    assert holder is not None
    assert holder.run == RUN


def test_a_journal_is_opened_only_under_the_lock(shared: Shared) -> None:
    """Who does not hold the set is refused before anything is written."""
    with pytest.raises(LockHeld, match="not held by this process"):
        shared.open().journal(RUN)

    assert JOURNAL not in shared.names()


def test_an_unlocked_holder_is_stopped_though_nobody_came_after(shared: Shared) -> None:
    """Taking the lock away is enough."""
    state = shared.open()
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        taken = shared.open().unlock(TARGET)
        with pytest.raises(LockHeld, match="or was taken away"):
            journal.append([step(1)])

    assert taken is not None
    assert (taken.user, taken.host, taken.run, taken.epoch) == ("ops", "builder", RUN, 1)
    assert taken.lease == timedelta(seconds=15)
    assert shared.open().holder(TARGET) is None


def test_a_lock_that_ended_by_itself_goes_to_the_next(shared: Shared) -> None:
    """A holder that is gone keeps others out for its lease, and then no longer."""
    lost = shared.client().get_blob_client(f"{shared.place.prefix}{LOCK}")
    with shared.open().hold(TARGET, OPS):
        record = shared.blob(LOCK)
    lease = BlobLeaseClient(lost)
    lease.acquire(15)
    lost.upload_blob(record, overwrite=True, lease=lease)
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    refusals = 0
    while True:
        try:
            with shared.open().hold(TARGET, DEV):
                break
        except LockHeld:
            assert time.monotonic() < patience_ends
            refusals += 1
            time.sleep(0.2)

    assert refusals > 0


def test_a_lease_is_renewed_while_its_holder_lives(shared: Shared) -> None:
    """Every third of its length, also after a renewal that could not be made."""
    mischief = Mischief(where="comp=lease")
    with shared.open(mischief).hold(TARGET, OPS):
        tries_of_one_renewal = mischief.requests = 4
        mischief.seen.clear()
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        while sum("comp=lease" in one for one in mischief.seen) <= tries_of_one_renewal:
            assert time.monotonic() < patience_ends
            time.sleep(0.2)
        assert mischief.requests == 0
        assert shared.open().holder(TARGET) is not None


# A holder that was held up


def test_a_holder_held_up_past_its_lease_goes_on_if_nobody_came(shared: Shared) -> None:
    """It asks before it writes; the lease is still its own, and so is the journal."""
    hourglass, mischief = Hourglass(), Mischief()
    state = shared.open(mischief, hourglass)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        mischief.seen.clear()
        journal.append([step(1)])
        asked_before = [one for one in mischief.seen if "comp=lease" in one]
        hourglass.seconds += 16
        journal.append([step(2)])
        asked_after = [one for one in mischief.seen if "comp=lease" in one]

    assert asked_before == []
    assert len(asked_after) == 1
    assert shared.open().events(RUN) == (step(1), step(2))


def test_a_holder_held_up_past_its_lease_writes_nothing_unasked(shared: Shared) -> None:
    """When nobody can say whether the set is still held, nothing is written."""
    hourglass, mischief = Hourglass(), Mischief(where="comp=lease")
    state = shared.open(mischief, hourglass)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        hourglass.seconds += 16
        mischief.requests = 10
        mischief.seen.clear()
        with pytest.raises(StateUnreadable, match="does not answer"):
            journal.append([step(1)])
        appends = [one for one in mischief.seen if "comp=appendblock" in one]
        mischief.requests = 0

    assert appends == []
    assert shared.open().events(RUN) == ()


# Answers that are lost


@pytest.mark.parametrize("lost", [1, 2, 4, 5])
def test_a_lost_answer_never_doubles_an_event(shared: Shared, lost: int) -> None:
    """Lost once, the SDK asks again; lost until it gives up, what is there is looked at."""
    mischief = Mischief()
    state = shared.open(mischief)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        journal.append([step(1)])
        mischief.answers = lost
        journal.append([step(2), step(3)])
        journal.append([step(4)])

    assert mischief.answers == 0 or lost > 1
    assert shared.open().events(RUN) == (step(1), step(2), step(3), step(4))


@pytest.mark.parametrize("lost", [1, 4, 8])
def test_a_lost_append_is_made_again(shared: Shared, lost: int) -> None:
    """A request that never arrived is sent again, within reason."""
    mischief = Mischief()
    state = shared.open(mischief)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        mischief.requests = lost
        journal.append([step(1)])
        journal.append([step(2)])

    assert shared.open().events(RUN) == (step(1), step(2))


def test_a_service_that_stays_away_is_told(shared: Shared) -> None:
    """After some tries the Run stops, and what it wrote before is there to be resumed."""
    mischief = Mischief()
    state = shared.open(mischief)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        journal.append([step(1)])
        mischief.requests = 1000
        with pytest.raises(StateUnreadable, match="does not answer"):
            journal.append([step(2)])
        mischief.requests = 0

    assert shared.open().events(RUN) == (step(1),)


def test_a_lost_answer_does_not_hide_the_next_holder(shared: Shared) -> None:
    """Asking again after a lost answer finds the journal closed, and says who closed it."""
    mischief = Mischief()
    asleep, awake = shared.open(mischief, Hourglass()), shared.open()
    with ExitStack() as stack:
        stack.enter_context(asleep.hold(TARGET, OPS))
        old = asleep.journal(RUN)
        awake.unlock(TARGET)
        mischief.answers = 4
        with pytest.raises(LockHeld):
            old.append([step(99)])

    assert shared.open().events(RUN) == ()


def test_a_run_whose_answer_was_lost_is_not_begun_twice(shared: Shared) -> None:
    """The Run is found to be ours by a mark that no other can have."""
    mischief = Mischief(where="rollout.json", answers=1)

    assert shared.open(mischief).create_run(rollout()) == "web-2"
    assert shared.open().runs() == ("web-1", "web-2")


def test_a_lock_whose_answer_was_lost_is_held(shared: Shared) -> None:
    """Asking again with the same lease id is no second holder."""
    mischief = Mischief(where="comp=lease", answers=1)
    with shared.open(mischief).hold(TARGET, OPS), pytest.raises(LockHeld):
        shared.open().hold(TARGET, DEV).__enter__()
    assert shared.open().holder(TARGET) is None


def test_a_journal_whose_opening_was_lost_is_open(shared: Shared) -> None:
    """Neither the first nor a later opening is taken for another's."""
    for number in (1, 2):
        mischief = Mischief(where="journal.jsonl", answers=1)
        state = shared.open(mischief)
        with state.hold(TARGET, OPS):
            state.journal(RUN).append([step(number)])

    assert shared.open().events(RUN) == (step(1), step(2))


# What is in the container


def test_the_files_are_the_same_as_in_a_folder(shared: Shared) -> None:
    """A Run is one small folder, under the prefix; nothing lies elsewhere."""
    state = shared.open()
    with state.hold(TARGET, OPS):
        state.journal(RUN).append([step(1)])
    state.instruct(RUN, Hold("key", "ops", START))

    assert shared.names() == [
        LOCK,
        f"runs/{RUN}/instructions/20261102T080000.000000Z-key.json",
        JOURNAL,
        f"runs/{RUN}/rollout.json",
    ]
    assert json.loads(shared.blob(JOURNAL)) == {
        "at": "2026-11-02T08:00:00+00:00",
        "step": 1,
        "type": "StepStarted",
    }
    assert json.loads(shared.blob(LOCK)) == {"epoch": 1, "holder": None}


def test_many_events_are_appended_in_pieces_of_whole_lines(shared: Shared) -> None:
    """One append takes 4 MiB; more are several, and none of them cuts a line."""
    mischief = Mischief()
    halt = ev.RunHalted(START, 1, 4, "x" * 3_000_000)
    state = shared.open(mischief)
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        mischief.seen.clear()
        journal.append([step(1), halt, halt, step(2)])
    appends = [one for one in mischief.seen if "comp=appendblock" in one]

    assert len(appends) == 2
    assert shared.open().events(RUN) == (step(1), halt, halt, step(2))


def test_a_journal_written_by_something_else_is_refused(shared: Shared) -> None:
    """Somebody appended by hand: that is told, and nothing is written over or after it."""
    state = shared.open()
    with state.hold(TARGET, OPS):
        journal = state.journal(RUN)
        journal.append([step(1)])
        blob = shared.client().get_blob_client(f"{shared.place.prefix}{JOURNAL}")
        blob.append_block(b"hello\n")
        with pytest.raises(StateUnreadable, match="written by something else"):
            journal.append([step(2)])

    with pytest.raises(StateUnreadable, match=r"journal\.jsonl:2: not an event"):
        shared.open().events(RUN)


def test_a_lock_that_cannot_be_read_is_told(shared: Shared) -> None:
    """A record of another version is no lock of ours, and its set is left alone."""
    shared.client().upload_blob(f"{shared.place.prefix}{LOCK}", b"nonsense")
    for ask in (shared.open().holder, lambda target: shared.open().hold(target, OPS).__enter__()):
        with pytest.raises(StateUnreadable, match="is no lock"):
            ask(TARGET)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 50_000, b"", b"null"])
def test_what_others_put_into_the_container_is_refused(shared: Shared, content: bytes) -> None:
    """Whatever it is, it is told what cannot be read, and nothing breaks."""
    for name in ("rollout.json", "journal.jsonl", "instructions/20261102T080000.000000Z-x.json"):
        shared.client().upload_blob(
            f"{shared.place.prefix}runs/{RUN}/{name}", content + b"\n", overwrite=True
        )
    state = shared.open()

    with pytest.raises(DocumentInvalid):
        state.rollout(RUN)
    for ask in (state.events, state.instructions):
        with pytest.raises(StateUnreadable):
            ask(RUN)


# Who is let in


def refused(shared: Shared, **changes: str) -> VmssplanError:
    """Return the error of a store whose place differs in this."""
    place = replace(shared.place, **changes)
    state = BlobState(open_container(place, "AzureCloud", ENVIRONMENT), place)
    with pytest.raises(VmssplanError) as error:
        state.runs()
    return error.value


def test_a_container_that_is_missing(shared: Shared) -> None:
    """It is not made in passing: the command that makes it is told."""
    error = refused(shared, container="not-there")

    assert isinstance(error, StateUnreadable)
    assert "there is no container 'not-there'" in error.message
    assert error.hint is not None
    assert error.hint.startswith("az storage container create --account-name teamstate")


def test_a_key_that_is_wrong(shared: Shared) -> None:
    """Exit 3, the role that is needed, and no word of the key or of what was signed with it."""
    wrong = "d3Jvbmc="
    container = open_container(shared.place, "AzureCloud", {"AZURE_STORAGE_KEY": wrong})
    with pytest.raises(NotPermitted) as error:
        BlobState(container, shared.place).runs()

    assert error.value.message == f"{shared.place}: refused: AuthorizationFailure"
    assert "Storage Blob Data Contributor" in str(error.value.hint)


def test_an_account_that_is_not_there(shared: Shared) -> None:
    """The account is named; in Azure its address would not even be known."""
    endpoint = shared.place.endpoint.replace("teamstate", "nobodys")
    error = refused(shared, endpoint=endpoint, account="nobodys")

    assert isinstance(error, StateUnreadable)
    assert "there is no account 'nobodys' here" in error.message


def test_a_service_that_is_not_there(shared: Shared) -> None:
    """The place is named, and nothing that is secret in the address."""
    place = replace(shared.place, endpoint="http://127.0.0.1:9/teamstate")
    sas = AzureSasCredential("sv=2024-01-01&sig=tobehidden%3D")
    container = ContainerClient(place.endpoint, place.container, credential=sas, **NO_PAUSES)
    with pytest.raises(StateUnreadable, match="cannot be reached") as error:
        BlobState(container, place).runs()

    assert str(place) in error.value.message
    assert "tobehidden" not in error.value.message


def test_a_connection_string_is_a_key_too(shared: Shared) -> None:
    """What the Azure CLI reads is read here: a connection string of the same account."""
    fields = f"DefaultEndpointsProtocol=http;AccountName=teamstate;AccountKey={KEY};"
    given = {"AZURE_STORAGE_CONNECTION_STRING": fields}

    assert BlobState(open_container(shared.place, "AzureCloud", given), shared.place).runs() == (
        RUN,
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"AZURE_STORAGE_CONNECTION_STRING": f"AccountName=other;AccountKey={KEY}"}, "'other'"),
        ({"AZURE_STORAGE_CONNECTION_STRING": "AccountName=teamstate"}, "no AccountKey"),
        ({"AZURE_STORAGE_KEY": "it is no key"}, "holds no storage account key"),
        ({}, "a login is not sent over http"),
    ],
)
def test_secrets_that_cannot_be(shared: Shared, given: dict[str, str], expected: str) -> None:
    """Found out before anything is asked, and told without the secret."""
    with pytest.raises(UsageInvalid, match=expected) as error:
        open_container(shared.place, "AzureCloud", given)

    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("text", "endpoint", "container", "prefix"),
    [
        ("azblob://acct/runs", "https://acct.blob.core.windows.net", "runs", ""),
        ("azblob://acct/runs/a/b/", "https://acct.blob.core.windows.net", "runs", "a/b/"),
        ("azblob+https://acct.privatelink.example/runs/x", "https://acct.privatelink.example",
         "runs", "x/"),
        ("azblob+http://127.0.0.1:10000/acct/runs/x", "http://127.0.0.1:10000/acct", "runs", "x/"),
        ("azblob+http://azurite:10000/acct/runs", "http://azurite:10000/acct", "runs", ""),
    ],
)  # fmt: skip
def test_places(text: str, endpoint: str, container: str, prefix: str) -> None:
    """An account, an explicit endpoint, or an emulator with the account in its path."""
    place = parse_place(text, "AzureCloud")

    assert (place.endpoint, place.account, place.container, place.prefix) == (
        endpoint,
        "acct",
        container,
        prefix,
    )


def test_a_place_in_another_cloud() -> None:
    """The cloud says where accounts live."""
    place = parse_place("azblob://acct/runs", "AzureChinaCloud")

    assert place.endpoint == "https://acct.blob.core.chinacloudapi.cn"


@pytest.mark.parametrize(
    "text",
    [
        "azblob://",
        "azblob://acct",
        "azblob://acct/",
        "azblob://acct/Runs",
        "azblob://acct/a--b",
        "azblob://ac_ct/runs",
        "azblob+ftp://acct.example/runs",
        "s3://bucket/runs",
        "azblob+http://127.0.0.1:10000",
        "azblob://user:hidden@acct/runs",
        "azblob://acct/runs?sig=hidden",
    ],
)
def test_places_that_cannot_be(text: str) -> None:
    """Told with what was expected; what may be a secret is not repeated."""
    with pytest.raises(UsageInvalid) as error:
        parse_place(text, "AzureCloud")

    assert "hidden" not in f"{error.value.message}{error.value.hint}"
    assert "azblob://ACCOUNT/CONTAINER" in f"{error.value.message}{error.value.hint}"

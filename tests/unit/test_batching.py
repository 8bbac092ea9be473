"""Batches, order and reasons by example."""

from __future__ import annotations

import pytest

from tests.support.values import (
    NEW_IMAGE,
    amount,
    at_most,
    current,
    instance,
    instances,
    strategy,
)
from vmssplan import batching
from vmssplan.model import (
    Availability,
    HealthSource,
    HealthState,
    ModelFields,
    Order,
    OrderKey,
    Selector,
)

SOURCE = HealthSource.APPLICATION_HEALTH


def ids(batches: list[batching.Batch]) -> list[list[str]]:
    """Return the ids of each batch."""
    return [[one.instance_id for one in batch.instances] for batch in batches]


@pytest.mark.parametrize(
    ("kind", "sizes", "expected"),
    [
        pytest.param("perInstance", (), [["0"], ["1"], ["2"], ["3"], ["4"], ["5"]], id="single"),
        pytest.param(
            "perUpdateDomain", (), [["0", "5"], ["1"], ["2"], ["3"], ["4"]], id="update domains"
        ),
        pytest.param(
            "perFaultDomain", (), [["0", "3"], ["1", "4"], ["2", "5"]], id="fault domains"
        ),
        pytest.param("perZone", (), [["0", "3"], ["1", "4"], ["2", "5"]], id="zones"),
        pytest.param("fixedBatch", (4,), [["0", "1", "2", "3"], ["4", "5"]], id="fixed"),
        pytest.param("fixedBatch", ("50%",), [["0", "1", "2"], ["3", "4", "5"]], id="share"),
        pytest.param("fixedBatch", (1, 2), [["0"], ["1", "2"], ["3", "4"], ["5"]], id="ramp"),
        pytest.param("fixedBatch", (1, "34%"), [["0"], ["1", "2"], ["3", "4"], ["5"]], id="mixed"),
        pytest.param("fixedBatch", (), [["0"], ["1"], ["2"], ["3"], ["4"], ["5"]], id="no size"),
        pytest.param("slidingWindow", (2,), [["0", "1", "2", "3", "4", "5"]], id="window"),
    ],
)
def test_each_strategy_cuts_its_way(
    kind: str, sizes: tuple[int | str, ...], expected: list[list[str]]
) -> None:
    """Six healthy instances, cut by the strategy alone."""
    assert ids(batching.raw_batches(instances(6), strategy(kind, *sizes), 6)) == expected


def test_nothing_to_upgrade_makes_no_batch() -> None:
    """No instances, no batches, whatever the strategy."""
    for kind in ("perInstance", "perUpdateDomain", "fixedBatch", "slidingWindow"):
        assert batching.raw_batches((), strategy(kind, 2), 6) == []


def test_labels_name_the_domain() -> None:
    """A batch of one domain says which, and an unknown domain says so."""
    members = (instance("0"), instance("1", update_domain=None))
    raw = batching.raw_batches(members, strategy("perUpdateDomain"), 2)

    assert [batch.label for batch in raw] == ["update domain 0", "update domain unknown"]
    assert [b.label for b in batching.raw_batches(members, strategy("fixedBatch", 1), 2)] == [
        "",
        "",
    ]


def test_a_batch_larger_than_allowed_is_split() -> None:
    """The parts keep order and label."""
    raw = batching.raw_batches(instances(6), strategy("perZone"), 6)
    parts = list(batching.split(raw, 1))

    assert ids(parts) == [["0"], ["3"], ["1"], ["4"], ["2"], ["5"]]
    assert [part.label for part in parts][:2] == ["zone 1", "zone 1"]


def test_percentages_are_of_the_whole_set() -> None:
    """A batch of 20% is 20% of all instances, not of those left to upgrade."""
    raw = batching.raw_batches(instances(4), strategy("fixedBatch", "20%"), 10)

    assert ids(raw) == [["0", "1"], ["2", "3"]]


def test_sick_instances_go_first() -> None:
    """Unless the Plan says otherwise, what is out of service leads."""
    sick = instance("3", application_health=HealthState.UNHEALTHY)
    members = (*instances(3), sick)
    as_asked = batching.ordered(members, strategy(), SOURCE)
    plain = strategy(order=Order(unhealthy_first=False))

    assert [one.instance_id for one in as_asked] == ["3", "0", "1", "2"]
    assert [one.instance_id for one in batching.ordered(members, plain, SOURCE)][-1] == "3"


def test_ids_sort_by_their_number() -> None:
    """Instance 10 comes after instance 9; names come after numbers, by text."""
    members = [instance(i) for i in ("web_b", "10", "9", "100", "web_a")]
    by_id = strategy(order=Order(by=(OrderKey.INSTANCE_ID,)))
    order = [one.instance_id for one in batching.ordered(members, by_id, SOURCE)]

    assert order == ["9", "10", "100", "web_a", "web_b"]


def test_equal_ones_sort_by_their_id() -> None:
    """By number, by text, and where the Plan asks for no key at all."""
    members = [instance(i) for i in ("web", "abcd", "12", "11", "9")]

    for keys in ((), (OrderKey.INSTANCE_ID,), (OrderKey.INSTANCE_ID, OrderKey.ZONE)):
        found = batching.ordered(members, strategy(order=Order(by=keys)), SOURCE)
        assert [one.instance_id for one in found] == ["9", "11", "12", "abcd", "web"]


def test_an_id_is_a_key_like_any_other() -> None:
    """Asked for first, zones do not matter."""
    members = [instance("1", zone="1"), instance("0", zone="2")]
    keys = strategy(order=Order(by=(OrderKey.INSTANCE_ID, OrderKey.ZONE)))

    assert [one.instance_id for one in batching.ordered(members, keys, SOURCE)] == ["0", "1"]


@pytest.mark.parametrize(
    ("key", "field", "first", "second"),
    [
        (OrderKey.UPDATE_DOMAIN, "update_domain", 0, 1),
        (OrderKey.FAULT_DOMAIN, "fault_domain", 0, 1),
        (OrderKey.ZONE, "zone", "1", "2"),
    ],
)
def test_instances_without_a_domain_come_last(
    key: OrderKey, field: str, first: object, second: object
) -> None:
    """Behind the highest; among themselves by id."""
    domains = {"0": None, "1": None, "2": second, "3": first}
    members = [instance(i, **{field: domain}) for i, domain in domains.items()]
    found = batching.ordered(members, strategy(order=Order(by=(key,))), SOURCE)

    assert [one.instance_id for one in found] == ["3", "2", "0", "1"]


def test_keys_sort_one_after_the_other() -> None:
    """Zone first, then fault domain; instances without a domain come last."""
    members = [
        instance("0", zone=None, fault_domain=0),
        instance("1", zone="2", fault_domain=1),
        instance("2", zone="2", fault_domain=0),
        instance("3", zone="1", fault_domain=None),
    ]
    keys = strategy(order=Order(by=(OrderKey.ZONE, OrderKey.FAULT_DOMAIN)))

    assert [one.instance_id for one in batching.ordered(members, keys, SOURCE)] == list("3210")


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (Selector(instance_ids=("7",)), True),
        (Selector(update_domains=(2,)), True),
        (Selector(fault_domains=(1,)), True),
        (Selector(zones=("2",)), True),
        (Selector(instance_ids=("8",), zones=("2",)), True),
        (Selector(instance_ids=("8",), zones=("3",)), False),
        (Selector(), False),
    ],
)
def test_a_selector_names_by_any_of_its_lists(selector: Selector, *, selected: bool) -> None:
    """Instance 7 is in update domain 2, fault domain 1 and zone 2."""
    assert batching.selects(selector, instance("7")) is selected


@pytest.mark.parametrize(
    ("changes", "plan", "reason"),
    [
        ({}, {"include": Selector(zones=("9",))}, "not selected by strategy.include"),
        ({}, {"exclude": Selector(instance_ids=("0",))}, "excluded by strategy.exclude"),
        (
            {},
            {"include": Selector(instance_ids=("0",)), "exclude": Selector(zones=("1",))},
            "excluded by strategy.exclude",
        ),
        ({"protected_from_scale_set_actions": True}, {}, "protected from scale set actions"),
        ({"protected_from_scale_in": True}, {}, None),
        (
            {"provisioning_state": "Updating"},
            {},
            "another operation works on it (Updating)",
        ),
        ({"power_state": "deallocated"}, {}, "deallocated; start it, then plan again"),
        ({"power_state": "stopped"}, {}, "stopped; start it, then plan again"),
        ({"power_state": "stopping"}, {}, "stopping; start it, then plan again"),
        ({"power_state": "deallocating"}, {}, "deallocating; start it, then plan again"),
        ({"provisioning_state": "Failed"}, {}, None),
        ({}, {}, None),
    ],
)
def test_what_is_left_alone_has_a_reason(
    changes: dict[str, object], plan: dict[str, Selector], reason: str | None
) -> None:
    """Each way to be left alone is named; a failed instance is not left alone."""
    one = instance("0", **changes)

    assert batching.skip_reason(one, strategy("perInstance", **plan)) == reason


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (instance("0"), "runs Contoso:server:gen2:1.9.0"),
        (current("0", exact_version="1.9.9"), "runs 1.9.9 on Standard_D2s_v5"),
        (current("0", latest_model_applied=False), "the latest model is not applied"),
    ],
)
def test_what_is_upgraded_has_a_reason(one: object, reason: str) -> None:
    """An outdated instance says what it runs instead."""
    assert batching.upgrade_reason(one, ModelFields(image=NEW_IMAGE)) == reason  # type: ignore[arg-type]


def test_a_size_that_is_wanted_says_which_there_is() -> None:
    """Whatever the image."""
    big = ModelFields(vm_size="Standard_D8s_v5")

    assert batching.upgrade_reason(instance("0"), big) == "runs 1.9.0 on Standard_D2s_v5"


@pytest.mark.parametrize(
    ("availability", "expected"),
    [
        (at_most(3), 3),
        (at_most("25%"), 2),
        (at_most("1%"), 1),
        (at_most(99), 10),
        (Availability(min_in_service=amount(8)), 2),
        (Availability(min_in_service=amount("75%")), 3),
        (Availability(min_in_service=amount("100%")), 0),
        (Availability(min_in_service=amount(99)), 0),
        (Availability(), 4),
    ],
)
def test_what_may_be_unavailable(availability: Availability, expected: int) -> None:
    """Of ten: as the Plan says, rounded down; left out, the largest batch."""
    cut = strategy("fixedBatch", 4)
    raw = batching.raw_batches(instances(10), cut, 10)

    assert batching.max_unavailable(availability, cut, raw, 10) == expected


def test_left_out_a_window_may_be_unavailable() -> None:
    """For a sliding window the largest batch is the window."""
    window = strategy("slidingWindow", 3)
    raw = batching.raw_batches(instances(10), window, 10)

    assert batching.max_unavailable(Availability(), window, raw, 10) == 3
    assert batching.window_size(strategy("slidingWindow"), 10) == 1
    assert batching.window_size(strategy("slidingWindow", 2, 5), 10) == 2


def test_left_out_the_largest_batch_of_a_ramp_may_be_unavailable() -> None:
    """And one instance, where nothing is to be upgraded."""
    ramp = strategy("fixedBatch", 1, 5)
    raw = batching.raw_batches(instances(10), ramp, 10)

    assert batching.max_unavailable(Availability(), ramp, raw, 10) == 5
    assert batching.max_unavailable(Availability(), ramp, [], 10) == 1
    assert batching.max_unavailable(Availability(), ramp, [], 0) == 0


def lowest(batches: list[str], floor: int, sick: str = "") -> int:
    """Return the fewest of four in service."""
    members = [
        instance(i, application_health=HealthState.UNHEALTHY) if i in sick else instance(i)
        for i in "0123"
    ]
    cut = [batching.Batch(tuple(members[int(i)] for i in ids)) for ids in batches]
    return batching.lowest_in_service(members, cut, SOURCE, floor)


@pytest.mark.parametrize(
    ("batches", "floor", "sick", "expected"),
    [
        pytest.param([], 0, "", 4, id="nothing to do"),
        pytest.param([], 0, "01", 2, id="nothing to do, some are sick"),
        pytest.param(["0", "12", "3"], 0, "", 2, id="the largest batch"),
        pytest.param(["01", "23"], 3, "", 3, id="the floor splits it"),
        pytest.param(["01", "23"], 0, "01", 2, id="who was cured serves when the next goes"),
        pytest.param(["01", "23"], 3, "01", 2, id="below the floor from the start"),
        pytest.param(["0123"], 0, "", 0, id="all at once"),
    ],
)
def test_the_fewest_in_service(batches: list[str], floor: int, sick: str, expected: int) -> None:
    """Every batch comes back whole before the next one starts."""
    assert lowest(batches, floor, sick) == expected

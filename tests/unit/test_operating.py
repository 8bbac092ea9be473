"""Which instances are chosen, what an operation on them comes to, and the command for the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.values import (
    NEW,
    OLD,
    OLD_IMAGE,
    amount,
    at_most,
    current,
    instance,
    instances,
    minutes,
    plan,
    scale_set,
    strategy,
)
from vmssplan.errors import NotFound, Refused, UsageInvalid
from vmssplan.model import (
    CommandProbe,
    CommunityGalleryImage,
    HealthSource,
    HealthState,
    Hooks,
    ModelFields,
    OrchestrationMode,
    PlatformImage,
    ResourceImage,
    StrategyType,
    UriImage,
)
from vmssplan.operating import (
    ROLLOUT_VERBS,
    ModelChange,
    Operation,
    Protection,
    Request,
    Selection,
    StateWord,
    Verb,
    changed_model,
    command,
    compute_operation,
    main_state,
    select,
    state_words,
    upgrade_plan,
)
from vmssplan.report.operation import operation_json, rollout_operation_json
from vmssplan.rollout import compute_rollout

if TYPE_CHECKING:
    from vmssplan.model import ImageReference, ScaleSet

SICK = {"application_health": HealthState.UNHEALTHY}
OFF = {"power_state": "deallocated", "application_health": None}
ALL = Selection(everything=True)
GALLERY = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b"


def chosen(live: ScaleSet, **kinds: Any) -> list[str]:
    """Return the ids that the selection means."""
    return [one.instance_id for one in select(live, Selection(**kinds))]


def words(**changes: Any) -> str:
    """Return the state words of an instance that is to run the old image."""
    one, wanted = instance("1", **changes), scale_set(1).model
    return " ".join(state_words(one, wanted, HealthSource.APPLICATION_HEALTH))


def operation(
    verb: Verb, live: ScaleSet, selection: Selection = ALL, plan_: Any = None, **asked: Any
) -> Operation:
    """Compute an operation."""
    return compute_operation(live, Request(verb, selection, **asked), plan_)


# --- which ----------------------------------------------------------------------------------


def test_kinds_narrow_one_another_and_values_of_a_kind_add_up() -> None:
    """Any of the update domains, and in that fault domain."""
    live = scale_set(10)
    assert chosen(live, update_domains=(0, 1)) == ["0", "1", "5", "6"]
    assert chosen(live, update_domains=(0, 1), fault_domains=(0,)) == ["0", "6"]
    assert chosen(live, ids=("5", "2"), zones=("3",)) == ["2", "5"]
    assert chosen(live, everything=True, zones=("1",)) == ["0", "3", "6", "9"]


def test_instances_are_chosen_by_state() -> None:
    """Any of the words that are true of an instance; none in such a state is no error."""
    live = scale_set([instance("0"), instance("1", **SICK), instance("2", **OFF)])
    assert chosen(live, states=(StateWord.UNHEALTHY, StateWord.DEALLOCATED)) == ["1", "2"]
    assert chosen(live, states=(StateWord.FAILED,)) == []


@pytest.mark.parametrize(
    "selection",
    [
        Selection(ids=("1", "99")),
        Selection(update_domains=(9,)),
        Selection(fault_domains=(9,)),
        Selection(zones=("9",)),
    ],
)
def test_what_is_named_has_to_be_there(selection: Selection) -> None:
    """A typing mistake must not read as nothing to do; what there is is told."""
    with pytest.raises(NotFound, match="9") as told:
        select(scale_set(3), selection)
    assert "there is " in (told.value.hint or "")


def test_a_domain_that_instances_do_not_have_is_told_so() -> None:
    """As in a Flexible set, which has no update domains."""
    live = scale_set([instance("0", update_domain=None)])
    with pytest.raises(NotFound) as told:
        select(live, Selection(update_domains=(0,)))
    assert told.value.hint == "its instances have no update domain"


def test_nothing_named_is_a_mistake() -> None:
    """All instances are meant only by who says so."""
    with pytest.raises(UsageInvalid, match="no instance is selected"):
        select(scale_set(3), Selection())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "current"),
        ({"latest_model_applied": False}, "outdated"),
        (SICK, "unhealthy current"),
        ({"provisioning_state": "Updating", **SICK}, "operating current"),
        ({"power_state": "stopping"}, "operating current"),
        ({"power_state": "stopped", "application_health": None}, "stopped current"),
        ({**OFF, "exact_version": NEW}, "deallocated outdated"),
        ({"provisioning_state": "Failed", **SICK}, "failed unhealthy current"),
        ({"power_state": "unknown"}, "unhealthy current"),
        ({"protected_from_scale_in": True}, "current protected"),
        ({"protected_from_scale_set_actions": True, **SICK}, "unhealthy current protected"),
    ],
)
def test_the_words_for_how_an_instance_stands(changes: dict[str, Any], told: str) -> None:
    """Most urgent first; the first is its main word, and protection never is."""
    assert words(**changes) == told
    one, wanted = instance("1", **changes), scale_set(1).model
    found = state_words(one, wanted, HealthSource.APPLICATION_HEALTH)
    assert main_state(found) == told.split(maxsplit=1)[0]


# --- in which batches, above which floor ----------------------------------------------------


def test_restarts_come_back_before_the_next() -> None:
    """As many at a time as may be out of service; by update domain, sick ones first."""
    live = scale_set([*instances(5), instance("5", **SICK)])
    shown = operation(Verb.RESTART, live, max_unavailable=amount(2))
    assert shown.batches == (("5", "0"), ("1", "2"), ("3", "4"))
    assert (shown.floor, shown.in_service, shown.lowest, shown.refused) == (4, 5, 4, None)


def test_one_at_a_time_where_nobody_says_how_many() -> None:
    """The default of a Plan: one batch, of one instance."""
    shown = operation(Verb.REIMAGE, scale_set(3))
    assert shown.batches == (("0",), ("1",), ("2",))
    assert shown.floor == 2
    assert operation(Verb.REIMAGE, scale_set(3), batch_size=amount(2)).floor == 1


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.DEALLOCATE, Verb.DELETE])
def test_what_does_not_come_back_counts_together(verb: Verb) -> None:
    """Batches make it slower, not safer: refused, with the numbers and what to type."""
    shown = operation(verb, scale_set(6), Selection(ids=("1", "2", "3")), batch_size=amount(1))
    assert shown.refused is not None
    assert "would leave 3 of 6 in service (6 are now), and the floor is 5" in shown.refused
    assert "--max-unavailable 3" in (shown.hint or "")
    assert shown.batches == (("1",), ("2",), ("3",))
    allowed = operation(
        verb, scale_set(6), Selection(ids=("1", "2", "3")), max_unavailable=amount("50%")
    )
    assert (allowed.refused, allowed.lowest, allowed.batches) == (None, 3, (("1", "2", "3"),))


def test_what_is_out_of_service_may_always_go() -> None:
    """A sick instance can be restarted, stopped or deleted below the floor."""
    live = scale_set([instance("0"), instance("1", **SICK), instance("2", **SICK)])
    sick = Selection(states=(StateWord.UNHEALTHY,))
    for verb in (Verb.RESTART, Verb.STOP, Verb.DELETE):
        assert operation(verb, live, sick, max_unavailable=amount(1)).refused is None
    well = operation(Verb.RESTART, live, Selection(ids=("0",)), max_unavailable=amount(1))
    assert "leave 0 of 3 in service (1 are now), and the floor is 2" in (well.refused or "")


def test_the_sick_ones_are_cured_first_and_make_room() -> None:
    """Restarting everybody begins with those that cost nothing."""
    live = scale_set([instance("0"), instance("1", **SICK)])
    shown = operation(Verb.RESTART, live)
    assert (shown.batches, shown.refused) == ((("1",), ("0",)), None)


def test_a_limit_of_nobody_forbids_what_takes_out_of_service() -> None:
    """And what does not is allowed all the same."""
    live = scale_set([*instances(2), instance("2", **OFF)])
    asked: Any = {"max_unavailable": amount(0)}
    assert operation(Verb.RESTART, live, Selection(ids=("0",)), **asked).refused is not None
    assert operation(Verb.START, live, **asked).batches == (("2",),)


def test_a_plan_gives_floor_and_health() -> None:
    """And what is asked for besides can only be stricter."""
    holding = plan(availability=at_most(3))
    shown = operation(Verb.RESTART, scale_set(10), ALL, holding)
    assert (shown.floor, len(shown.batches[0])) == (7, 3)
    assert operation(Verb.STOP, scale_set(10), ALL, holding, max_unavailable=amount(9)).floor == 7
    assert operation(Verb.STOP, scale_set(10), ALL, holding, max_unavailable=amount(1)).floor == 9
    refused = operation(Verb.STOP, scale_set(10), ALL, holding)
    assert "availability.maxUnavailable in the Plan web" in (refused.hint or "")


def test_hooks_and_gates_that_do_not_run_are_told() -> None:
    """They are asked for with a rollout's batches; nothing of a Plan is passed over in silence."""
    drain = CommandProbe(("./drain.sh",))
    holding = plan(availability=at_most(1), hooks=Hooks(before_batch=drain))
    told = operation(Verb.RESTART, scale_set(3), ALL, holding).notes
    assert "the hooks and gates of the Plan are for its rollouts, and do not run here" in told
    assert len(operation(Verb.START, scale_set(3), ALL, holding).notes) == 0


def test_a_plan_without_availability_holds_its_largest_batch() -> None:
    """As in its rollouts."""
    holding = plan(strategy=strategy("fixedBatch", 4))
    assert operation(Verb.RESTART, scale_set(10), ALL, holding).floor == 6


@pytest.mark.parametrize(
    ("verb", "changes", "reason"),
    [
        (Verb.RESTART, {"protected_from_scale_set_actions": True}, "protected from scale set"),
        (Verb.DELETE, {"protected_from_scale_in": True}, "protected from scale in"),
        (Verb.RESTART, {"provisioning_state": "Updating"}, "another operation works on it"),
        (Verb.START, {}, "runs already"),
        (Verb.STOP, OFF, "deallocated already"),
        (Verb.DEALLOCATE, OFF, "deallocated already"),
        (Verb.RESTART, OFF, "deallocated; start it first"),
        (Verb.REIMAGE, {"power_state": "stopped"}, "stopped; start it first"),
    ],
)
def test_who_is_left_alone_has_a_reason(verb: Verb, changes: dict[str, Any], reason: str) -> None:
    """Nobody is left out silently."""
    shown = operation(verb, scale_set([instance("0", **changes)]))
    [left] = shown.skipped
    assert reason in left.reason
    assert not shown.has_changes


@pytest.mark.parametrize(
    ("wanted", "held", "is_left"),
    [
        (Protection(scale_in=True), (True, False), True),
        (Protection(scale_in=True), (False, True), True),
        (Protection(scale_in=False), (False, False), True),
        (Protection(scale_in=False), (True, False), False),
        (Protection(scale_set_actions=True), (True, False), False),
        (Protection(scale_in=False, scale_set_actions=False), (False, False), True),
        (Protection(scale_in=False, scale_set_actions=False), (False, True), False),
    ],
)
def test_protection_is_written_where_it_is_another(
    wanted: Protection, held: tuple[bool, bool], *, is_left: bool
) -> None:
    """Protection from scale set actions has the other within it."""
    one = instance("0", protected_from_scale_in=held[0], protected_from_scale_set_actions=held[1])
    shown = operation(Verb.PROTECT, scale_set([one]), protection=wanted)
    assert bool(shown.skipped) == is_left


@pytest.mark.parametrize("verb", sorted(set(Verb) - ROLLOUT_VERBS - {Verb.SCALE}))
def test_what_azure_does_not_do_to_a_flexible_set_is_refused(verb: Verb) -> None:
    """With the command for each of its virtual machines; deleting and protecting go through it."""
    mode = OrchestrationMode.FLEXIBLE
    members = [instance("web_abc"), instance("web_off", **OFF)]
    live = scale_set(members, orchestration_mode=mode)
    chosen_one = Selection(ids=("web_off" if verb is Verb.START else "web_abc",))
    asked: Any = {"max_unavailable": amount(2), "protection": Protection(scale_in=True)}
    shown = operation(verb, live, chosen_one, **asked)
    if verb in (Verb.DELETE, Verb.PROTECT):
        assert shown.refused is None
    else:
        assert "only for each virtual machine" in (shown.refused or "")
        assert f"az vm {verb} --ids /subscriptions/" in (shown.hint or "")


def test_scaling_out_touches_nobody_and_scaling_in_may_take_anybody() -> None:
    """Azure chooses who goes, so each that goes counts as in service."""
    live = scale_set(10)
    wider = operation(Verb.SCALE, live, capacity=12)
    assert (wider.refused, wider.lowest, wider.has_changes) == (None, 10, True)
    narrower = operation(Verb.SCALE, live, capacity=7)
    assert "may leave 7 of 10 in service (10 are now), and the floor is 9" in (
        narrower.refused or ""
    )
    allowed = operation(Verb.SCALE, live, capacity=7, max_unavailable=amount("30%"))
    assert (allowed.refused, allowed.lowest) == (None, 7)
    assert "Azure chooses which 3 of 10 go" in allowed.notes
    assert not operation(Verb.SCALE, live, capacity=10).has_changes


def test_more_than_is_unprotected_cannot_go() -> None:
    """Told before Azure refuses it."""
    live = scale_set([instance("0", protected_from_scale_in=True), instance("1")])
    shown = operation(Verb.SCALE, live, capacity=0, max_unavailable=amount(2))
    assert "2 instances would have to go, and 1 of 2 are protected" in (shown.refused or "")


def test_the_digest_is_of_all_that_was_shown() -> None:
    """The same look gives the same one; another machine, floor or state another."""
    asked: Any = {"selection": Selection(ids=("1",)), "max_unavailable": amount(2)}
    base = operation(Verb.STOP, scale_set(4), **asked).digest
    assert operation(Verb.STOP, scale_set(4), **asked).digest == base
    others = [
        operation(Verb.DEALLOCATE, scale_set(4), **asked),
        operation(Verb.STOP, scale_set(5), **asked),
        operation(Verb.STOP, scale_set([*instances(3), instance("3", **SICK)]), **asked),
        operation(Verb.STOP, scale_set([instance("0"), instance("1", vm_id="new")]), **asked),
    ]
    assert len({base, *(one.digest for one in others)}) == 5


# --- the Rollout of an upgrade --------------------------------------------------------------


def test_an_upgrade_is_a_rollout_of_the_chosen() -> None:
    """Outdated ones of them; the others are not in it."""
    live = scale_set([instance("0", latest_model_applied=False), instance("1"), current("2")])
    made = upgrade_plan(live, Request(Verb.UPGRADE, Selection(ids=("0", "1"))))
    shown = compute_rollout(made, live, made.model)
    assert [one.instance_id for one in shown.instances if one.disposition == "upgrade"] == ["0"]
    document = rollout_operation_json(shown, Request(Verb.UPGRADE))
    assert (document["batches"], document["skipped"]) == ([["0"]], [])


def test_the_plan_of_the_set_is_kept_but_for_what_is_asked() -> None:
    """Its model, gates, health and exclusions; batch size, pause and limit as they are typed."""
    holding = plan(availability=at_most(2), strategy=strategy("perUpdateDomain"))
    request = Request(Verb.UPGRADE, ALL, amount(3), minutes(1), amount(1))
    made = upgrade_plan(scale_set(6), request, holding)
    assert (made.model, made.health, made.name) == (holding.model, holding.health, "web")
    assert made.strategy.type is StrategyType.FIXED_BATCH
    assert made.strategy.pause_time_between_batches == minutes(1)
    assert made.availability.max_unavailable == amount(1)
    looser = Request(Verb.UPGRADE, ALL, max_unavailable=amount(5))
    assert upgrade_plan(scale_set(6), looser, holding).availability == holding.availability
    with pytest.raises(Refused, match="no instance may ever"):
        upgrade_plan(scale_set(6), Request(Verb.UPGRADE, ALL, max_unavailable=amount(0)))


def test_setting_the_model_upgrades_nobody() -> None:
    """The fields are written, and that is all."""
    request = Request(Verb.SET_MODEL, change=ModelChange(image_version=NEW))
    made = upgrade_plan(scale_set(3), request)
    shown = compute_rollout(made, scale_set(3), made.model)
    assert (shown.has_changes, shown.batch_count) == (True, 0)
    assert rollout_operation_json(shown, request)["skipped"] == []
    with pytest.raises(UsageInvalid, match="nothing to write"):
        upgrade_plan(scale_set(3), Request(Verb.SET_MODEL))


def test_a_model_that_follows_latest_is_not_pinned_by_an_upgrade() -> None:
    """Nobody asked for another model."""
    live = scale_set(2, model=ModelFields(PlatformImage("Contoso", "server", "gen2", "latest")))
    assert upgrade_plan(live, Request(Verb.UPGRADE, ALL)).model == ModelFields()


@pytest.mark.parametrize(
    ("image", "change", "becomes"),
    [
        (
            OLD_IMAGE,
            ModelChange(image_version=NEW),
            PlatformImage("Contoso", "server", "gen2", NEW),
        ),
        (OLD_IMAGE, ModelChange(image_sku="gen3"), PlatformImage("Contoso", "server", "gen3", OLD)),
        (
            ResourceImage(f"{GALLERY}/versions/1.0.0"),
            ModelChange(image_version="2.0.0"),
            ResourceImage(f"{GALLERY}/versions/2.0.0"),
        ),
        (
            CommunityGalleryImage("/CommunityGalleries/g/Images/i/Versions/1.0.0"),
            ModelChange(image_version="2.0.0"),
            CommunityGalleryImage("/CommunityGalleries/g/Images/i/versions/2.0.0"),
        ),
        (
            UriImage("https://a/b.vhd"),
            ModelChange(image_uri="https://a/c.vhd"),
            UriImage("https://a/c.vhd"),
        ),
        (OLD_IMAGE, ModelChange(image_id=GALLERY), ResourceImage(GALLERY)),
        (OLD_IMAGE, ModelChange(vm_size="Standard_D4s_v5"), OLD_IMAGE),
    ],
)
def test_the_model_can_be_changed_as_in_the_earlier_editor(
    image: ImageReference, change: ModelChange, becomes: ImageReference
) -> None:
    """Version, sku, image, disk and size."""
    made = changed_model(ModelFields(image), ModelFields(image), change)
    assert made.image == becomes
    assert made.vm_size == change.vm_size


@pytest.mark.parametrize(
    ("image", "change"),
    [
        (UriImage("https://a/b.vhd"), ModelChange(image_version="2")),
        (ResourceImage("/subscriptions/s/images/golden"), ModelChange(image_version="2")),
        (ResourceImage(GALLERY), ModelChange(image_sku="gen3")),
        (OLD_IMAGE, ModelChange(image_version="2", image_id=GALLERY)),
        (None, ModelChange(image_sku="x")),
        (UriImage("https://a/b.vhd"), ModelChange(image_uri="https://a/c.vhd?sig=secret")),
        (UriImage("https://a/b.vhd"), ModelChange(image_uri="c.vhd")),
    ],
)
def test_a_change_that_the_image_cannot_take_is_told(
    image: ImageReference | None, change: ModelChange
) -> None:
    """With what to give instead."""
    with pytest.raises(UsageInvalid) as told:
        changed_model(ModelFields(image), ModelFields(image), change)
    assert "--image" in (told.value.hint or "")


# --- what is shown --------------------------------------------------------------------------


def test_the_command_says_all_that_was_asked() -> None:
    """In the order of the help."""
    request = Request(
        Verb.RESTART,
        Selection(("1", "2"), (0,), (3, 4), ("1",), (StateWord.FAILED,)),
        amount("20%"),
        minutes(2),
        amount(3),
    )
    typed = " ".join(command(request, "web.yaml"))
    assert typed == (
        "vmssplan instances restart web.yaml --ids 1,2 --update-domain 0 --fault-domain 3,4"
        " --zone 1 --state failed --batch-size 20% --pause-between-batches PT2M --max-unavailable 3"
    )
    assert command(Request(Verb.SCALE, capacity=3), "x") == ("vmssplan", "scale", "x", "3")
    wanted = Protection(scale_in=False, scale_set_actions=True)
    assert command(Request(Verb.PROTECT, ALL, protection=wanted), "x")[4:] == (
        "--all",
        "--no-scale-in",
        "--scale-set-actions",
    )
    change = ModelChange("1", "2", "3", "4", "5")
    assert command(Request(Verb.SET_MODEL, change=change), "x")[2:6] == (
        "set-model",
        "x",
        "--image-version",
        "1",
    )


def test_the_document_has_what_a_page_needs() -> None:
    """Batches, who is left alone, numbers, the refusal, and the command."""
    live = scale_set([*instances(3), instance("3", protected_from_scale_set_actions=True)])
    document = operation_json(operation(Verb.STOP, live), ("vmssplan", "instances"))
    assert document["batches"] == [["0", "1", "2"]]
    assert document["skipped"] == [
        {"instanceId": "3", "reason": "protected from scale set actions"}
    ]
    numbers = ("total", "inService", "floor", "lowest", "changes")
    assert [document[key] for key in numbers] == [4, 4, 3, 1, True]
    assert "the floor is 3" in document["refused"]
    assert document["command"] == ["vmssplan", "instances"]
    assert document["digest"].startswith("sha256:")

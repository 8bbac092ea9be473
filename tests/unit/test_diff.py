"""Which owned fields differ, and how that is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmssplan.diff import Change, diff_model, owned_fields
from vmssplan.model import (
    CommunityGalleryImage,
    ImageReference,
    ModelFields,
    PlatformImage,
    ResourceImage,
    SharedGalleryImage,
    UpgradeMode,
    UriImage,
)

OLD = PlatformImage("Canonical", "ubuntu", "22_04", "1.0.0")
NEW = PlatformImage("Canonical", "ubuntu", "22_04", "2.0.0")
LIVE = ModelFields(OLD, "Standard_D2s_v5", UpgradeMode.AUTOMATIC)
NAMES = st.sampled_from(["a", "A", "b", "x/versions/1", "X/Versions/1"])
IMAGES = st.one_of(
    st.builds(PlatformImage, NAMES, NAMES, NAMES, NAMES),
    st.builds(ResourceImage, NAMES),
    st.builds(SharedGalleryImage, NAMES),
    st.builds(CommunityGalleryImage, NAMES),
    st.builds(UriImage, NAMES),
)
FIELDS = st.builds(
    ModelFields,
    image=st.one_of(st.none(), IMAGES),
    vm_size=st.sampled_from([None, "Standard_D2s_v5", "standard_d2s_V5", "Standard_B1s"]),
    upgrade_policy=st.sampled_from([None, *UpgradeMode]),
)


def test_only_owned_fields_are_compared() -> None:
    """What the Plan does not name is no change, whatever it is."""
    assert diff_model(LIVE, ModelFields(image=OLD)) == ()
    assert diff_model(LIVE, ModelFields()) == ()


def test_a_change_names_path_and_both_values() -> None:
    """Changes are leaves, sorted by path."""
    wanted = ModelFields(NEW, "Standard_D4s_v5", UpgradeMode.MANUAL)

    assert diff_model(LIVE, wanted) == (
        Change("model.image.version", "1.0.0", "2.0.0"),
        Change("model.upgradePolicy", "Automatic", "Manual"),
        Change("model.vmSize", "Standard_D2s_v5", "Standard_D4s_v5"),
    )


def test_names_compare_without_case() -> None:
    """Azure holds names that differ in case to be equal, and so does the diff."""
    shouted = PlatformImage("CANONICAL", "UBUNTU", "22_04", "1.0.0")

    assert diff_model(LIVE, ModelFields(shouted, "STANDARD_D2S_V5")) == ()


def test_the_address_of_a_blob_compares_with_case() -> None:
    """Two blobs may differ in case alone."""
    live, wanted = ModelFields(UriImage("https://x/a")), ModelFields(UriImage("https://x/A"))

    assert diff_model(live, wanted) == (Change("model.image.uri", "https://x/a", "https://x/A"),)


def test_another_form_of_image_is_told_key_by_key() -> None:
    """From a marketplace image to a gallery image: keys go, a key comes."""
    changes = diff_model(LIVE, ModelFields(ResourceImage("/galleries/g/images/i/versions/1")))

    assert [(c.path, c.before is None, c.after is None) for c in changes] == [
        ("model.image.id", True, False),
        ("model.image.offer", False, True),
        ("model.image.publisher", False, True),
        ("model.image.sku", False, True),
        ("model.image.version", False, True),
    ]


def test_an_image_where_there_was_none_is_told_key_by_key() -> None:
    """A model without an image gets one."""
    changes = diff_model(ModelFields(), ModelFields(UriImage("https://x/a")))

    assert changes == (Change("model.image.uri", None, "https://x/a"),)


@pytest.mark.parametrize("owner", [ModelFields(), LIVE, ModelFields(vm_size="x")])
def test_owned_fields_are_those_the_owner_sets(owner: ModelFields) -> None:
    """Every field the owner sets is there, as the Plan writes it, and no other."""
    assert set(owned_fields(LIVE, owner)) == {
        key
        for key, value in (
            ("image", owner.image),
            ("vmSize", owner.vm_size),
            ("upgradePolicy", owner.upgrade_policy),
        )
        if value is not None
    }


@given(FIELDS, FIELDS)
def test_no_change_and_met_are_the_same(live: ModelFields, wanted: ModelFields) -> None:
    """The diff is empty exactly when the wanted fields are met."""
    assert (diff_model(live, wanted) == ()) == wanted.is_met_by(live)


@given(FIELDS, IMAGES)
def test_a_diff_against_itself_is_empty(live: ModelFields, image: ImageReference) -> None:
    """Equal models have no changes."""
    assert diff_model(live, live) == ()
    assert diff_model(ModelFields(image), ModelFields(image)) == ()

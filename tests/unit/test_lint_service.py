"""What Azure offers: versions that are gone or going, sizes that a set cannot have."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.values import NEW_IMAGE, SIZE, START
from vmssplan.lint import Offered, image_missing, lint_service
from vmssplan.model import Deprecation, ModelFields, ResourceImage

WANTED = ModelFields(NEW_IMAGE, SIZE)
SIZES = ("Standard_B2s", "Standard_D2s_v5", "Standard_D4s_v5")


@pytest.mark.parametrize(
    ("wanted", "offered", "expected"),
    [
        (WANTED, Offered(), []),
        (WANTED, Offered(sizes=SIZES), []),
        (ModelFields(vm_size="standard_d2S_V5"), Offered(sizes=SIZES), []),
        (
            ModelFields(vm_size="Standard_D9"),
            Offered(sizes=SIZES),
            ["error size-not-available model.vmSize"],
        ),
        (
            WANTED,
            Offered(Deprecation(is_over=True)),
            ["error image-deprecated model.image.version"],
        ),
        (
            WANTED,
            Offered(Deprecation(is_over=False, at=START)),
            ["warning image-deprecation-scheduled model.image.version"],
        ),
    ],
)
def test_what_is_not_to_be_had(wanted: ModelFields, offered: Offered, expected: list[str]) -> None:
    """Gone is refused, going is told, what nobody asked about is no finding."""
    found = lint_service(wanted, offered)

    assert [f"{one.severity} {one.rule} {one.path}" for one in found] == expected


def test_a_finding_says_what_there_is_instead() -> None:
    """The publisher's own alternative, the date, sizes of the same family."""
    going = Deprecation(is_over=False, at=START + timedelta(days=9), instead="gen3")
    (soon,) = lint_service(WANTED, Offered(going))
    (size,) = lint_service(ModelFields(vm_size="Standard_D9"), Offered(sizes=SIZES))

    assert "will be deprecated on 2026-11-11" in soon.message
    assert soon.fix == "its publisher names gen3 instead"
    assert size.fix == "use one that it does, such as Standard_D2s_v5, Standard_D4s_v5"


def test_a_missing_image_is_found_at_its_version_where_it_has_one() -> None:
    """A gallery image names its version in its id."""
    assert image_missing(NEW_IMAGE, "gone", None).path == "model.image.version"
    assert image_missing(ResourceImage("/x"), "gone", None).path == "model.image"

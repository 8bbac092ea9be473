"""What image references mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from vmss_simulator.errors import ArmError
from vmss_simulator.images import Catalogue, Image, version_order
from vmss_simulator.values import ImageVersion

NOW = datetime(2026, 11, 2, tzinfo=UTC)
MANAGED = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/app"
SHARED = "/SharedGalleries/company/Images/shop"
CATALOGUE = Catalogue(
    {
        each.name.casefold(): each
        for each in (
            Image("P:O:S", (ImageVersion("1.0.0"),), frozenset({"westeurope"})),
            Image(MANAGED),
            Image(SHARED, (ImageVersion("1.0.0"), ImageVersion("1.0.1"))),
        )
    }
)


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        pytest.param({"publisher": "p", "offer": "o", "sku": "s"}, "1.0.0", id="platform"),
        pytest.param({"id": MANAGED.upper()}, None, id="managed"),
        pytest.param({"uri": "https://x/y.vhd"}, None, id="uri"),
        pytest.param({"sharedGalleryImageId": SHARED}, "1.0.1", id="shared latest"),
        pytest.param(
            {"sharedGalleryImageId": f"{SHARED}/Versions/1.0.0"}, "1.0.0", id="shared version"
        ),
    ],
)
def test_every_form_resolves(reference: dict[str, Any], version: str | None) -> None:
    """Names compare without case, no version is the latest, and some images have none."""
    assert CATALOGUE.resolve(reference, "West Europe", NOW) == version


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        pytest.param(
            {"publisher": "p", "offer": "o", "sku": "x"}, 404, "PlatformImageNotFound", id="sku"
        ),
        pytest.param({"id": f"{MANAGED}2"}, 404, "NotFound", id="managed"),
        pytest.param({"id": "/x/galleries/g/images/i"}, 404, "GalleryImageNotFound", id="gallery"),
        pytest.param(
            {"sharedGalleryImageId": SHARED + "2"}, 404, "GalleryImageNotFound", id="shared"
        ),
        pytest.param({"id": MANAGED, "publisher": "p"}, 400, "InvalidParameter", id="mixed"),
        pytest.param({"publisher": "p"}, 400, "InvalidParameter", id="half"),
        pytest.param({"id": 7}, 400, "InvalidParameter", id="number"),
        pytest.param({"uri": "file"}, 400, "InvalidParameter", id="uri"),
        pytest.param(
            {"publisher": "p", "offer": "o", "sku": "s", "version": 1},
            400,
            "InvalidParameter",
            id="v",
        ),
    ],
)
def test_what_does_not_resolve(reference: dict[str, Any], status: int, code: str) -> None:
    """Missing is 404 with the code of its kind, malformed is 400."""
    with pytest.raises(ArmError) as error:
        CATALOGUE.resolve(reference, "westeurope", NOW)
    assert (error.value.status, error.value.code) == (status, code)


def test_an_image_is_missing_where_it_is_not_offered() -> None:
    """Locations restrict where an image exists."""
    with pytest.raises(ArmError, match="PlatformImageNotFound"):
        CATALOGUE.resolve({"publisher": "p", "offer": "o", "sku": "s"}, "eastus", NOW)


def test_versions_order_by_number() -> None:
    """Numbers compare by value and come after text."""
    versions = ["10.0.1", "4.0.20160229", "4.0.beta", "4.0.3"]
    assert sorted(versions, key=version_order) == ["4.0.beta", "4.0.3", "4.0.20160229", "10.0.1"]

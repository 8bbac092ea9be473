"""A live scale set as a scenario file of the simulator.

Only what the domain knows is written: nothing read from Azure is copied wholesale, so that no
secret can come along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vmssplan.model import (
    HealthState,
    Instance,
    PlatformImage,
    ResourceImage,
    ScaleSet,
    image_fields,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

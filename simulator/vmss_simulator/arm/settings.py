"""What may differ between two doors over the same world.

Everything here is a choice of who starts the simulator, or stands for a behaviour of Azure
that is not documented and therefore has to be an option.
"""

from __future__ import annotations

from dataclasses import dataclass

SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001"
TENANT_ID = "10000000-0000-4000-8000-000000000001"
CLIENT_ID = "20000000-0000-4000-8000-000000000002"
CLIENT_SECRET = "simulator-not-a-secret"  # noqa: S105 - public on purpose
"""The credentials every simulator accepts. They open nothing but a simulator."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a door.

    `page_size` is how many items one page of a list holds; None takes the world's own option.
    `speed` is how many virtual seconds pass in a wall second, or None when virtual time is not
    tied to the wall clock. `subscription_ids` are the subscriptions of the simulated tenant.
    """

    page_size: int | None = None
    speed: float | None = None
    subscription_ids: tuple[str, ...] = (SUBSCRIPTION_ID,)
    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET

    def __post_init__(self) -> None:
        if self.page_size is not None and self.page_size < 1:
            raise ValueError("page_size is at least 1")
        if self.speed is not None and not self.speed > 0:
            raise ValueError("speed is more than 0")

"""What may differ between two doors over the same world.

Everything here is a choice of who starts the simulator, or stands for a behaviour of Azure
that is not documented and therefore has to be an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

SUBSCRIPTION_ID = "00000000-0000-0000-0000-000000000001"
TENANT_ID = "10000000-0000-4000-8000-000000000001"
CLIENT_ID = "20000000-0000-4000-8000-000000000002"
CLIENT_SECRET = "simulator-not-a-secret"  # noqa: S105 - public on purpose
IDENTITY_HEADER = "simulator-identity-header"
"""The credentials every simulator accepts. They open nothing but a simulator."""


class TokenPolicy(Enum):
    """Which bearer tokens open the resource manager.

    ANY takes every well-formed one, for tests with made-up credentials; ISSUED only those of
    the simulator's own token endpoints, as long as they are valid.
    """

    ANY = "any"
    ISSUED = "issued"


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a door.

    `page_size` is how many items one page of a list holds; None takes the world's own option.
    `speed` is how many virtual seconds pass in a wall second, or None when virtual time is not
    tied to the wall clock. `subscription_ids` are the subscriptions of the simulated tenant.
    A token is good for `token_lifetime` by the wall clock of a server; in-process, where no
    request says when it came, it never ends. `identity_header` is what an App Service knows.
    """

    page_size: int | None = None
    speed: float | None = None
    subscription_ids: tuple[str, ...] = (SUBSCRIPTION_ID,)
    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    identity_header: str = IDENTITY_HEADER
    tokens: TokenPolicy = TokenPolicy.ANY
    token_lifetime: timedelta = timedelta(seconds=3599)

    def __post_init__(self) -> None:
        if self.page_size is not None and self.page_size < 1:
            raise ValueError("page_size is at least 1")
        if self.speed is not None and not self.speed > 0:
            raise ValueError("speed is more than 0")
        if self.token_lifetime < timedelta(seconds=1):
            raise ValueError("token_lifetime is at least a second")

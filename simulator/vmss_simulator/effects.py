"""What faults do, as values: to a request, to an instance, to an operation, at a time.

Four closed unions, one for each place where the world asks for them. A new effect is one more
frozen class in a union here and one more arm where the world acts on it; the text of errors that
Azure is known to answer stands in `fault_texts.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from vmss_simulator.errors import ErrorDetail
from vmss_simulator.randomness import Latency
from vmss_simulator.values import HealthState, OperationStatus, Protection

# --- what happens to a request ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RefuseRequest:
    """The request is answered with an ARM error and changes nothing."""

    status: int
    code: str
    message: str
    retry_after: timedelta | None = None
    target: str | None = None
    details: tuple[ErrorDetail, ...] = ()


@dataclass(frozen=True, slots=True)
class ThrottleRequest:
    """The request is answered with 429, whatever the token buckets hold."""

    retry_after: timedelta


@dataclass(frozen=True, slots=True)
class ExpireToken:
    """The request is answered with 401: its access token has just expired."""


@dataclass(frozen=True, slots=True)
class LoseRequest:
    """The connection breaks before the request is carried out; its sender cannot tell."""


@dataclass(frozen=True, slots=True)
class LoseReply:
    """The request is carried out, but its reply never arrives."""


@dataclass(frozen=True, slots=True)
class CutReply:
    """The request is carried out, and the connection breaks in the middle of its reply."""


@dataclass(frozen=True, slots=True)
class DelayReply:
    """The reply arrives late."""

    delay: Latency


@dataclass(frozen=True, slots=True)
class DuplicateRequest:
    """The request is carried out twice, and the sender hears the second answer."""


@dataclass(frozen=True, slots=True)
class StaleRead:
    """A read answers as of that long ago; no effect on a write."""

    by: timedelta


@dataclass(frozen=True, slots=True)
class HideViews:
    """A read answers without the instance views of the matched instances."""


@dataclass(frozen=True, slots=True)
class SkewDate:
    """The `Date` of the answer is off by that much."""

    by: timedelta


# --- what happens to the work on an instance ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class SlowWork:
    """The work on the instance takes `factor` times as long."""

    factor: float


@dataclass(frozen=True, slots=True)
class FailWork:
    """The operation fails on the instance; before its disk is replaced unless said otherwise.

    `{instanceId}` and `{vmName}` in the message are filled in. `extension` names the extension
    that failed, which the instance view then shows; the machine itself runs. `after` is how much
    longer than usual it takes to fail.
    """

    code: str
    message: str
    disk_replaced: bool = False
    extension: str | None = None
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class NeverEnd:
    """The work on the instance never ends, and so its operation does not."""


@dataclass(frozen=True, slots=True)
class NeverHealthy:
    """The instance boots, but stays in this health instead of turning healthy."""

    health: HealthState = HealthState.UNHEALTHY


@dataclass(frozen=True, slots=True)
class UnhealthyAfter:
    """The instance turns healthy, and unhealthy that long afterwards."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class Flap:
    """The instance turns healthy, then `count` times unhealthy and healthy again, by periods."""

    period: timedelta
    count: int


@dataclass(frozen=True, slots=True)
class BadImage:
    """An image version that breaks what boots from it; `version` is a glob.

    With application health the instance never turns healthy; without it, its operation fails
    with `OSProvisioningTimedOut`.
    """

    version: str


@dataclass(frozen=True, slots=True)
class KeepExtensions:
    """The upgrade says that the model is applied, but leaves the extensions as they were."""


@dataclass(frozen=True, slots=True)
class SilenceAgent:
    """The machine runs, but its agent does not report; `lasting` None is until the next work."""

    lasting: timedelta | None = None


@dataclass(frozen=True, slots=True)
class KeepInstanceUpdating:
    """The instance still says `Updating` when its operation is over; None is for good."""

    lasting: timedelta | None = None


# --- what happens to an operation --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoldOperation:
    """Its work is done, but the operation goes on; `lasting` None is for good."""

    lasting: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EndOperation:
    """The operation ends with this status and error, whatever became of its instances.

    `after` cuts it off that long after its start: instances whose disk is not replaced by then
    keep what they have. None is at its own end.
    """

    status: OperationStatus
    code: str
    message: str
    after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class FailAgain:
    """The operation fails with the old error of every matched instance not upgraded since."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class KeepScaleSetUpdating:
    """The scale set still says `Updating` when the operation is over; None is for good."""

    lasting: timedelta | None = None


# --- what happens at a time --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetCapacity:
    """Somebody, or autoscale, changes the capacity."""

    capacity: int


@dataclass(frozen=True, slots=True)
class DeleteInstances:
    """Somebody deletes these instances."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProtectInstances:
    """Somebody changes the protection of these instances."""

    instance_ids: tuple[str, ...]
    protection: Protection


@dataclass(frozen=True, slots=True)
class UpgradeInstances:
    """Somebody brings these instances to the model; `*` is all of them."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReimageInstances:
    """Somebody replaces the disks of these instances; `*` is all of them."""

    instance_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartRollingUpgrade:
    """Somebody starts Azure's own rolling upgrade of the operating system."""


Action = (
    SetCapacity
    | DeleteInstances
    | ProtectInstances
    | UpgradeInstances
    | ReimageInstances
    | StartRollingUpgrade
)


@dataclass(frozen=True, slots=True)
class ChangeModel:
    """Another actor patches the model, `at` that long after the rule came into the world.

    When an operation holds the set it is refused like everybody, and tries again.
    """

    actor: str
    at: timedelta
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Act:
    """Another actor does something, `at` that long after the rule came into the world.

    Refused for an operation that holds the set, it tries again.
    """

    actor: str
    at: timedelta
    action: Action


@dataclass(frozen=True, slots=True)
class Outage:
    """The hosts of the matched instances are gone, and back after `lasting` (None: for good).

    Until then the instances report nothing, and operations on them fail for want of a host.
    """

    at: timedelta
    lasting: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Sicken:
    """The matched instances turn unhealthy where they are, `times` times, for `lasting` each.

    Between two times they are healthy for as long; `lasting` None is for good.
    """

    at: timedelta
    lasting: timedelta | None = None
    times: int = 1


@dataclass(frozen=True, slots=True)
class WithdrawImage:
    """The versions that match the glob are taken back by their publisher."""

    at: timedelta
    version: str


RequestEffect = (
    RefuseRequest
    | ThrottleRequest
    | ExpireToken
    | LoseRequest
    | LoseReply
    | CutReply
    | DelayReply
    | DuplicateRequest
    | StaleRead
    | HideViews
    | SkewDate
)
WorkEffect = (
    SlowWork
    | FailWork
    | NeverEnd
    | NeverHealthy
    | UnhealthyAfter
    | Flap
    | BadImage
    | KeepExtensions
    | SilenceAgent
    | KeepInstanceUpdating
)
OperationEffect = HoldOperation | EndOperation | FailAgain | KeepScaleSetUpdating
TimedEffect = ChangeModel | Act | Outage | Sicken | WithdrawImage
Effect = RequestEffect | WorkEffect | OperationEffect | TimedEffect

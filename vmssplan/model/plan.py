"""What a Plan asks for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property

from vmssplan.model.images import ImageReference, image_version, same_image, same_name


class UpgradeMode(StrEnum):
    """`upgradePolicy.mode` of a scale set."""

    MANUAL = "Manual"
    AUTOMATIC = "Automatic"
    ROLLING = "Rolling"


class StrategyType(StrEnum):
    """How the selected instances are put into batches."""

    PER_INSTANCE = "perInstance"
    PER_UPDATE_DOMAIN = "perUpdateDomain"
    PER_FAULT_DOMAIN = "perFaultDomain"
    PER_ZONE = "perZone"
    FIXED_BATCH = "fixedBatch"
    SLIDING_WINDOW = "slidingWindow"


class Method(StrEnum):
    """The operation that brings an instance to the wanted model."""

    UPGRADE = "upgrade"
    REIMAGE = "reimage"


class OrderKey(StrEnum):
    """What instances can be sorted by."""

    UPDATE_DOMAIN = "updateDomain"
    FAULT_DOMAIN = "faultDomain"
    ZONE = "zone"
    INSTANCE_ID = "instanceId"


class HealthSource(StrEnum):
    """Who says that an instance is healthy."""

    AUTO = "auto"
    APPLICATION_HEALTH = "applicationHealth"
    INSTANCE_VIEW = "instanceView"
    HTTP = "http"
    COMMAND = "command"


class OnFailure(StrEnum):
    """What happens when too many instances failed."""

    FREEZE = "freeze"
    ROLLBACK = "rollback"


class OnScale(StrEnum):
    """What to do about instances that appear while a rollout runs."""

    ABSORB = "absorb"
    REFUSE = "refuse"


class ProbeScope(StrEnum):
    """Whether a probe asks once for the scale set, or once for each instance concerned."""

    SCALE_SET = "scaleSet"
    INSTANCE = "instance"


class Autoscale(StrEnum):
    """What to do about an autoscale setting on the scale set."""

    PIN = "pin"
    REFUSE = "refuse"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of instances, or a percentage of them."""

    value: int
    percent: bool = False

    def of(self, total: int) -> int:
        """Return the integer it means for `total` instances: rounded down, never below 1."""
        return max(1, self.value * total // 100) if self.percent else self.value

    def __str__(self) -> str:
        """Render as the Plan writes it."""
        return f"{self.value}%" if self.percent else str(self.value)


_SCALE_SET_ID = re.compile(
    r"/subscriptions/([^/]+)/resourceGroups/([^/]+)"
    r"/providers/Microsoft\.Compute/virtualMachineScaleSets/([^/]+)/?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ScaleSetId:
    """Which scale set."""

    subscription_id: str
    resource_group: str
    name: str

    @classmethod
    def parse(cls, resource_id: str) -> ScaleSetId | None:
        """Read an Azure Resource Manager id, however it is spelled; None: not of a scale set."""
        found = _SCALE_SET_ID.fullmatch(resource_id)
        return cls(found[1], found[2], found[3]) if found else None

    @property
    def resource_id(self) -> str:
        """The Azure Resource Manager id."""
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachineScaleSets/{self.name}"
        )

    def __str__(self) -> str:
        """Render for people."""
        return f"{self.resource_group}/{self.name}"


@dataclass(frozen=True)
class ModelFields:
    """The fields of the model a Plan can own; None means: not owned (or, live, not there).

    Without slots, so that what is asked of it for each instance is worked out once.
    """

    image: ImageReference | None = None
    vm_size: str | None = None
    upgrade_policy: UpgradeMode | None = None

    @cached_property
    def version(self) -> str | None:
        """The exact version of the image; None where it names none."""
        return image_version(self.image) if self.image is not None else None

    def is_met_by(self, live: ModelFields) -> bool:
        """Tell whether every field set here has this value there."""
        return (
            (self.image is None or same_image(self.image, live.image))
            and (self.vm_size is None or same_name(live.vm_size, self.vm_size))
            and self.upgrade_policy in (None, live.upgrade_policy)
        )


@dataclass(frozen=True, slots=True)
class Selector:
    """Which instances: a value in any list selects; all lists empty selects nothing."""

    instance_ids: tuple[str, ...] = ()
    update_domains: tuple[int, ...] = ()
    fault_domains: tuple[int, ...] = ()
    zones: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when nothing is named."""
        return not (self.instance_ids or self.update_domains or self.fault_domains or self.zones)


@dataclass(frozen=True, slots=True)
class Order:
    """Which instances go first."""

    unhealthy_first: bool = True
    by: tuple[OrderKey, ...] = (OrderKey.UPDATE_DOMAIN, OrderKey.ZONE, OrderKey.INSTANCE_ID)


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the rollout goes through the instances; `batch_sizes` only for sized strategies."""

    type: StrategyType = StrategyType.PER_INSTANCE
    batch_sizes: tuple[Amount, ...] = ()
    order: Order = Order()
    include: Selector = Selector()
    exclude: Selector = Selector()
    pause_time_between_batches: timedelta = timedelta(0)
    method: Method = Method.UPGRADE


@dataclass(frozen=True, slots=True)
class Availability:
    """What must hold; at most one of the two amounts is set. None: the largest batch."""

    max_unavailable: Amount | None = None
    min_in_service: Amount | None = None
    max_concurrent_operations: int = 1


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A request whose answer tells health, or passes a gate.

    `url` may hold {instanceId}, {vmId}, {zone}, {privateIpAddress} where `scope` is INSTANCE.
    """

    url: str
    expect_status: int = 200
    timeout: timedelta = timedelta(seconds=10)
    scope: ProbeScope = ProbeScope.SCALE_SET


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """A program (never a shell string) whose exit code tells health, or passes a gate.

    0 is Successful, 75 ("try again later" of sysexits) Inconclusive, anything else Failed.
    """

    run: tuple[str, ...]
    timeout: timedelta = timedelta(minutes=1)
    scope: ProbeScope = ProbeScope.SCALE_SET


@dataclass(frozen=True, slots=True)
class ApprovalGate:
    """A question to a person."""

    message: str


@dataclass(frozen=True, slots=True)
class Counting:
    """How often a gate measures, and how much of what it measures passes or stops.

    The limits are what is tolerated: a gate fails at one more. Failed and Inconclusive
    measurements count over the whole gate, errors in a row. `deadline` is how long after the end
    of the first measurement the last one may begin: successes and errors in turn, which no limit
    counts, must not go on for ever.
    """

    initial_delay: timedelta = timedelta(0)
    interval: timedelta = timedelta(seconds=10)
    consecutive_successes: int = 1
    failure_limit: int = 0
    inconclusive_limit: int = 0
    consecutive_error_limit: int = 4
    deadline: timedelta = timedelta(hours=1)


GateCheck = ApprovalGate | HttpProbe | CommandProbe


@dataclass(frozen=True, slots=True)
class Gate:
    """What must pass after a batch; `after_batch` is 1-based, None means after each."""

    check: GateCheck
    after_batch: int | None = None
    counting: Counting = Counting()


@dataclass(frozen=True, slots=True)
class Hooks:
    """Programs run before the instances of a batch are operated on, and after they are healthy.

    Run at least once: after a crash, again. None means there is none.
    """

    before_batch: CommandProbe | None = None
    after_batch: CommandProbe | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """When an upgraded instance counts as good."""

    source: HealthSource = HealthSource.AUTO
    min_healthy_time: timedelta = timedelta(seconds=30)
    deadline: timedelta = timedelta(minutes=10)
    http: HttpProbe | None = None
    command: CommandProbe | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """How much may go wrong, and what then."""

    max_failed_instances: int = 0
    on_failure: OnFailure = OnFailure.FREEZE


@dataclass(frozen=True, slots=True)
class Plan:
    """The user's YAML, checked and typed."""

    name: str
    target: ScaleSetId
    model: ModelFields
    strategy: Strategy = Strategy()
    availability: Availability = Availability()
    health: Health = Health()
    failure: Failure = Failure()
    gates: tuple[Gate, ...] = ()
    hooks: Hooks = Hooks()
    autoscale: Autoscale = Autoscale.PIN
    on_scale: OnScale = OnScale.ABSORB

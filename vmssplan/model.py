"""The domain: what a Plan asks for, and what a live scale set is. Values only.

Everything above reads these and never a wire document: `planfile` builds Plans, `backends`
build ScaleSets, and the core computes with both. This file knows only `errors`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

# --- images ---------------------------------------------------------------------------------

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """A marketplace image; `version` is Major.Minor.Build or `latest`."""

    publisher: str
    offer: str
    sku: str
    version: str = LATEST


@dataclass(frozen=True, slots=True)
class ResourceImage:
    """A managed image, or a compute gallery image with or without `/versions/X` (= latest)."""

    id: str


@dataclass(frozen=True, slots=True)
class SharedGalleryImage:
    """An image in a gallery shared directly with the subscription or tenant."""

    shared_gallery_image_id: str


@dataclass(frozen=True, slots=True)
class CommunityGalleryImage:
    """An image in a community gallery."""

    community_gallery_image_id: str


@dataclass(frozen=True, slots=True)
class UriImage:
    """A legacy custom image: a VHD blob (`storageProfile.osDisk.image.uri`)."""

    uri: str


ImageReference = (
    PlatformImage | ResourceImage | SharedGalleryImage | CommunityGalleryImage | UriImage
)


def image_fields(image: ImageReference) -> dict[str, str]:
    """Return the image as the Plan writes it: camelCase keys and their values."""
    match image:
        case PlatformImage(publisher, offer, sku, version):
            return {"publisher": publisher, "offer": offer, "sku": sku, "version": version}
        case ResourceImage(resource_id):
            return {"id": resource_id}
        case SharedGalleryImage(image_id):
            return {"sharedGalleryImageId": image_id}
        case CommunityGalleryImage(image_id):
            return {"communityGalleryImageId": image_id}
        case UriImage(uri):
            return {"uri": uri}
    assert_never(image)


def image_text(image: ImageReference | None) -> str:
    """Return the image in one line, for people."""
    match image:
        case None:
            return "(none)"
        case PlatformImage(publisher, offer, sku, version):
            return f"{publisher}:{offer}:{sku}:{version}"
        case ResourceImage(text) | SharedGalleryImage(text) | CommunityGalleryImage(text):
            return text
        case UriImage(text):
            return text
    assert_never(image)


def follows_latest(image: ImageReference) -> bool:
    """Tell whether the reference moves by itself when a newer version is published."""
    match image:
        case PlatformImage(version=version):
            return version.casefold() == LATEST
        case ResourceImage(text):
            return "/galleries/" in text.casefold() and "/versions/" not in text.casefold()
        case SharedGalleryImage(text) | CommunityGalleryImage(text):
            return _gallery_version(text) in (None, LATEST)
        case UriImage():
            return False
    assert_never(image)


def pinned(image: ImageReference, version: str) -> ImageReference:
    """Return the reference with `latest` replaced by that exact version."""
    match image:
        case PlatformImage():
            return replace(image, version=version)
        case ResourceImage(text):
            return ResourceImage(f"{text.rstrip('/')}/versions/{version}")
        case SharedGalleryImage(text):
            return SharedGalleryImage(_with_gallery_version(text, version))
        case CommunityGalleryImage(text):
            return CommunityGalleryImage(_with_gallery_version(text, version))
        case UriImage():
            return image
    assert_never(image)


def image_version(image: ImageReference) -> str | None:
    """Return the exact version the reference names; None when it names none."""
    if follows_latest(image):
        return None
    match image:
        case PlatformImage(version=version):
            return version
        case ResourceImage(text) | SharedGalleryImage(text) | CommunityGalleryImage(text):
            return _gallery_version(text)
        case UriImage():
            return None
    assert_never(image)


def same_image(one: ImageReference | None, other: ImageReference | None) -> bool:
    """Compare as Azure does: ids and names without case; a blob URI as it stands."""
    if one is None or other is None:
        return one is other
    if isinstance(one, UriImage) or isinstance(other, UriImage):
        return one == other
    return type(one) is type(other) and image_text(one).casefold() == image_text(other).casefold()


def _gallery_version(text: str) -> str | None:
    head, separator, version = text.casefold().partition("/versions/")
    return version.strip("/") if head and separator else None


def _with_gallery_version(text: str, version: str) -> str:
    position = text.casefold().find("/versions/")
    stem = text if position < 0 else text[:position]
    return f"{stem.rstrip('/')}/versions/{version}"


# --- the Plan -------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class ScaleSetId:
    """Which scale set."""

    subscription_id: str
    resource_group: str
    name: str

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


@dataclass(frozen=True, slots=True)
class ModelFields:
    """The fields of the model a Plan can own; None means: not owned (or, live, not there)."""

    image: ImageReference | None = None
    vm_size: str | None = None
    upgrade_policy: UpgradeMode | None = None

    def is_met_by(self, live: ModelFields) -> bool:
        """Tell whether every field set here has this value there."""
        return (
            (self.image is None or same_image(self.image, live.image))
            and (self.vm_size is None or _same_name(live.vm_size, self.vm_size))
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
    """A request whose answer tells health, or passes a gate."""

    url: str
    expect_status: int = 200
    timeout: timedelta = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class CommandProbe:
    """A program (never a shell string) whose exit code tells health, or passes a gate."""

    run: tuple[str, ...]
    timeout: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApprovalGate:
    """A question to a person."""

    message: str


GateCheck = ApprovalGate | HttpProbe | CommandProbe


@dataclass(frozen=True, slots=True)
class Gate:
    """What must pass after a batch; `after_batch` is 1-based, None means after each."""

    check: GateCheck
    after_batch: int | None = None


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
    autoscale: Autoscale = Autoscale.IGNORE


# --- the live scale set ---------------------------------------------------------------------


class OrchestrationMode(StrEnum):
    """Uniform has update domains; Flexible has not."""

    UNIFORM = "Uniform"
    FLEXIBLE = "Flexible"


class HealthState(StrEnum):
    """`vmHealth` as the application health extension reports it."""

    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INITIALIZING = "initializing"
    UNKNOWN = "unknown"


SUCCEEDED = "Succeeded"
FAILED = "Failed"
RUNNING = "running"
BUSY_STATES = frozenset({"Creating", "Updating", "Deleting", "Migrating"})


@dataclass(frozen=True, slots=True)
class AzureError:
    """Azure's own code and message."""

    code: str
    message: str

    def __str__(self) -> str:
        """Render as `code: message`."""
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance, observed.

    `vm_id` is the identity: instance ids may be used again for another machine.
    `provisioning_state` and `power_state` are Azure's own words ("Succeeded", "running"), kept
    open because Azure adds to them; `application_health` is None where nothing reports it;
    `exact_version` is None where the image form has none.
    """

    instance_id: str
    vm_id: str
    image: ImageReference | None
    exact_version: str | None
    vm_size: str | None
    latest_model_applied: bool
    provisioning_state: str = SUCCEEDED
    power_state: str = RUNNING
    application_health: HealthState | None = None
    failed_extensions: tuple[str, ...] = ()
    update_domain: int | None = None
    fault_domain: int | None = None
    zone: str | None = None
    protected_from_scale_set_actions: bool = False
    protected_from_scale_in: bool = False
    error: AzureError | None = None

    @property
    def is_busy(self) -> bool:
        """An operation works on it now."""
        return self.provisioning_state in BUSY_STATES

    def is_healthy(self, source: HealthSource) -> bool:
        """Tell health by that source; no data is never healthy."""
        if self.power_state != RUNNING:
            return False
        match source:
            case HealthSource.APPLICATION_HEALTH:
                return self.application_health is HealthState.HEALTHY
            case HealthSource.INSTANCE_VIEW:
                return self.provisioning_state == SUCCEEDED and not self.failed_extensions
            case HealthSource.AUTO | HealthSource.HTTP | HealthSource.COMMAND:
                return False
        assert_never(source)

    def is_in_service(self, source: HealthSource) -> bool:
        """Running, healthy, and not being operated on."""
        return not self.is_busy and self.is_healthy(source)

    def health_text(self, source: HealthSource) -> str:
        """Say in a few words what the source sees."""
        if self.is_busy:
            return f"provisioning {self.provisioning_state}"
        if self.power_state != RUNNING:
            return f"power {self.power_state}"
        if source is HealthSource.APPLICATION_HEALTH:
            return f"application health {self.application_health or 'not reported'}"
        if self.failed_extensions:
            return f"extension {', '.join(self.failed_extensions)} failed"
        return f"provisioning {self.provisioning_state}"

    def runs(self, wanted: ModelFields) -> bool:
        """Tell whether image and size are the wanted ones, whatever the model says."""
        if wanted.vm_size is not None and not _same_name(self.vm_size, wanted.vm_size):
            return False
        if wanted.image is None:
            return True
        if not same_image(self.image, wanted.image):
            return False
        version = image_version(wanted.image)
        return version is None or self.exact_version in (None, version)

    def is_current(self, wanted: ModelFields) -> bool:
        """Not outdated: the latest model is applied, and it runs what is wanted."""
        return self.latest_model_applied and self.runs(wanted)


@dataclass(frozen=True, slots=True)
class ScaleSet:
    """A scale set, observed."""

    id: ScaleSetId
    location: str
    etag: str
    model: ModelFields
    orchestration_mode: OrchestrationMode = OrchestrationMode.UNIFORM
    provisioning_state: str = SUCCEEDED
    has_application_health: bool = False
    automatic_os_upgrade: bool = False
    instances: tuple[Instance, ...] = ()

    def by_id(self) -> Mapping[str, Instance]:
        """Return the instances by instance id."""
        return {instance.instance_id: instance for instance in self.instances}

    def in_service_count(self, source: HealthSource) -> int:
        """Return how many instances are in service."""
        return sum(instance.is_in_service(source) for instance in self.instances)

    @property
    def health_source(self) -> HealthSource:
        """What `auto` means for this set."""
        if self.has_application_health:
            return HealthSource.APPLICATION_HEALTH
        return HealthSource.INSTANCE_VIEW


class OperationStatus(StrEnum):
    """How a long-running operation stands."""

    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


@dataclass(frozen=True, slots=True)
class OperationReport:
    """What the operation's status address answers; `instance_errors` is by instance id."""

    status: OperationStatus
    error: AzureError | None = None
    instance_errors: Mapping[str, AzureError] = field(default_factory=dict)


def _same_name(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()

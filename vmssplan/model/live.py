"""What a live scale set is, as it was observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import assert_never

from msgspec import Struct

from vmssplan.model.actors import PlatformActions
from vmssplan.model.images import ImageReference, same_image, same_name
from vmssplan.model.plan import HealthSource, ModelFields, ScaleSetId
from vmssplan.model.roster import Roster


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
UNSEEN = "unknown"
BUSY_STATES = frozenset({"Creating", "Updating", "Deleting", "Migrating"})


@dataclass(frozen=True, slots=True)
class AzureError:
    """Azure's own code and message."""

    code: str
    message: str

    def __str__(self) -> str:
        """Render as `code: message`."""
        return f"{self.code}: {self.message}"


class Instance(Struct, frozen=True):
    """One instance, observed; a struct, since each look may make a thousand.

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
    computer_name: str | None = None
    private_ip_address: str | None = None
    probed_healthy: bool | None = None  # None means nobody asked the application
    placement_group: str | None = None

    @property
    def is_busy(self) -> bool:
        """An operation works on it now."""
        return self.provisioning_state in BUSY_STATES

    def is_healthy(self, source: HealthSource) -> bool:
        """Tell health by that source; no data is never healthy."""
        if self.power_state != RUNNING:
            return False
        if source is HealthSource.APPLICATION_HEALTH:
            # Asked before the others, because a look asks it of every instance.
            return self.application_health is HealthState.HEALTHY
        match source:
            case HealthSource.INSTANCE_VIEW:
                return self.provisioning_state == SUCCEEDED and not self.failed_extensions
            case HealthSource.HTTP | HealthSource.COMMAND:
                return self.probed_healthy is True
            case HealthSource.AUTO:
                return False
        assert_never(source)

    def is_in_service(self, source: HealthSource) -> bool:
        """Running, healthy, and not being operated on."""
        return self.provisioning_state not in BUSY_STATES and self.is_healthy(source)

    def may_be_in_service(self, source: HealthSource) -> bool:
        """In service, or nobody can tell: there is no instance view of it.

        That is never healthy, but what does not answer may serve all the same.
        """
        if self.power_state != UNSEEN or self.is_busy:
            return self.is_in_service(source)
        return source is not HealthSource.INSTANCE_VIEW or self.provisioning_state == SUCCEEDED

    def health_text(self, source: HealthSource) -> str:
        """Say in a few words what the source sees."""
        if self.is_busy:
            return f"provisioning {self.provisioning_state}"
        if self.power_state != RUNNING:
            return f"power {self.power_state}"
        if source is HealthSource.APPLICATION_HEALTH:
            return f"application health {self.application_health or 'not reported'}"
        if source in (HealthSource.HTTP, HealthSource.COMMAND):
            answer = {True: "passed", False: "failed", None: "not made"}[self.probed_healthy]
            return f"{source} probe {answer}"
        if self.failed_extensions:
            return f"extension {', '.join(self.failed_extensions)} failed"
        return f"provisioning {self.provisioning_state}"

    def runs(self, wanted: ModelFields) -> bool:
        """Tell whether image and size are the wanted ones, whatever the model says."""
        if wanted.vm_size is not None and not same_name(self.vm_size, wanted.vm_size):
            return False
        if wanted.image is None:
            return True
        if self.image != wanted.image and not same_image(self.image, wanted.image):
            return False
        version = wanted.version
        return version is None or self.exact_version in (None, version)

    def is_current(self, wanted: ModelFields) -> bool:
        """Not outdated: the latest model is applied, and it runs what is wanted."""
        return self.latest_model_applied and self.runs(wanted)


@dataclass(frozen=True)
class ScaleSet:
    """A scale set, observed."""

    id: ScaleSetId
    location: str
    etag: str
    model: ModelFields
    orchestration_mode: OrchestrationMode = OrchestrationMode.UNIFORM
    provisioning_state: str = SUCCEEDED
    has_application_health: bool = False
    platform: PlatformActions = field(default_factory=PlatformActions)
    instances: tuple[Instance, ...] = ()

    def by_id(self) -> Mapping[str, Instance]:
        """Return the instances by instance id."""
        return self.roster.by_id()

    def in_service_count(self, source: HealthSource) -> int:
        """Return how many instances are in service."""
        return len(self.serving(source))

    def serving(self, source: HealthSource) -> frozenset[str]:
        """Return the ids of the instances in service."""
        return self.roster.serving(source)

    @cached_property
    def roster(self) -> Roster:
        """What is asked of all instances."""
        return Roster(self.instances)

    @property
    def health_source(self) -> HealthSource:
        """What `auto` means for this set."""
        if self.has_application_health:
            return HealthSource.APPLICATION_HEALTH
        return HealthSource.INSTANCE_VIEW


@dataclass(frozen=True, slots=True)
class ListedScaleSet:
    """A scale set as the list of a subscription has it: without its instances."""

    id: ScaleSetId
    location: str
    model: ModelFields
    capacity: int
    orchestration_mode: OrchestrationMode = OrchestrationMode.UNIFORM
    zones: tuple[str, ...] = ()
    provisioning_state: str = SUCCEEDED


@dataclass(frozen=True, slots=True)
class Told:
    """One status of an instance view, in Azure's own words; `level` is Info, Warning or Error.

    `about` is "" for the machine, "agent", "health", or "extensions/" with the name of one.
    """

    about: str
    code: str
    message: str
    level: str
    at: str = ""


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

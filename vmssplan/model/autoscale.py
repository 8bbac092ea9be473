"""Azure autoscale settings, as far as a rollout must know them: who may change the count.

A setting (`Microsoft.Insights/autoscaleSettings`) has up to 20 profiles; each bounds the count of
the scale set it targets while it applies.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AutoscaleProfile:
    """One profile and its capacity: instances at least, at most, and where metrics are missing."""

    name: str
    minimum: int
    maximum: int
    default: int

    def __str__(self) -> str:
        """Render for people."""
        return f"{self.name}: {self.minimum} to {self.maximum} instances"


@dataclass(frozen=True, slots=True)
class AutoscaleSetting:
    """One setting on the scale set; `resource_id` names it. A disabled one scales nothing."""

    resource_id: str
    name: str
    enabled: bool
    profiles: tuple[AutoscaleProfile, ...]

"""Where chance comes from: independent seeded streams, and the latencies drawn from them.

Every draw has a stream of its own, named by seed, resource, purpose and count, so that one more
draw in one place shifts no other, and the same seed gives the same world in every process.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property, lru_cache
from hashlib import blake2b
from random import Random
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from vmss_simulator.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_SMALLEST_SHARE = 1e-9
_SPARE_BITS = 64 - 53
_UNIT = 2.0**-53
_MILLISECOND = timedelta(milliseconds=1)


def stream(seed: int, resource: str, purpose: str, count: int) -> Random:
    """Return the random stream of one purpose of one resource.

    Seeded by text, which Python hashes with SHA-512: the same in every process.
    """
    return Random(f"{seed}/{resource.casefold()}/{purpose}/{count}")  # noqa: S311 - a simulation


def draw_share(seed: int, resource: str, purpose: str, count: int, part: str = "") -> float:
    """Return the one number from 0 to below 1 of a draw that needs no more than that.

    A hash of the same text as `stream`'s, because to seed a generator for one number is slow.
    `part` is what is written behind the resource, where many share its beginning.
    """
    hashed = _begun(seed, resource).copy()
    hashed.update(f"{part.casefold()}/{purpose}/{count}".encode())
    return (int.from_bytes(hashed.digest()) >> _SPARE_BITS) * _UNIT


@lru_cache(maxsize=256)
def _begun(seed: int, resource: str) -> blake2b:
    return blake2b(f"{seed}/{resource.casefold()}".encode(), digest_size=8)


def draw_guid(random: Random) -> str:
    """Draw a version 4 GUID."""
    return str(UUID(int=random.getrandbits(128), version=4))


@dataclass(frozen=True)
class Latency:
    """A lognormal span of time given by its median and 95th percentile; equal means fixed."""

    median: timedelta
    p95: timedelta

    @classmethod
    def from_document(cls, raw: str | Mapping[str, str]) -> Self:
        """Read `PT30S` or `{median: PT2M, p95: PT4M}`; ValueError when they make no sense."""
        if isinstance(raw, str):
            return cls(parse_duration(raw), parse_duration(raw))
        latency = cls(parse_duration(raw["median"]), parse_duration(raw["p95"]))
        if latency.p95 < latency.median:
            raise ValueError(f"p95 {raw['p95']} is shorter than the median {raw['median']}")
        return latency

    def at(self, share: float) -> timedelta:
        """Return the span that this share of all is shorter than, in whole milliseconds."""
        milliseconds, sigma = self._curve
        if not sigma:
            return self.median
        factor = math.exp(sigma * _NORMAL.inv_cdf(max(share, _SMALLEST_SHARE)))
        return _MILLISECOND * round(milliseconds * factor)

    @cached_property
    def _curve(self) -> tuple[float, float]:
        """The median in milliseconds, and sigma: 0 for a fixed span."""
        milliseconds = self.median / _MILLISECOND
        return milliseconds, math.log(self.p95 / self.median) / _Z95 if milliseconds else 0.0


@dataclass(frozen=True, slots=True)
class Latencies:
    """How long things take. All defaults are assumed: no recording with real times is public.

    `upgrade` and `reimage` last until the OS disk is replaced, `boot` from there until the
    instance runs, all inside the operation; `health` from running to `HealthState/healthy`.
    `instance_update` is what leaves the machine running; `eviction` until a spot machine goes,
    half an hour at most by the documentation.
    """

    model_update: Latency = Latency(timedelta(seconds=15), timedelta(seconds=40))
    upgrade: Latency = Latency(timedelta(seconds=90), timedelta(seconds=180))
    reimage: Latency = Latency(timedelta(seconds=80), timedelta(seconds=165))
    boot: Latency = Latency(timedelta(seconds=40), timedelta(seconds=80))
    health: Latency = Latency(timedelta(seconds=20), timedelta(seconds=60))
    create: Latency = Latency(timedelta(seconds=60), timedelta(seconds=120))
    delete: Latency = Latency(timedelta(seconds=45), timedelta(seconds=90))
    start: Latency = Latency(timedelta(seconds=40), timedelta(seconds=80))
    restart: Latency = Latency(timedelta(seconds=45), timedelta(seconds=90))
    redeploy: Latency = Latency(timedelta(seconds=120), timedelta(seconds=240))
    power_off: Latency = Latency(timedelta(seconds=30), timedelta(seconds=60))
    deallocate: Latency = Latency(timedelta(seconds=45), timedelta(seconds=120))
    instance_update: Latency = Latency(timedelta(seconds=10), timedelta(seconds=30))
    eviction: Latency = Latency(timedelta(minutes=2), timedelta(minutes=20))
    nothing_to_do: Latency = Latency(timedelta(seconds=3), timedelta(seconds=3))

    @classmethod
    def from_document(cls, raw: Mapping[str, Any]) -> Self:
        """Read the `latencies` of a scenario; what it does not name keeps its default."""
        names = {camel_case(each.name): each.name for each in fields(cls)}
        return cls(**{names[name]: Latency.from_document(value) for name, value in raw.items()})


def camel_case(name: str) -> str:
    """Turn `model_update` into `modelUpdate`, the spelling of scenario files."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)

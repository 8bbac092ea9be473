"""Lognormal spans of time, and how to find the one that observations come from. Pure.

Observations are coarse: something took longer than one poll and at most until the next, and often
only the slowest of many was seen. So a curve is found by how likely it makes just that
(interval-censored maximum likelihood), not by averages of what was seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_NORMAL = NormalDist()
_Z95 = _NORMAL.inv_cdf(0.95)
_ROOT_2 = math.sqrt(2)
_LEAST_SECONDS = 0.001
_LEAST_SHARE = 1e-9
_LEAST_SIGMA, _MOST_SIGMA = 0.01, 2.5
MEDIAN_KNOWN, SPREAD_KNOWN = 1.0, 0.5
"""How sure one is before anything was seen: the standard deviations of the logarithms."""
OUTLIER = 1e-5
"""No observation counts as less likely than this, so that one oddity cannot bend the curve."""
_STEPS = (0.5, 0.2, 0.08, 0.03, 0.01)
_NODES = 16


@dataclass(frozen=True, slots=True)
class Curve:
    """A lognormal distribution of seconds: the mean and spread of the logarithm."""

    mu: float
    sigma: float

    @classmethod
    def through(cls, median: float, p95: float) -> Curve:
        """Return the curve with this median and 95th percentile, in seconds."""
        median = max(median, _LEAST_SECONDS)
        return cls(math.log(median), max(_LEAST_SIGMA, math.log(max(p95 / median, 1)) / _Z95))

    @property
    def median(self) -> float:
        """Half of all take at most so many seconds."""
        return math.exp(self.mu)

    @property
    def p95(self) -> float:
        """95 of 100 take at most so many seconds."""
        return math.exp(self.mu + _Z95 * self.sigma)

    def share_below(self, seconds: float) -> float:
        """Return the share that takes at most so long."""
        if seconds <= 0:
            return 0.0
        return 0.5 * (1 + math.erf((math.log(seconds) - self.mu) / (self.sigma * _ROOT_2)))

    def at(self, share: float) -> float:
        """Return how many seconds this share of all takes at most."""
        return math.exp(self.mu + self.sigma * _NORMAL.inv_cdf(share))


def sum_of(one: Curve, other: Curve) -> Curve:
    """Return about how long both take one after the other (by mean and variance)."""
    mean, variance = (sum(pair) for pair in zip(_moments(one), _moments(other), strict=True))
    sigma_squared = math.log1p(variance / mean**2)
    return Curve(math.log(mean) - sigma_squared / 2, max(_LEAST_SIGMA, math.sqrt(sigma_squared)))


def _moments(curve: Curve) -> tuple[float, float]:
    mean = math.exp(curve.mu + curve.sigma**2 / 2)
    return mean, mean**2 * math.expm1(curve.sigma**2)


class Observation(Protocol):
    """Something seen that one curve makes likelier than another."""

    def likelihood(self, curve: Curve) -> float:
        """Return how likely the curve makes it, from 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Slowest:
    """The slowest of `of` things took more than `least` seconds and at most `most`."""

    least: float
    most: float
    of: int = 1

    def likelihood(self, curve: Curve) -> float:
        """Return how likely that is."""
        return float(
            curve.share_below(self.most) ** self.of - curve.share_below(self.least) ** self.of
        )


@dataclass(frozen=True, slots=True)
class Second:
    """What followed something else ended in those seconds, both together.

    `firsts` are the seconds the first part may have taken, each with its share of likelihood.
    """

    least: float
    most: float
    firsts: tuple[tuple[float, float], ...]

    def likelihood(self, curve: Curve) -> float:
        """Return how likely that is, over all that the first part may have taken."""
        return sum(
            weight * (curve.share_below(self.most - first) - curve.share_below(self.least - first))
            for first, weight in self.firsts
        )


def one_of(curve: Curve, slowest: Slowest) -> tuple[tuple[float, float], ...]:
    """Return what any one of the things may have taken whose slowest was seen, with its share.

    One of them is the slowest; what the others took is anything up to then.
    """
    before = max(curve.share_below(slowest.most), _LEAST_SHARE)
    others = [curve.at(before * (n + 0.5) / _NODES) for n in range(_NODES)]
    last = [slowest.least + (slowest.most - slowest.least) * (n + 0.5) / 4 for n in range(4)]
    share = 1 / slowest.of
    return (
        *((seconds, share / len(last)) for seconds in last),
        *((seconds, (1 - share) / len(others)) for seconds in others if slowest.of > 1),
    )


def fit(observed: Sequence[tuple[Observation, int]], start: Curve, assumed: Curve) -> Curve:
    """Return the curve that makes the counted observations likeliest.

    `assumed` is what was thought before; it matters where little was seen.
    """

    def worth(curve: Curve) -> float:
        seen = sum(
            count * math.log(max(one.likelihood(curve), 0.0) + OUTLIER) for one, count in observed
        )
        in_spread = math.log(curve.sigma / assumed.sigma) / SPREAD_KNOWN
        in_median = (curve.mu - assumed.mu) / MEDIAN_KNOWN
        return seen - (in_spread**2 + in_median**2) / 2

    return _climb(worth, start)


def _climb(worth: Callable[[Curve], float], start: Curve) -> Curve:
    """Return the best curve found by stepping uphill, in ever smaller steps."""
    best, value = start, worth(start)
    for step in _STEPS:
        is_better = True
        while is_better:
            is_better = False
            for candidate in _neighbours(best, step):
                found = worth(candidate)
                if found > value:
                    best, value, is_better = candidate, found, True
    return best


def _neighbours(curve: Curve, step: float) -> Iterable[Curve]:
    wider = min(_MOST_SIGMA, curve.sigma * math.exp(step))
    narrower = max(_LEAST_SIGMA, curve.sigma * math.exp(-step))
    shift = step * max(curve.sigma, 0.1)
    for sigma in (curve.sigma, wider, narrower):
        for mu in (curve.mu, curve.mu + shift, curve.mu - shift):
            if (mu, sigma) != (curve.mu, curve.sigma):
                yield Curve(mu, sigma)

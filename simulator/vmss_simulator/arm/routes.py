"""Every operation the simulator answers, and how a path finds its own.

Fixed parts of a path (provider, type, action) match without regard to case, as in ARM; some
clients send `microsoft.Compute` and `resourcegroups`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from vmss_simulator.arm import (
    authorization,
    autoscale,
    extensions,
    identity,
    image_resources,
    images,
    instance_verbs,
    instances,
    managed_identity,
    metadata,
    network_interfaces,
    operations,
    providers,
    resource_groups,
    rolling_upgrades,
    scale_sets,
    set_verbs,
    subscriptions,
)
from vmss_simulator.arm.call import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


ROUTES: tuple[Route, ...] = (
    *scale_sets.ROUTES,
    *set_verbs.ROUTES,
    *instances.ROUTES,
    *instance_verbs.ROUTES,
    *extensions.ROUTES,
    *network_interfaces.ROUTES,
    *autoscale.ROUTES,
    *authorization.ROUTES,
    *rolling_upgrades.ROUTES,
    *operations.ROUTES,
    *images.ROUTES,
    *image_resources.ROUTES,
    *metadata.ROUTES,
    *subscriptions.ROUTES,
    *resource_groups.ROUTES,
    *providers.ROUTES,
    *identity.ROUTES,
    *managed_identity.ROUTES,
)


@dataclass(slots=True)
class _Node:
    """A place in the tree of paths; `routes` by method when a path ends here."""

    fixed: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


def _tree(routes: Iterable[Route]) -> _Node:
    root = _Node()
    for route in routes:
        node = root
        names = []
        for part in route.template.strip("/").split("/"):
            if part.startswith("{"):
                names.append(part[1:-1])
                node.variable = node = node.variable or _Node()
            else:
                node = node.fixed.setdefault(part.casefold(), _Node())
        if route.method in node.routes:
            raise ValueError(f"two routes for {route.method} {route.template}")
        node.routes[route.method] = (route, tuple(names))
    return root


_TREE = _tree(ROUTES)


@dataclass(frozen=True, slots=True)
class Found:
    """A path some operation has: its routes by method, and the variable parts in order."""

    routes: Mapping[str, tuple[Route, tuple[str, ...]]]
    values: tuple[str, ...]

    def parameters(self, names: Sequence[str]) -> dict[str, str]:
        """Return the variable parts by name."""
        return dict(zip(names, self.values, strict=True))


@lru_cache(maxsize=1024)
def find(segments: tuple[str, ...]) -> Found | None:
    """Return what is known at a path, given its decoded parts, or None for an unknown path."""
    return _find(_TREE, segments, 0, ())


def _find(
    node: _Node, segments: Sequence[str], position: int, values: tuple[str, ...]
) -> Found | None:
    if position == len(segments):
        return Found(node.routes, values) if node.routes else None
    part = segments[position]
    fixed = node.fixed.get(part.casefold())
    if fixed is not None:
        found = _find(fixed, segments, position + 1, values)
        if found is not None:
            return found
    if node.variable is None:
        return None
    return _find(node.variable, segments, position + 1, (*values, part))

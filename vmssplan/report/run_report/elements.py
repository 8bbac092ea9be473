"""Markup by hand, where forgetting to escape is impossible: text is escaped unless it is Markup."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTHING: Mapping[str, object] = {}


class Markup(str):
    """Text that is markup already; only this file and constants of ours make it."""

    __slots__ = ()


def element(name: str, attributes: Mapping[str, object], *children: str) -> Markup:
    """Return an element; an attribute that is None is left out, one that is True has no value."""
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if not children:
        return Markup(f"<{name}{written}/>")
    return Markup(f"<{name}{written}>{joined(*children)}</{name}>")


def joined(*children: str) -> Markup:
    """Return them one after the other."""
    return Markup("".join(one if isinstance(one, Markup) else escape(one) for one in children))


def _attribute(key: str, value: object) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return f' {key}=""'
    return f' {key}="{escape(str(value))}"'

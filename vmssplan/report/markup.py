"""Texts that others wrote, so that markdown shows them as they are, wherever it is rendered.

Names, messages and reasons come from Azure, from Plans and from people. None of them may end the
table, the fence or the HTML around it, or notify anybody who is named in it.
"""

from __future__ import annotations

import html
import re

from vmssplan.report.wording import one_line

_SPECIAL = re.compile(r"[\\`*_\[\]<>&|~$]")
_LINK = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
_FIRST = re.compile(r"^([-+#=]|\d+(?=[.)]))")
_REFERENCE = re.compile(r"@|#(?=\w)|\bGH-(?=\d)", re.IGNORECASE)
_NO_WIDTH = "\u200b"
"""Between the sign and the name: neither a mention nor a reference to an issue any more."""


def plain(text: str) -> str:
    """Return the text on one line, in a paragraph, a list or a table."""
    line = _LINK.sub(r"\\\g<0>", _SPECIAL.sub(r"\\\g<0>", one_line(text)))
    return _unreferring(_FIRST.sub(_escaped_first, line))


def code(text: str) -> str:
    """Return the text as code, or plain where code could not hold it in a table."""
    line = one_line(text)
    return f"`{line}`" if line and not set(line) & set("`|\\") else plain(line)


def in_html(text: str) -> str:
    """Return the text for the inside of an element, on one line."""
    return _unreferring(html.escape(one_line(text)))


def fenced(text: str) -> str:
    """Return the text for a line of a fence that begins with something of ours."""
    return one_line(text)


def _escaped_first(found: re.Match[str]) -> str:
    """Escape what would begin a list, a heading or an underline: the sign, or the dot behind."""
    return found[0] + "\\" if found[0].isdecimal() else f"\\{found[0]}"


def _unreferring(text: str) -> str:
    return _REFERENCE.sub(rf"\g<0>{_NO_WIDTH}", text)

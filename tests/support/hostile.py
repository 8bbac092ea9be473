"""Texts that want to be more than text."""

from __future__ import annotations

from hypothesis import strategies as st

FRAGMENTS = (
    "|", "\\", "`", "```", "~~~", "*", "_", "**b**", "[a](http://x.invalid)", "![i](x)", "<b>",
    "</details>", "<!--", "-->", "<script>alert(1)</script>", "&lt;", "&amp;", "&#64;", "@octocat",
    "@org/team", "#12", "org/repo#3", "GH-7", "https://x.invalid/a_b", "www.x.invalid", "$x$",
    "a@b.invalid", "- ", "+ ", "# ", "> ", "1. ", "1) ", "---", "===", "\n", "\r\n", "\t",
    "\x1b[31m", "\u202e", "::error::", "::set-output name=x::y",
    "%0A", "- [ ] ", "~~gone~~", " ", "web", "7",
    "<https://x.invalid>", "[ref]: http://x.invalid", "| --- | --- |", "\u200b", "\\|", ":::",
)  # fmt: skip
HOSTILE = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=8).map(
    "".join
)

"""Markdown as a forge renders it: CommonMark with tables, and HTML passed through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

NO_WIDTH = "\u200b"
GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def inlines(markdown: str) -> Iterator[Token]:
    """Yield every piece of running text: paragraphs, list items, headings, table cells."""
    return (token for token in GITHUB.parse(markdown) if token.type == "inline")


def shown(inline: Token) -> str:
    """Return what a reader sees of it, without what has no width."""
    return "".join(child.content for child in inline.children or ()).replace(NO_WIDTH, "")


def pieces(inline: Token) -> set[str]:
    """Return the kinds of things it is made of."""
    return {child.type for child in inline.children or ()} - {"text", "text_special"}


def cells(markdown: str) -> list[str]:
    """Return what the cells of the tables show, row by row."""
    tokens = GITHUB.parse(markdown)
    starts = [n for n, token in enumerate(tokens) if token.type in ("th_open", "td_open")]
    return [shown(tokens[n + 1]) for n in starts]


def html_blocks(markdown: str) -> list[str]:
    """Return the lines of HTML that are passed through."""
    tokens = GITHUB.parse(markdown)
    found = [token.content for token in tokens if token.type == "html_block"]
    inner = [child for token in tokens for child in token.children or ()]
    found += [child.content for child in inner if child.type == "html_inline"]
    return [line for block in found for line in block.splitlines()]

"""Runs the whole table and says what was compared; exits 1 where lint and engine differ.

python -m tests.lint_table
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from dataclasses import fields
from typing import TYPE_CHECKING

from tests.lint_table.cases import table
from tests.lint_table.judging import Verdict, by_lint, by_rehearsal

if TYPE_CHECKING:
    from tests.lint_table.cases import Pair


def tell(text: str) -> None:
    """Write a line."""
    sys.stdout.write(text + "\n")


async def main(pairs: tuple[Pair, ...]) -> int:
    """Judge every pair twice; return how many differ."""
    differ = 0
    seen: Counter[tuple[str, bool | None]] = Counter()
    for number, pair in enumerate(pairs):
        said, rules = by_lint(pair)
        happened = await by_rehearsal(pair)
        seen.update((one.name, getattr(happened, one.name)) for one in fields(Verdict))
        if said != happened:
            differ += 1
            tell(f"{number}: {pair}\n  lint      {said} {sorted(rules)}\n  rehearsal {happened}")
    for question in (one.name for one in fields(Verdict)):
        answers = {answer: seen[question, answer] for answer in (True, False, None)}
        tell(
            f"{question:14} yes {answers[True]:5} no {answers[False]:5} not asked {answers[None]:5}"
        )
    tell(f"{len(pairs)} pairs of set and policy, {differ} where lint and rehearsal differ")
    return differ


if __name__ == "__main__":
    sys.exit(int(bool(asyncio.run(main(table())))))

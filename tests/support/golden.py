"""Golden files: what a report looked like when somebody last looked at it and was content.

`pytest --update-golden` writes them anew; the difference is then for `git diff` and a reader.
Digests are masked: they change with every field of a Rollout, and tell a reader nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Golden:
    """Compares text with a golden file, or writes it."""

    update: bool

    def check(self, name: str, text: str) -> None:
        """Assert that the text is the one in `tests/golden/<name>.txt`."""
        path = FOLDER / f"{name}.txt"
        masked = _DIGEST.sub(f"sha256:{'0' * 64}", text)
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(masked, encoding="utf-8", newline="\n")
        assert path.is_file(), f"there is no {path}; write it with --update-golden"
        assert masked == path.read_text(encoding="utf-8")

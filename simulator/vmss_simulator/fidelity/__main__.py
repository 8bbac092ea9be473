"""Print the fidelity ledger, or write it to a file: `python -m vmss_simulator.fidelity [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from vmss_simulator.fidelity import markdown


def main(arguments: list[str]) -> None:
    """Write the ledger to the file that is named, else to standard output."""
    if arguments:
        Path(arguments[0]).write_text(markdown(), encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(markdown())


if __name__ == "__main__":
    main(sys.argv[1:])

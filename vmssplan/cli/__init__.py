"""The command line: the only place that wires real things together.

`main` is the program. The verbs are one file a group; each returns its exit code. Nothing heavy
is imported before the verb that needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING

from typer.exceptions import Abort, TyperException

from vmssplan.cli.app import app
from vmssplan.cli.console import Console
from vmssplan.cli.logs import configure_from_environment
from vmssplan.cli.spelling import doubled
from vmssplan.errors import DocumentInvalid, ExitCode, VmssplanError
from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and end the process with an exit code of `errors.ExitCode`."""
    sys.exit(int(run(arguments)))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; every error ends as a message, not a traceback."""
    configure_from_environment()
    console = Console()
    given = doubled(sys.argv[1:] if arguments is None else arguments)
    try:
        code = app(args=given, prog_name="vmssplan", standalone_mode=False)
    except TyperException as error:
        # A usage error: 1, because 2 means "there are changes".
        usage = getattr(error, "ctx", None)
        hint = f"Try '{usage.command_path} --help'." if usage else None
        console.error(error.format_message(), hint=hint)
        return ExitCode.ERROR
    except DocumentInvalid as error:
        for problem in error.problems:
            console.error(str(problem))
        if error.hint:
            console.hint(error.hint)
        return error.exit_code
    except VmssplanError as error:
        console.error(error.message, hint=error.hint)
        return error.exit_code
    except (Abort, KeyboardInterrupt):
        console.error("stopped by the user")
        return ExitCode.CANCELLED
    except BrokenPipeError:
        # Whoever read our output has seen enough; a second write would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.ERROR
    except Exception as error:  # noqa: BLE001 - the last place where a bug can be told of
        if os.environ.get("VMSSPLAN_DEBUG"):
            console.say(redacted("".join(traceback.format_exception(error))))
        console.error(
            f"a bug in vmssplan: {type(error).__name__}: {redacted(str(error))}",
            hint="set VMSSPLAN_DEBUG=1 to see where; a Run can be resumed",
        )
        return ExitCode.BUG
    return ExitCode.CANCELLED if code == INTERRUPTED else int(code or 0)

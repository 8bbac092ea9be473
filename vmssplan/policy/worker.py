"""The process in which rules are evaluated: JSON in, one line of JSON out for each rule.

Neither a JSON Schema nor CEL can touch anything, but either can take for ever or all memory: who
started this process ends it when its time is up. Nothing of vmssplan is wired here.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from vmssplan.durations import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_MEMORY_BYTES = 2 * 1024**3
_LONGEST_ERROR = 300


class Unanswered(Exception):
    """It cannot be told whether the rule holds; `key` is what of the rule is to blame."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def main() -> None:
    """Answer for each rule of the request on standard input."""
    with suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415 - POSIX only

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    for answer in answers(json.load(sys.stdin)):
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def answers(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield an answer for each rule: `paths` where it does not hold, or `error` and its `key`."""
    for rule in request["rules"]:
        try:
            yield {"paths": _broken(rule, request["variables"])}
        except Unanswered as error:
            yield {"key": error.key, "error": str(error)}


def _broken(rule: Mapping[str, Any], variables: Mapping[str, Any]) -> list[list[str | int]]:
    """Return where the rule does not hold; one that is not to be run is only read."""
    for key in ("when", "cel"):
        if rule.get(key) is not None:
            _compiled(key, rule[key])
    if not rule["run"] or not _counts(rule, variables):
        return []
    if rule.get("cel") is not None:
        return [] if _is_true("cel", rule["cel"], variables) else [[]]
    return _unfit(rule["schema"], variables["plan"])


def _counts(rule: Mapping[str, Any], variables: Mapping[str, Any]) -> bool:
    return rule.get("when") is None or _is_true("when", rule["when"], variables)


def _compiled(key: str, expression: str) -> Any:
    import cel  # noqa: PLC0415 - only who has a rule in CEL has it installed

    try:
        return cel.compile(expression)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        raise Unanswered(key, _first_line(error)) from error


def _is_true(key: str, expression: str, variables: Mapping[str, Any]) -> bool:
    import cel  # noqa: PLC0415 - see above

    program = _compiled(key, expression)
    context = cel.Context(dict(variables), {"seconds": _seconds})
    try:
        found = program.execute(context)
    except (KeyboardInterrupt, SystemExit):
        raise
    except KeyError as error:
        reason = f"there is no key {error}; ask with has(...) first"
        raise Unanswered(key, reason) from error
    except BaseException as error:
        # A failure inside the interpreter is no Exception.
        raise Unanswered(key, _first_line(error)) from error
    if not isinstance(found, bool):
        raise Unanswered(key, f"it must be true or false, and is {type(found).__name__}")
    return found


def _unfit(schema: Mapping[str, Any], plan: Any) -> list[list[str | int]]:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - heavy
    from referencing import Registry  # noqa: PLC0415 - comes with jsonschema

    # An empty registry, so that a reference to elsewhere is an error, and never fetched.
    validator: Any = Draft202012Validator(schema, registry=Registry())
    try:
        found = {tuple(leaf.absolute_path) for leaf in validator.iter_errors(plan)}
    except Exception as error:
        raise Unanswered("schema", _first_line(error)) from error
    return sorted((list(path) for path in found), key=str)


def _seconds(text: str) -> float:
    return parse_duration(text).total_seconds()


def _first_line(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it takes too much memory"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_LONGEST_ERROR]


if __name__ == "__main__":
    main()

"""How an instance stands, in the words of `--state` and of the page: one function for both."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from vmssplan.model import FAILED

if TYPE_CHECKING:
    from vmssplan.model import HealthSource, Instance, ModelFields


class StateWord(StrEnum):
    """What can be said of an instance; the first that is true, but PROTECTED, is its main word."""

    OPERATING = "operating"
    FAILED = "failed"
    DEALLOCATED = "deallocated"
    STOPPED = "stopped"
    UNHEALTHY = "unhealthy"
    OUTDATED = "outdated"
    CURRENT = "current"
    PROTECTED = "protected"


ON_ITS_WAY = frozenset({"creating", "starting", "stopping", "deallocating"})
"""Power states that will be another by themselves."""


def state_words(
    instance: Instance, wanted: ModelFields, source: HealthSource
) -> tuple[StateWord, ...]:
    """Return all that is true of it, most urgent first; `wanted` is what current ones run.

    Every instance is either current or outdated. One that is operated on, or switched off, is not
    called unhealthy: nobody expects it to serve.
    """
    is_operating = instance.is_busy or instance.power_state in ON_ITS_WAY
    is_off = instance.power_state in ("stopped", "deallocated")
    is_current = instance.is_current(wanted)
    truths = {
        StateWord.OPERATING: is_operating,
        StateWord.FAILED: instance.provisioning_state == FAILED,
        StateWord.DEALLOCATED: not is_operating and instance.power_state == "deallocated",
        StateWord.STOPPED: not is_operating and instance.power_state == "stopped",
        StateWord.UNHEALTHY: not (is_operating or is_off or instance.is_healthy(source)),
        StateWord.OUTDATED: not is_current,
        StateWord.CURRENT: is_current,
        StateWord.PROTECTED: instance.protected_from_scale_set_actions
        or instance.protected_from_scale_in,
    }
    return tuple(word for word in StateWord if truths[word])


def main_state(words: tuple[StateWord, ...]) -> StateWord:
    """Return the one word that gives an instance its colour; of what `state_words` answered."""
    return words[0]

"""When an upgraded instance counts as good; when what a gate measured passes or stops it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.copying import replace
from tests.support.strategies import MOMENTS
from tests.support.values import START, minutes, seconds
from vmssplan.gates import (
    HealthEvidence,
    Measurement,
    Tally,
    Verdict,
    gate_verdict,
    health_verdict,
    next_measurement_at,
    next_verdict_at,
)
from vmssplan.model import Counting, Health

ANSWERS = {
    "S": Verdict.SUCCESSFUL,
    "F": Verdict.FAILED,
    "I": Verdict.INCONCLUSIVE,
    "E": Verdict.ERROR,
    "R": Verdict.RUNNING,
}
ALL_ANSWERS = st.text("SFIER", max_size=12)
COUNTINGS = st.builds(
    Counting,
    consecutive_successes=st.integers(0, 4),
    failure_limit=st.integers(0, 3),
    inconclusive_limit=st.integers(0, 3),
    consecutive_error_limit=st.integers(0, 4),
)
HEALTH = Health(min_healthy_time=seconds(30), deadline=minutes(10))


@pytest.mark.parametrize(
    ("healthy_since", "now", "verdict"),
    [
        pytest.param(None, 0, Verdict.RUNNING, id="just upgraded"),
        pytest.param(None, 599, Verdict.RUNNING, id="not late yet"),
        pytest.param(None, 600, Verdict.FAILED, id="late"),
        pytest.param(60, 89, Verdict.RUNNING, id="not long enough"),
        pytest.param(60, 90, Verdict.SUCCESSFUL, id="long enough"),
        pytest.param(590, 610, Verdict.RUNNING, id="in time, may finish after the deadline"),
        pytest.param(590, 620, Verdict.SUCCESSFUL, id="finished after the deadline"),
    ],
)
def test_verdicts(healthy_since: int | None, now: int, verdict: Verdict) -> None:
    """Upgraded at 0 s, healthy for 30 s within 10 minutes."""
    since = None if healthy_since is None else START + seconds(healthy_since)
    evidence = HealthEvidence(START, since)

    assert health_verdict(evidence, HEALTH, START + seconds(now)) is verdict


@given(st.one_of(st.none(), MOMENTS), MOMENTS)
def test_time_alone_changes_nothing_before_it_is_said_to(since: object, now: object) -> None:
    """Up to the next moment a verdict stays Running, and then it does not."""
    evidence = HealthEvidence(START, since)  # type: ignore[arg-type]
    verdict = health_verdict(evidence, HEALTH, now)  # type: ignore[arg-type]

    assert (verdict is Verdict.RUNNING) == (now < next_verdict_at(evidence, HEALTH))  # type: ignore[operator]


@given(MOMENTS)
def test_unknown_health_never_succeeds(now: object) -> None:
    """Without evidence of health there is no success, at any time."""
    verdict = health_verdict(HealthEvidence(START, None), HEALTH, now)  # type: ignore[arg-type]

    assert verdict is not Verdict.SUCCESSFUL


def tally_of(answers: str) -> Tally:
    """Return the Tally after these answers, one a minute."""
    tally = Tally()
    for number, letter in enumerate(answers):
        measurement = Measurement(ANSWERS[letter], f"answer {number}: {letter}")
        tally = tally.after(measurement, START + minutes(number))
    return tally


def judged(answers: str, counting: Counting) -> Verdict:
    """Return the verdict after these answers."""
    return gate_verdict(tally_of(answers), counting).verdict


@pytest.mark.parametrize("answers", ["", "S", "F", "I", "ES", "EEF"])
def test_rows_begin_at_nothing(answers: str) -> None:
    """What breaks a row leaves none of it: the next error is the first."""
    assert tally_of(answers).errors_in_row == 0
    assert tally_of(answers + "E").errors_in_row == 1


@pytest.mark.parametrize(
    ("answers", "counting", "verdict", "reason"),
    [
        ("", Counting(), Verdict.RUNNING, "not measured yet"),
        ("S", Counting(), Verdict.SUCCESSFUL, "1 successful: answer 0: S"),
        ("F", Counting(), Verdict.FAILED, "1 failed, none tolerated: answer 0: F"),
        ("I", Counting(), Verdict.INCONCLUSIVE, "1 inconclusive, none tolerated: answer 0: I"),
        ("EEEE", Counting(), Verdict.RUNNING, "0 of 1 successful in a row: answer 3: E"),
        (
            "EEEEE",
            Counting(),
            Verdict.ERROR,
            "5 errors in a row, at most 4 tolerated: answer 4: E",
        ),
        (
            "EEEESEEEE",
            Counting(consecutive_successes=2),
            Verdict.RUNNING,
            "0 of 2 successful in a row: answer 8: E",
        ),
        (
            "SSFSS",
            Counting(consecutive_successes=3, failure_limit=1),
            Verdict.RUNNING,
            "2 of 3 successful in a row: answer 4: S",
        ),
        (
            "SSFSSS",
            Counting(consecutive_successes=3, failure_limit=1),
            Verdict.SUCCESSFUL,
            "3 successful in a row: answer 5: S",
        ),
        (
            "FSSF",
            Counting(consecutive_successes=3, failure_limit=1),
            Verdict.FAILED,
            "2 failed, at most 1 tolerated: answer 3: F",
        ),
    ],
)
def test_gate_verdicts(answers: str, counting: Counting, verdict: Verdict, reason: str) -> None:
    """The verdict follows the counts, and says them with what was measured last."""
    judgement = gate_verdict(tally_of(answers), counting)

    assert (judgement.verdict, judgement.reason) == (verdict, reason)


@given(st.text("FIER", max_size=12), COUNTINGS)
def test_a_gate_never_passes_without_a_success(answers: str, counting: Counting) -> None:
    """Nothing measured, failures, no answers and errors never pass, whatever the limits."""
    assert judged(answers, counting) is not Verdict.SUCCESSFUL


@given(ALL_ANSWERS, COUNTINGS)
def test_a_gate_passes_only_on_a_row_of_successes(answers: str, counting: Counting) -> None:
    """Whoever passes has as many successes as asked for, and at least one, at the very end."""
    if judged(answers, counting) is Verdict.SUCCESSFUL:
        assert answers.endswith("S" * max(1, counting.consecutive_successes))


@given(ALL_ANSWERS, ALL_ANSWERS, COUNTINGS)
def test_too_many_failures_stay_too_many(before: str, after: str, counting: Counting) -> None:
    """Nothing that is measured later turns Failed into anything else."""
    if judged(before, counting) is Verdict.FAILED:
        assert judged(before + after, counting) is Verdict.FAILED


@given(ALL_ANSWERS, ALL_ANSWERS, COUNTINGS)
def test_too_many_inconclusive_never_pass_later(
    before: str, after: str, counting: Counting
) -> None:
    """After Inconclusive only something worse can come."""
    if judged(before, counting) is Verdict.INCONCLUSIVE:
        assert judged(before + after, counting) not in (Verdict.SUCCESSFUL, Verdict.RUNNING)


@given(st.lists(st.sampled_from("FI"), max_size=8), st.randoms(), COUNTINGS)
def test_the_order_of_failed_and_inconclusive_is_all_one(
    answers: list[str], random: object, counting: Counting
) -> None:
    """What counts over the whole gate counts in any order."""
    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert judged("".join(shuffled), counting) is judged("".join(answers), counting)


@given(ALL_ANSWERS, COUNTINGS, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
def test_tolerating_more_never_stops_what_went_on(
    answers: str, counting: Counting, failed: int, inconclusive: int, errors: int
) -> None:
    """With larger limits a gate that was Running or Successful stays just that."""
    laxer = Counting(
        consecutive_successes=counting.consecutive_successes,
        failure_limit=counting.failure_limit + failed,
        inconclusive_limit=counting.inconclusive_limit + inconclusive,
        consecutive_error_limit=counting.consecutive_error_limit + errors,
    )
    verdict = judged(answers, counting)

    if verdict in (Verdict.RUNNING, Verdict.SUCCESSFUL):
        assert judged(answers, laxer) is verdict


@given(ALL_ANSWERS, COUNTINGS, st.integers(0, 3))
def test_asking_for_more_successes_never_passes_sooner(
    answers: str, counting: Counting, more: int
) -> None:
    """What passes with a longer row passes with a shorter one too."""
    stricter = replace(counting, consecutive_successes=counting.consecutive_successes + more)

    if judged(answers, stricter) is Verdict.SUCCESSFUL:
        assert judged(answers, counting) is Verdict.SUCCESSFUL


@given(st.text("SFIER", min_size=12, max_size=12), COUNTINGS, st.integers(0, 10))
def test_every_gate_ends(answers: str, counting: Counting, limit: int) -> None:
    """Answers and errors in turn, which no limit counts, are given up at the deadline."""
    bounded = replace(counting, interval=minutes(1), deadline=minutes(limit))

    assert judged(answers[: limit + 2], bounded) is not Verdict.RUNNING


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [("SESES", Verdict.ERROR), ("SESE", Verdict.RUNNING), ("EEESS", Verdict.SUCCESSFUL)],
)
def test_a_gate_may_measure_up_to_its_deadline(answers: str, verdict: Verdict) -> None:
    """Four minutes, one measurement a minute: the fifth is the last, and may pass it."""
    counting = Counting(
        interval=minutes(1),
        consecutive_successes=2,
        consecutive_error_limit=99,
        deadline=minutes(4),
    )

    judgement = gate_verdict(tally_of(answers), counting)

    assert judgement.verdict is verdict
    if verdict is Verdict.ERROR:
        assert judgement.reason == "not passed within PT4M: answer 4: S"


def test_the_first_measuring_waits_for_the_initial_delay() -> None:
    """It is counted from the beginning of the gate."""
    counting = Counting(initial_delay=minutes(2), interval=seconds(10))

    assert next_measurement_at(Tally(), counting, START) == START + minutes(2)


def test_the_next_measuring_waits_for_the_interval() -> None:
    """It is counted from the end of the last measuring, whenever the gate began."""
    counting = Counting(initial_delay=minutes(2), interval=seconds(10))

    due = next_measurement_at(tally_of("FF"), counting, START)

    assert due == START + minutes(1) + seconds(10)

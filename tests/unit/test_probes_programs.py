"""What real programs are told, and what is made of how they end."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.values import TARGET, instance, minutes, seconds
from vmssplan.gates import Measurement, Verdict
from vmssplan.model import CommandProbe, HealthState, Instance, ProbeScope
from vmssplan.ports import Subject
from vmssplan.probes import MAX_AT_A_TIME, RealProbes

PYTHON = Path(sys.executable).name
POSIX_ONLY = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals and groups")


def program(code: str, *arguments: str, **changes: Any) -> CommandProbe:
    """Return a program in Python."""
    usual = {"timeout": minutes(1)}
    return CommandProbe((sys.executable, "-c", code, *arguments), **usual | changes)


class Heard(list[str]):
    """The lines that were said; `something` is set with the first."""

    def __init__(self) -> None:
        super().__init__()
        self.something = asyncio.Event()

    def hear(self, line: str) -> None:
        """Keep a line."""
        self.append(line)
        self.something.set()

    async def measured(
        self,
        probe: CommandProbe,
        *instances: Instance,
        environment: dict[str, str] | None = None,
        batch: int | None = 2,
    ) -> Measurement:
        """Return what real probes say."""
        subject = Subject(TARGET, "gate", "run-1", batch, instances)
        own = {**os.environ, **(environment or {})}
        return await RealProbes(own, self.hear).measure(probe, subject)


@pytest.mark.parametrize(
    ("code", "measurement"),
    [
        ("pass", Measurement(Verdict.SUCCESSFUL, "exit code 0")),
        ("exit(75)", Measurement(Verdict.INCONCLUSIVE, "exit code 75")),
        ("exit(1)", Measurement(Verdict.FAILED, "exit code 1")),
        ("exit(255)", Measurement(Verdict.FAILED, "exit code 255")),
        pytest.param(
            "import os; os.abort()",
            Measurement(Verdict.FAILED, "ended by SIGABRT"),
            marks=POSIX_ONLY,
        ),
    ],
)
async def test_exit_codes(code: str, measurement: Measurement) -> None:
    """0 is a yes, 75 no answer yet, anything else a no."""
    assert await Heard().measured(program(code)) == measurement


@pytest.mark.parametrize("run", [("./there-is-no-such-program",), (__file__,), ("a\0b",), ("",)])
async def test_what_cannot_be_started(run: tuple[str, ...]) -> None:
    """It is an error that names its class."""
    found = await Heard().measured(CommandProbe(run))

    assert found.verdict is Verdict.ERROR
    assert found.detail.startswith("cannot be started: ")
    assert found.detail.endswith("Error")


async def test_arguments_are_not_for_a_shell() -> None:
    """What a shell would take apart or carry out arrives as it stands."""
    heard = Heard()
    argument = "$HOME; echo `id` && * | >x 'y"

    await heard.measured(program("import sys; print(sys.argv[1])", argument))

    assert heard == [f"{PYTHON}: {argument}"]


TELL = "import os; print([(k, v) for k, v in sorted(os.environ.items()) if k[:8] == 'VMSSPLAN'])"


async def test_the_environment_tells_what_it_is_about() -> None:
    """Ours, and variables of the Run, the set, the occasion and the instances."""
    heard = Heard()
    code = TELL + "; print(os.environ['OWN'])"

    await heard.measured(
        program(code), instance("3"), instance("5"), environment={"OWN": "is kept"}
    )

    told = [
        ("VMSSPLAN_BATCH", "2"),
        ("VMSSPLAN_INSTANCE_IDS", "3 5"),
        ("VMSSPLAN_OCCASION", "gate"),
        ("VMSSPLAN_RESOURCE_GROUP", "myrg"),
        ("VMSSPLAN_RUN", "run-1"),
        ("VMSSPLAN_SCALE_SET", "web"),
        ("VMSSPLAN_SUBSCRIPTION_ID", TARGET.subscription_id),
    ]
    assert heard == [f"{PYTHON}: {told}", f"{PYTHON}: is kept"]


async def test_no_batch_is_no_variable() -> None:
    """One that was inherited from another vmssplan is taken away."""
    heard = Heard()

    await heard.measured(
        program("import os; print('VMSSPLAN_BATCH' in os.environ)"),
        environment={"VMSSPLAN_BATCH": "7"},
        batch=None,
    )

    assert heard == [f"{PYTHON}: False"]


async def test_the_input_is_a_document() -> None:
    """Standard input says the same in JSON, and more about each instance."""
    heard = Heard()
    instances = (
        instance("3", computer_name="web000003", zone="1", private_ip_address="10.0.0.7"),
        instance("5", application_health=HealthState.HEALTHY, probed_healthy=False),
        instance("6", application_health=HealthState.UNKNOWN),
        instance("7", application_health=None, zone=None),
    )

    await heard.measured(program("import json; print(json.dumps(json.loads(input())))"), *instances)

    (line,) = heard
    document = json.loads(line.partition(": ")[2])
    assert document.pop("instances") == [
        {
            "instanceId": "3",
            "vmId": "vm-3",
            "computerName": "web000003",
            "zone": "1",
            "privateIpAddress": "10.0.0.7",
            "health": "healthy",
        },
        {
            "instanceId": "5",
            "vmId": "vm-5",
            "computerName": None,
            "zone": instances[1].zone,
            "privateIpAddress": None,
            "health": "unhealthy",
        },
        {
            "instanceId": "6",
            "vmId": "vm-6",
            "computerName": None,
            "zone": instances[2].zone,
            "privateIpAddress": None,
            "health": "unknown",
        },
        {
            "instanceId": "7",
            "vmId": "vm-7",
            "computerName": None,
            "zone": None,
            "privateIpAddress": None,
            "health": None,
        },
    ]
    assert document == {
        "run": "run-1",
        "subscriptionId": TARGET.subscription_id,
        "resourceGroup": "myrg",
        "scaleSet": "web",
        "occasion": "gate",
        "batch": 2,
    }


async def test_output_is_said_line_by_line_and_nowhere_else() -> None:
    """Output and errors, without what a terminal would act on, and never in the detail."""
    heard = Heard()
    code = (
        "import sys\n"
        "print('one\\ttoken=x', flush=True)\n"
        "print('\\x1b[31mtwo\\r\\n\\nthree', file=sys.stderr, flush=True)\n"
        "sys.stdout.buffer.write(b'caf\\xc3\\xa9 \\xff' + b'z' * 5000)\n"
        "exit(3)"
    )

    found = await heard.measured(program(code, scope=ProbeScope.INSTANCE), instance("17"))

    assert [line.removeprefix(f"{PYTHON} 17: ") for line in heard] == [
        "one token=x",
        " [31mtwo",
        "three",
        "café \ufffd" + "z" * 4090,
        "z" * 910,
    ]
    assert found == Measurement(Verdict.FAILED, "instance 17: exit code 3")


async def test_input_that_is_not_read() -> None:
    """A program need not read what it is told, however much that is."""
    many = [instance(str(number), computer_name="w" * 200) for number in range(1000)]

    found = await Heard().measured(program("import sys; sys.stdin.close()"), *many)

    assert found.verdict is Verdict.SUCCESSFUL


async def test_a_program_that_prints_for_ever() -> None:
    """The timeout ends it, and is an error."""
    found = await Heard().measured(program("while True: print('x' * 70)", timeout=seconds(0.5)))

    assert found == Measurement(Verdict.ERROR, "not finished within PT0.5S, killed")


FAMILY = """
import subprocess, sys
child = "import sys, time; print('child', flush=True); time.sleep(600)"
started = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
started.stdout.readline()
print(started.pid, flush=True)
"""
WAIT = "import time; time.sleep(600)"


def is_alive(line: str) -> bool:
    """Tell whether the process whose number was said runs; a zombie does not."""
    stat = Path(f"/proc/{line.rpartition(' ')[2]}/stat")
    try:
        return stat.read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(line: str) -> None:
    """Return once that process is gone."""
    while is_alive(line):  # noqa: ASYNC110 - nobody tells when it is
        await asyncio.sleep(0.01)


PROC_ONLY = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


@PROC_ONLY
async def test_a_timeout_kills_what_the_program_has_started() -> None:
    """Nothing of it outlives the measurement."""
    heard = Heard()

    found = await heard.measured(program(FAMILY + WAIT, timeout=seconds(1)))

    assert found.verdict is Verdict.ERROR
    for line in heard:  # none where a busy machine took all the time to start it
        await asyncio.wait_for(gone(line), 10)


@PROC_ONLY
async def test_cancelling_kills_too() -> None:
    """Whoever stops vmssplan stops its programs."""
    heard = Heard()
    task = asyncio.ensure_future(heard.measured(program(FAMILY + WAIT)))
    await asyncio.wait_for(heard.something.wait(), 30)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    (line,) = heard
    await asyncio.wait_for(gone(line), 10)


async def test_cancelling_before_it_has_begun() -> None:
    """A program that is just being started is not left behind."""
    task = asyncio.ensure_future(Heard().measured(program(WAIT)))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 10)


@PROC_ONLY
async def test_what_holds_the_output_holds_up_nobody() -> None:
    """A program that has ended has ended, though what it left behind could still print."""
    heard = Heard()
    family = FAMILY.replace("stdout=subprocess.PIPE", "stderr=None").replace(
        "started.stdout.readline()", "pass"
    )

    found = await asyncio.wait_for(heard.measured(program(family)), 30)

    assert found == Measurement(Verdict.SUCCESSFUL, "exit code 0")
    said = next(line for line in heard if not line.endswith("child"))
    os.kill(int(said.rpartition(" ")[2]), 9)


async def test_only_so_many_at_a_time(tmp_path: Path) -> None:
    """However many instances there are, no more programs than that run together."""
    code = (
        "import os, sys, pathlib, uuid\n"
        "mine = pathlib.Path(sys.argv[1], uuid.uuid4().hex)\n"
        "mine.touch()\n"
        "print(len(os.listdir(sys.argv[1])))\n"
        "mine.unlink()"
    )
    heard = Heard()
    many = [instance(str(number)) for number in range(MAX_AT_A_TIME + 8)]

    found = await heard.measured(program(code, str(tmp_path), scope=ProbeScope.INSTANCE), *many)

    assert found == Measurement(Verdict.SUCCESSFUL, f"all {len(many)} instances: exit code 0")
    assert len(heard) == len(many)
    assert max(int(line.rpartition(" ")[2]) for line in heard) <= MAX_AT_A_TIME


async def test_each_instance_has_its_own_program() -> None:
    """It is told of that one alone; what most of the worst said stands for them."""
    code = (
        "import os\n"
        "exit({'1': 0, '2': 75, '3': 4, '4': 5, '5': 5}[os.environ['VMSSPLAN_INSTANCE_IDS']])"
    )
    probe = program(code, scope=ProbeScope.INSTANCE)

    async def asked(*names: str) -> Measurement:
        return await Heard().measured(probe, *(instance(name) for name in names))

    assert await asked("1", "2") == Measurement(
        Verdict.INCONCLUSIVE, "1 of 2 instances (2): exit code 75"
    )
    assert await asked("1", "2", "3", "4", "5") == Measurement(
        Verdict.FAILED, "3 of 5 instances (3, 4, 5): exit code 5"
    )

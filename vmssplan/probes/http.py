"""One GET request, and whether its answer has the expected status.

The body is not read. Redirects are not followed: where one leads, such as to a page to log in,
says nothing of the address that was asked. Certificates are verified; proxies are those of the
environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmssplan import __version__
from vmssplan.durations import format_duration
from vmssplan.gates import Measurement, Verdict

if TYPE_CHECKING:
    from vmssplan.model import HttpProbe

_REDIRECTS = range(300, 400)


async def ask(probe: HttpProbe) -> Measurement:
    """Ask the address as it stands, without placeholders."""
    import aiohttp  # noqa: PLC0415 - 0.2 s that most commands need not pay

    session = aiohttp.ClientSession(
        headers={"User-Agent": f"vmssplan/{__version__}"},
        timeout=aiohttp.ClientTimeout(total=probe.timeout.total_seconds()),
        trust_env=True,
    )
    try:
        async with session, session.get(probe.url, allow_redirects=False) as answer:
            return _judged(answer.status, probe)
    except TimeoutError:
        return Measurement(Verdict.ERROR, f"no answer within {format_duration(probe.timeout)}")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Measurement(Verdict.ERROR, f"no answer: {_kind_of(error)}")


def _judged(status: int, probe: HttpProbe) -> Measurement:
    if status == probe.expect_status:
        return Measurement(Verdict.SUCCESSFUL, f"HTTP {status}")
    not_followed = ", redirects are not followed" if status in _REDIRECTS else ""
    detail = f"HTTP {status}, expected {probe.expect_status}{not_followed}"
    return Measurement(Verdict.FAILED, detail)


def _kind_of(error: Exception) -> str:
    """Name the classes of the error and of what caused it; their texts may hold anything."""
    cause = getattr(error, "os_error", None) or getattr(error, "certificate_error", None)
    names = [type(error).__name__, *([type(cause).__name__] if cause else [])]
    return ": ".join(dict.fromkeys(names))

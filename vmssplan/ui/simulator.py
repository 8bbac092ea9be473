"""The simulator behind the page: its clock, faults and checkpoints, through its admin interface.

What the page may ask for there is listed here; nothing else of that interface can be reached
through this server.
"""

from __future__ import annotations

import json
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import aiohttp

from vmssplan.errors import NotFound, ServiceUnavailable, UsageInvalid

if TYPE_CHECKING:
    from pathlib import Path

Document = dict[str, Any]
_SECONDS = aiohttp.ClientTimeout(total=30)


class Simulator:
    """The admin interface of a served simulator; also a `Change`, which tells free of charge."""

    def __init__(self, endpoint: str, ca_file: Path | None, token: str | None = None) -> None:
        url = urlsplit(endpoint)
        self._address = f"https://{url.netloc}{url.path.rstrip('/')}/_sim"
        self._tls = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def mark(self) -> str | None:
        """Return what is another one whenever anything has happened."""
        state = await self._ask("GET", "/state")
        etags = [(one["id"], one["etag"]) for one in state["scaleSets"]]
        return json.dumps([state["events"], state["seed"], etags])

    async def subscriptions(self) -> tuple[str, ...]:
        """Return the subscriptions of its scale sets."""
        state = await self._ask("GET", "/state")
        return tuple(dict.fromkeys(one["id"].split("/")[2] for one in state["scaleSets"]))

    async def show(self) -> Document:
        """Return its clock, faults and checkpoints."""
        faults = await self._ask("GET", "/faults")
        checkpoints = await self._ask("GET", "/checkpoints")
        return {"clock": await self._ask("GET", "/clock"), **faults, **checkpoints}

    async def clock(self, wanted: Document) -> Document:
        """Move time (`seconds`, `to`), jump to the next event (`next`), or set its `speed`."""
        match wanted:
            case {"next": True, **rest} if not rest:
                return await self._ask("POST", "/clock/next")
            case {"seconds": _} | {"to": _}:
                return await self._ask("POST", "/clock/advance", wanted)
            case _:
                return await self._ask("PUT", "/clock", wanted)

    async def faults(self, wanted: Document) -> Document:
        """Add a fault as scenarios write it, or take one (`delete`: its name) or all away."""
        match wanted:
            case {"delete": "*", **rest} if not rest:
                return await self._ask("DELETE", "/faults")
            case {"delete": str(name), **rest} if not rest:
                return await self._ask("DELETE", f"/faults/{quote(name, safe='')}")
            case _:
                return await self._ask("POST", "/faults", wanted)

    async def checkpoint(self, wanted: Document) -> Document:
        """Keep the world as it is under a `name`, or forget one (`delete`: its name)."""
        match wanted:
            case {"delete": str(name), **rest} if not rest:
                return await self._ask("DELETE", f"/checkpoints/{quote(name, safe='')}")
            case _:
                return await self._ask("POST", f"/checkpoints/{_name(wanted)}")

    async def restore(self, wanted: Document) -> Document:
        """Go back to the checkpoint `name`."""
        return await self._ask("POST", f"/checkpoints/{_name(wanted)}/restore")

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    async def _ask(self, method: str, path: str, body: Document | None = None) -> Document:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=_SECONDS)
        url = self._address + path
        try:
            async with self._session.request(method, url, json=body, ssl=self._tls) as reply:
                answer: Document = await reply.json()
                status = HTTPStatus(reply.status)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ServiceUnavailable("SimulatorUnreachable", f"{url}: {error}") from error
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        said = answer.get("error") or {}
        kind = NotFound if status is HTTPStatus.NOT_FOUND else UsageInvalid
        raise kind(f"the simulator says {said.get('code')}: {said.get('message')}")


def _name(wanted: Document) -> str:
    match wanted:
        case {"name": str(name)} if name:
            return quote(name, safe="")
        case _:
            raise UsageInvalid('the checkpoint has no name; send {"name": ...}')

"""The Azure Resource Manager wire format over the world: bytes in, bytes out, no I/O.

`handle` is the whole of it. `routes.py` lists every operation as data; each family of
operations has a file of its own and only calls the world; `documents.py` renders the world's
values as ARM documents. Time is `world.now`, and nothing here keeps state.
"""

from __future__ import annotations

from vmss_simulator.arm.front import handle
from vmss_simulator.arm.messages import MAX_BODY_BYTES, Request, Response
from vmss_simulator.arm.settings import Settings

__all__ = ["MAX_BODY_BYTES", "Request", "Response", "Settings", "handle"]

"""A certificate authority of the simulator's own, and a certificate for the loopback address.

The SDK and the login libraries refuse to send a token over anything but TLS. The authority's
key never leaves the process; its certificate is written for clients to trust.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

_NAMES = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server shows, and the file with which clients check it."""

    context: ssl.SSLContext
    ca_file: Path


def make_identity(folder: Path) -> ServerIdentity:
    """Make a new authority and server certificate; write the authority's as `ca.pem`.

    The folder is made if need be. The server's own key stays in memory.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="vmss-simulator")
    certificate = authority.issue_cert(*_NAMES, common_name="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate.configure_cert(context)
    ca_file = folder / "ca.pem"
    beside = folder / f"ca.pem.{os.getpid()}"
    beside.write_bytes(authority.cert_pem.bytes())
    beside.replace(ca_file)
    return ServerIdentity(context, ca_file)

"""A certificate authority of the simulator's own, and a certificate for the address it serves.

The SDK and the login libraries refuse to send a token over anything but TLS. The authority's
key never leaves the process; its certificate is written for clients to trust.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from vmss_simulator.private_files import make_private_folder, write_private

_NAMES = ("127.0.0.1", "localhost", "::1")
_WILDCARDS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server shows, and the file with which clients check it."""

    context: ssl.SSLContext
    ca_file: Path


def certified_names(host: str) -> tuple[str, ...]:
    """Return the names clients may use for a server bound to this host, loopback always.

    A wildcard stands for this machine's own name.
    """
    name = socket.gethostname() if host in _WILDCARDS else host
    return tuple(dict.fromkeys((*_NAMES, name)))


def make_identity(folder: Path, names: tuple[str, ...] = _NAMES) -> ServerIdentity:
    """Make a new authority and server certificate; write the authority's as `ca.pem`.

    The folder is made if need be. The server's own key stays in memory.
    """
    make_private_folder(folder)
    authority = trustme.CA(organization_name="vmss-simulator")
    certificate = authority.issue_cert(*names, common_name="localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate.configure_cert(context)
    ca_file = folder / "ca.pem"
    write_private(ca_file, authority.cert_pem.bytes().decode())
    return ServerIdentity(context, ca_file)

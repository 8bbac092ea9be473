"""What the blob service refuses, as errors of ours that say what to do next."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
)

from vmssplan.errors import NotPermitted, StateUnreadable, VmssplanError
from vmssplan.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmssplan.stores.blob.place import BlobPlace

NOT_FOUND = 404
ROLE = "Storage Blob Data Contributor"


@contextmanager
def reporting(place: BlobPlace) -> Iterator[None]:
    """Turn what the SDK raises into NotPermitted or StateUnreadable."""
    try:
        yield
    except AzureError as error:
        raise _ours(error, place) from error


def code_of(error: AzureError) -> str:
    """Return the service's own error code; "" when it did not answer."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def is_about_lease(error: AzureError) -> bool:
    """Tell whether a request was refused because of who has, or has not, the lease."""
    return code_of(error).startswith("Lease")


def _ours(error: AzureError, place: BlobPlace) -> VmssplanError:
    # The texts of refusals repeat what was signed; the codes say as much without.
    code = code_of(error)
    status = error.status_code if isinstance(error, HttpResponseError) else None
    if isinstance(error, ClientAuthenticationError) and status is None:
        return NotPermitted(
            f"{place}: no login works: {redacted(error.message).splitlines()[0]}",
            hint="log in, for example with: az login",
        )
    if status in (401, 403) or isinstance(error, ClientAuthenticationError):
        return NotPermitted(
            f"{place}: refused: {code or status}",
            hint=f"give this identity the role {ROLE!r} on the container, or look at its firewall",
        )
    if code == "ContainerNotFound":
        return StateUnreadable(
            f"{place}: there is no container {place.container!r}",
            hint=f"az storage container create --account-name {place.account}"
            f" --name {place.container} --auth-mode login",
        )
    if status == NOT_FOUND:
        return StateUnreadable(
            f"{place}: there is no account {place.account!r} here, or no such blob: {code}",
            hint="check the name of the account",
        )
    if code == "BlockCountExceedsLimit":
        return StateUnreadable(
            f"{place}: the journal is full: the service takes 50000 appends",
            hint="plan again and apply that: what is done already is not done again",
        )
    if status is not None:
        return StateUnreadable(f"{place}: {code or 'refused'} (HTTP {status})")
    doing = "cannot be reached" if isinstance(error, ServiceRequestError) else "does not answer"
    return StateUnreadable(
        f"{place}: {doing}: {redacted(error.message)}", hint="check the name and the network"
    )

"""From a file to channels, with every mistake named and placed; addresses and secrets never are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from vmssplan.errors import DocumentInvalid, Problem
from vmssplan.notifying.posting import LOOPBACK
from vmssplan.notifying.signing import secret_of
from vmssplan.notifying.values import Channel, Kind, Shape
from vmssplan.planfile.checking import check
from vmssplan.planfile.source import Document, read_documents
from vmssplan.schema_files import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 1024 * 1024
LONGEST_SECRET = 4096


def load_notifications(path: Path, environment: Mapping[str, str]) -> tuple[Channel, ...]:
    """Return the channels in a file; raises DocumentInvalid with all that is wrong with it."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        # ValueError: not UTF-8, or a path that cannot be one.
        reason = (error.strerror if isinstance(error, OSError) else None) or "is not UTF-8 text"
        raise DocumentInvalid([Problem(f"cannot be read: {reason}", file=str(path))]) from error
    if len(content) > MAX_BYTES:
        problem = Problem(f"is bigger than {MAX_BYTES // 1024} KiB", file=str(path))
        raise DocumentInvalid([problem])
    return read_notifications(text, str(path), environment, path.parent)


def read_notifications(
    text: str, file: str, environment: Mapping[str, str], folder: Path
) -> tuple[Channel, ...]:
    """Return the channels in a text; paths in it are below `folder`. Raises DocumentInvalid."""
    documents, problems = read_documents(text, file)
    if not problems and len(documents) != 1:
        message = f"expected one document of kind Notifications, got {len(documents)}"
        problems = [Problem(message, file=file)]
    for document in documents:
        problems += [*document.problems, *check(document, schema("notifications"))]
    if problems:
        raise DocumentInvalid(problems)
    (document,) = documents
    reading = _Reading(document, environment, folder)
    channels = tuple(reading.channels())
    if reading.problems:
        raise DocumentInvalid(reading.problems)
    return channels


@dataclass(slots=True)
class _Reading:
    """One document on its way to channels, and what was wrong so far."""

    document: Document
    environment: Mapping[str, str]
    folder: Path
    problems: list[Problem] = field(default_factory=list)

    def channels(self) -> Iterator[Channel]:
        assert isinstance(self.document.value, dict)
        given = self.document.value["channels"]
        names = Counter(raw["name"] for raw in given)
        for number, raw in enumerate(given):
            here: tuple[str | int, ...] = ("channels", number)
            if names[raw["name"]] > 1:
                self._reject((*here, "name"), f"{names[raw['name']]} channels are called so")
            shape = Shape(raw.get("shape", "generic"))
            address = self._address(here, raw, shape)
            secret = self._secret(here, raw)
            kinds = frozenset(Kind(one) for one in raw.get("events", [one.value for one in Kind]))
            yield Channel(raw["name"], shape, address, secret, kinds)

    def _address(self, here: tuple[str | int, ...], raw: Mapping[str, Any], shape: Shape) -> str:
        if "urlFrom" in raw:
            place = (*here, "urlFrom")
            address = self._kept(place, raw["urlFrom"]) or ""
        else:
            place, address = (*here, "url"), str(raw["url"])
            if shape is not Shape.GENERIC:
                self._reject(
                    place,
                    f"the address of a webhook of {shape} is a secret; say with urlFrom where it"
                    " is kept",
                )
                return ""
        wrong = _wrong_address(address, is_written_here="url" in raw) if address else None
        if wrong:
            self._reject(place, wrong)
        return address

    def _secret(self, here: tuple[str | int, ...], raw: Mapping[str, Any]) -> bytes | None:
        if "secretFrom" not in raw:
            return None
        place = (*here, "secretFrom")
        text = self._kept(place, raw["secretFrom"])
        if text is None:
            return None
        try:
            return secret_of(text)
        except ValueError as error:
            self._reject(place, str(error))
            return None

    def _kept(self, place: tuple[str | int, ...], source: Mapping[str, str]) -> str | None:
        """Return what is kept in a variable or file; None, with a problem, when there is none."""
        if "environment" in source:
            name = source["environment"]
            text = self.environment.get(name, "")
            if not text:
                self._reject((*place, "environment"), f"the variable {name} is not set")
        else:
            text = self._of_file((*place, "file"), source["file"])
        return text.strip() or None

    def _of_file(self, place: tuple[str | int, ...], name: str) -> str:
        try:
            with (self.folder / name).open("rb") as stream:
                text = stream.read(LONGEST_SECRET + 1).decode()
        except OSError as error:
            self._reject(place, f"{name}: cannot be read: {error.strerror or 'no file'}")
            return ""
        except ValueError:
            # Its text would be part of the error.
            self._reject(place, f"{name}: cannot be read: no UTF-8 text, or no path")
            return ""
        if not text.strip() or len(text) > LONGEST_SECRET:
            self._reject(place, f"{name}: expected 1 to {LONGEST_SECRET} characters")
            return ""
        return text

    def _reject(self, path: tuple[str | int, ...], message: str) -> None:
        self.problems.append(self.document.problem(path, message))


def _wrong_address(address: str, *, is_written_here: bool) -> str | None:
    """Return what is wrong with it, without repeating it; None for nothing."""
    try:
        url = urlsplit(address)
        host, _ = url.hostname, url.port
    except ValueError:
        return "is no address"
    is_clean = address.isascii() and address.isprintable() and " " not in address
    if url.scheme not in ("https", "http") or not host or not is_clean:
        return "is no address; expected https://HOST/PATH"
    if url.scheme == "http" and not _is_loopback(host):
        return "expected https; http only reaches this machine (127.0.0.1, localhost, ::1)"
    if "@" in url.netloc:
        return "holds a user name or password"
    if is_written_here and _holds_more(url):
        return "holds a query, which may be a secret; say with urlFrom where it is kept"
    return None


def _is_loopback(host: str) -> bool:
    return host in LOOPBACK


def _holds_more(url: SplitResult) -> bool:
    return bool(url.query or url.fragment)

"""Who may ask: other origins, no token, a forged host, odd paths and large bodies are refused."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.ui.serving import ASKED, PATIENCE_SECONDS, TARGET, Served, Tls, served
from tests.worlds import make_world
from vmssplan.ui.access import HEADERS, MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READS = (
    "/",
    "/static/index.html",
    "/api/session",
    "/api/scale-sets",
    f"/api/scale-set?id={TARGET.resource_id}",
    f"/api/instance?id={TARGET.resource_id}&instance=0",
    "/api/runs",
    "/api/run?name=web-1",
    "/api/operations",
    "/api/simulator",
    "/api/live",
    "/api/live-run?name=web-1",
)
CHANGES = (
    "/api/operations",
    "/api/run/approve",
    "/api/run/reject",
    "/api/run/pause",
    "/api/run/abort",
    "/api/run/resume",
    "/api/run/rollback",
    "/api/simulator/clock",
    "/api/simulator/faults",
    "/api/simulator/checkpoint",
    "/api/simulator/restore",
)
PREVIEW = "/api/preview"
EVIL = "http://evil.example"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve four instances."""
    with served(make_world(), tmp_path_factory.mktemp("state")) as running:
        yield running


@pytest.fixture(scope="module")
def read_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve them so that nothing can be changed."""
    state = tmp_path_factory.mktemp("state")
    with served(make_world(), state, is_read_only=True) as running:
        yield running


def test_the_link_gives_a_session_that_no_other_site_and_no_script_can_use(page: Served) -> None:
    """The token is exchanged for a cookie, and is not in the address any more."""
    opened = page.ask("GET", f"/?token={page.access.keys.token}", {"host": page.host})
    assert opened.status == 303
    assert opened.headers["location"] == "/"
    name, _, flags = opened.headers["set-cookie"].partition(";")
    assert name == f"{page.access.cookie}={page.access.keys.session}"
    assert {flag.strip() for flag in flags.split(";")} == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert page.access.keys.token not in opened.headers["set-cookie"]
    assert page.get("/").status == 200


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", "?token=%00", "?token[]=1"])
def test_without_the_token_there_is_no_session(page: Served, query: str) -> None:
    """Whoever guesses is told nothing, and gets no cookie."""
    refused = page.ask("GET", f"/{query}", {"host": page.host})
    assert refused.status == 401
    assert "set-cookie" not in refused.headers
    assert b"vmssplan ui" in refused.body


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("cookie", [None, "vmssplan-ui=x", "{name}=", "{name}=wrong", "{name}"])
def test_nothing_is_shown_without_the_session(page: Served, path: str, cookie: str | None) -> None:
    """No address but the link's own answers a browser that has not opened the link."""
    given = None if cookie is None else cookie.format(name=page.access.cookie)
    refused = page.get(path, cookie=given)
    assert refused.status == 401
    if path != "/":
        assert refused.document["error"]["next"] == "open the link that `vmssplan ui` has printed"


@pytest.mark.parametrize("path", [*CHANGES, PREVIEW])
def test_nothing_is_changed_without_the_session(page: Served, path: str) -> None:
    """The token of the page alone, without the cookie, opens nothing."""
    assert page.post(path, ASKED, cookie=None).status == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1:{port}@evil.example",
        "169.254.169.254:{port}",
        "",
    ],
)
def test_a_forged_host_is_refused(page: Served, host: str) -> None:
    """A name that somebody has rebound to this machine is another server."""
    forged = host.format(port=page.access.port)
    for answered in (
        page.get("/api/session", host=forged),
        page.post(PREVIEW, ASKED, host=forged, origin=f"http://{forged}"),
        page.ask("GET", f"/?token={page.access.keys.token}", {"host": forged}),
    ):
        assert answered.status == 421
        assert "set-cookie" not in answered.headers


def test_a_request_of_two_hosts_or_none_is_refused(page: Served) -> None:
    """Whoever names two means one of them for somebody else."""
    rest = page.headers(host=None, origin=None)
    both = [("host", page.host), ("host", "evil.example"), *rest.items()]
    assert page.ask("GET", "/api/session", both).status in (400, 421)
    assert page.ask("GET", "/api/session", rest).status in (400, 421)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_every_name_of_this_machine_is_the_same_server(page: Served, name: str) -> None:
    """A port that was forwarded comes by another of these names."""
    assert page.get("/api/session", host=f"{name}:{page.access.port}").status == 200


@pytest.mark.parametrize("path", [*CHANGES, PREVIEW])
@pytest.mark.parametrize(
    "origin",
    [None, "null", EVIL, "https://{host}", "http://127.0.0.1", "http://localhost:{port}"],
)
def test_a_change_from_another_origin_is_refused(
    page: Served, path: str, origin: str | None
) -> None:
    """Also from this machine's other ports, from files, and from who does not say."""
    given = None if origin is None else origin.format(host=page.host, port=page.access.port)
    refused = page.post(path, ASKED, origin=given)
    assert refused.status == 403
    assert refused.what == "the request comes from a page of another origin"


@pytest.mark.parametrize("path", [path for path in READS if path.startswith("/api/")])
def test_another_page_cannot_read(page: Served, path: str) -> None:
    """Not with its origin, and not as an image or a script of a page that a browser has open."""
    assert page.ask("GET", path, page.headers(origin=EVIL)).status == 403
    for site in ("cross-site", "same-site"):
        refused = page.get(path, sec_fetch_site=site)
        assert refused.status == 403
        assert not any(name.startswith("access-control") for name in refused.headers)


@pytest.mark.parametrize("path", [*CHANGES, PREVIEW])
@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_change_without_the_csrf_token_is_refused(
    page: Served, path: str, token: str | None
) -> None:
    """Only who can read the page's session can change something."""
    refused = page.post(path, ASKED, x_csrf_token=token)
    assert refused.status == 403
    assert refused.what == "the CSRF token is missing or wrong"


@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_what_a_form_can_send_is_refused(page: Served, kind: str | None) -> None:
    """A body that is not said to be JSON is not read."""
    assert page.post(PREVIEW, ASKED, content_type=kind).status == 415


def test_a_large_body_is_refused_however_it_comes(page: Served) -> None:
    """By the length it says before it is read, and by its own where it says none."""
    padded = {**ASKED, "plan": "x" * MAX_BODY_BYTES}
    assert page.post(PREVIEW, padded).status == 413
    head = "".join(f"{name}: {value}\n" for name, value in page.headers().items())
    chunk = b"%x\r\n%s\r\n" % (40_000, b"x" * 40_000)
    said = page.raw(
        f"POST {PREVIEW} HTTP/1.1\n{head}transfer-encoding: chunked\nconnection: close\n\n",
        chunk * 2 + b"0\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_never_comes_is_not_waited_for(page: Served) -> None:
    """The length alone refuses it, before a single byte."""
    head = "".join(f"{name}: {value}\n" for name, value in page.headers().items())
    with socket.create_connection(("127.0.0.1", page.access.port), PATIENCE_SECONDS) as line:
        sent = f"POST {PREVIEW} HTTP/1.1\n{head}content-length: 70000\n\n".replace("\n", "\r\n")
        line.sendall(sent.encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_head_without_end_is_refused(page: Served) -> None:
    """Headers have a bound of their own."""
    said = page.raw(f"GET / HTTP/1.1\nhost: {page.host}\nx: {'x' * 80_000}\n\n")
    assert said.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../application.py",
        "/static/../../../pyproject.toml",
        "/static/..%2fapplication.py",
        "/static/%2e%2e/application.py",
        "/static/%2e%2e%2fapplication.py",
        "/static/..%5capplication.py",
        "/static/..\\application.py",
        "/static//etc/passwd",
        "/static/%00",
        "//etc/passwd",
        "/static/../static/main.js",
        "/./static/main.js",
    ],
)
def test_no_path_leads_out_of_the_page(page: Served, path: str) -> None:
    """Plain segments only, before anything is looked up."""
    head = "".join(f"{name}: {value}\n" for name, value in page.headers(origin=None).items())
    said = page.raw(f"GET {path} HTTP/1.1\n{head}connection: close\n\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"import annotations" not in said
    assert b"[project]" not in said


@pytest.mark.parametrize(
    "path", ["/application.py", "/static/application.py", "/static/", "/static", "/api/", "/_sim/"]
)
def test_there_is_nothing_else(page: Served, path: str) -> None:
    """Neither the server's own files nor a list of the page's."""
    assert page.get(path).status in (404, 307)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_other_methods_are_refused(page: Served, method: str) -> None:
    """Nobody is told by a preflight that it might try."""
    refused = page.ask(method, "/api/operations", page.headers())
    assert refused.status in (400, 405)
    assert not any(name.startswith("access-control") for name in refused.headers)


@pytest.mark.parametrize("path", CHANGES)
def test_a_read_only_server_changes_nothing(read_only: Served, path: str) -> None:
    """Whatever the page sends; a preview changes nothing and is shown."""
    refused = read_only.post(path, ASKED)
    assert refused.status == 403
    assert refused.what == "this server only shows (--read-only)"
    assert read_only.children.all() == ()
    assert read_only.post(PREVIEW, ASKED).status == 200
    assert read_only.get("/api/session").document["readOnly"] is True


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/session", "/nothing"])
def test_every_answer_keeps_the_browser_from_helping_others(page: Served, path: str) -> None:
    """Also a refusal: no framing, no scripts from elsewhere, no address given away, no copy."""
    for answered in (page.get(path), page.get(path, cookie=None), page.get(path, host="evil")):
        for name, value in HEADERS.items():
            assert answered.headers[name] == value, name
        assert "default-src 'self'" in answered.headers["content-security-policy"]
        assert "'unsafe" not in answered.headers["content-security-policy"]
        assert "server" not in answered.headers


def test_elsewhere_it_is_served_with_tls_and_the_cookie_needs_that(tmp_path: Path) -> None:
    """Who listens on the network sees neither the token nor the cookie."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    trust = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    tls = Tls(tmp_path / "server.pem", tmp_path / "server.pem", trust)
    with served(make_world(), tmp_path / "state", tls=tls) as page:
        opened = page.ask("GET", f"/?token={page.access.keys.token}", {"host": page.host})
        assert opened.headers["set-cookie"].endswith("; Secure")
        assert page.post(PREVIEW, ASKED).status == 200
        assert page.post(PREVIEW, ASKED, origin=f"http://{page.host}").status == 403


def test_keys_differ_from_server_to_server_and_are_never_shown(page: Served) -> None:
    """Neither token nor session can be read through the page, and no text of ours has them."""
    keys = page.access.keys
    assert len({keys.token, keys.session, keys.csrf}) == 3
    assert min(map(len, (keys.token, keys.session, keys.csrf))) >= 43
    for path in ("/", "/api/session", "/api/scale-sets", "/api/runs"):
        body = page.get(path).body.decode()
        assert keys.token not in body
        assert keys.session not in body
    assert not any(key in repr(page.access) for key in (keys.token, keys.session, keys.csrf))

"""Access control: host name, origin and token of a request, and security headers of the response.

All checks come before the body of a request is read.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairmot.serve.settings import Settings, is_loopback

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# Other bodies are read into memory as a whole, some before the token is known.
_UPLOAD_PATH, _MAX_BODY_BYTES = "/api/uploads", 2**16
_SAFE_METHODS = ("GET", "HEAD")
# Needed to log in; they reveal nothing.
_OPEN_PATHS = ("/login", "/assets/page.css", "/assets/login.js")


class Guard:
    """Lets a request through to ``app`` if it is permitted.

    Args:
        app: the application that answers permitted requests.
        settings: names of the server, and its token.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it to the application."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(raw=message["headers"])
                for name, value in _HEADERS.items():
                    given[name] = value
                given.setdefault("content-security-policy", _POLICY)
                given.setdefault("cache-control", "no-store")
                message["headers"] = given.raw
            await send(message)

        refusal = self._refusal(scope, headers)
        await (self._app if refusal is None else refusal)(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not is_named(host, self._settings):
            return JSONResponse({"detail": "unknown host name: whoever starts the server can permit it"}, 421)
        method = scope["method"]
        if _is_from_elsewhere(method, host, headers):
            return JSONResponse({"detail": "requests from pages of other sites are refused"}, 403)
        path = scope["path"]
        if path != _UPLOAD_PATH and not _is_small(headers):
            return JSONResponse({"detail": f"expected a Content-Length of at most {_MAX_BODY_BYTES} bytes"}, 413)
        if path in _OPEN_PATHS or self._knows_token(headers):
            return None
        if method == "GET" and "text/html" in headers.get("accept", ""):
            return RedirectResponse("/login", 303)
        return JSONResponse(
            {"detail": "the token is missing or wrong: send Authorization: Bearer TOKEN"},
            401,
            {"www-authenticate": "Bearer"},
        )

    def _knows_token(self, headers: Headers) -> bool:
        token = self._settings.token
        if token is None:
            return True
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and same_secret(given.strip(), token):
            return True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(cookie_name(self._settings))
        except CookieError:
            return False
        return cookie is not None and same_secret(cookie.value, session_of(token))


def is_named(host: str, settings: Settings) -> bool:
    """Whether a ``Host`` header names this server.

    A page of another site can make its own name resolve to this machine (DNS rebinding) and then counts as this
    server's page. Names that are not the server's own are therefore refused; addresses cannot be rebound.
    """
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    if not name:
        return False
    own = {settings.host.lower(), "localhost", *(known.lower() for known in settings.names)}
    if not is_loopback(settings.host):
        own.add(socket.gethostname().lower())
    if name in own:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(settings.host)


def _is_from_elsewhere(method: str, host: str, headers: Headers) -> bool:
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return True
    site = headers.get("sec-fetch-site", "none")
    if site in ("none", "same-origin"):
        return False
    # Other sites may link to this server, but not embed it or send it forms.
    return not (method in _SAFE_METHODS and headers.get("sec-fetch-mode") == "navigate")


def _is_small(headers: Headers) -> bool:
    length = headers.get("content-length", "0")
    return "transfer-encoding" not in headers and length.isdigit() and int(length) <= _MAX_BODY_BYTES


def same_secret(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), expected.encode())


def session_of(token: str) -> str:
    """Return the cookie that a browser keeps in place of the token."""
    return hmac.new(token.encode(), b"fairmot serve session", "sha256").hexdigest()


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name. Cookies belong to a host, not a port: two servers must not overwrite each other's."""
    return f"fairmot-{settings.port}"

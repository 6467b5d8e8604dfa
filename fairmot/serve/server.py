"""``fairmot serve``: listen, report the address, shut down cleanly."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from typing import Any

import uvicorn

from fairmot.errors import InputError
from fairmot.serve.app import create_app
from fairmot.serve.service import Model, Service
from fairmot.serve.settings import Settings

_GRACE_SECONDS = 3


class Server(uvicorn.Server):
    """A server that ends its streaming responses when it shuts down.

    Args:
        service: the service behind its routes.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                create_app(service),
                host=settings.host,
                port=settings.port,
                log_level="warning",
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streaming responses first: they would not end by themselves."""
        self.service.hub.close()
        await super().shutdown(sockets)


def serve(settings: Settings, model: Model, started: Callable[[str], Any] | None = None) -> None:
    """Serve until Ctrl-C, which interrupts running jobs; their results cover the frames tracked so far.

    Args:
        settings: how the server runs.
        model: detector and tracker.
        started: called with the address of the page once the server listens.

    Raises:
        InputError: the server cannot listen at the address, or the folder of the jobs cannot be used.
    """
    with closing(listen(settings)) as listening:
        port = listening.getsockname()[1]
        settings = replace(settings, port=port)
        server = Server(Service(settings, model))
        logging.getLogger("fairmot.serve").addHandler(logging.StreamHandler())
        if started is not None:
            started(page_address(settings))
        with suppress(KeyboardInterrupt):  # the regular end
            server.run(sockets=[listening])


def page_address(settings: Settings) -> str:
    """Return the address to open in a browser, on this machine or on another if the host is not a loopback one."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/"


def listen(settings: Settings) -> socket.socket:
    """Return a socket that accepts connections.

    Raises:
        InputError: the socket cannot be bound to the address.
    """
    try:
        found = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
        family, kind, protocol, _, address = found[0]
        # With its protocol stated: otherwise asyncio leaves Nagle's algorithm on, and every answer waits for 40 ms.
        made = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share a port
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(128)
        except BaseException:
            made.close()
            raise
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"host {settings.host}, port {settings.port}: cannot listen there ({reason}); choose another port"
        ) from error
    return made

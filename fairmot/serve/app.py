"""The application: the API and the pages behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

import fairmot
from fairmot.serve.api import router as api
from fairmot.serve.guard import Guard, cookie_name, same_secret, session_of
from fairmot.serve.service import Service

_STOP_SECONDS = 8.0
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_FRESH = {"cache-control": "no-cache"}
_EDITOR_IMPORTS = 'import { byId, element } from "/assets/format.js";\n'
_EDITOR_EXPORTS = "\nexport { PlaceEditor, fit };\n"
_PAGES = {"/": "page.html", "/docs": "docs.html", "/login": "login.html"}
_TAGS = [
    {"name": "jobs", "description": "Upload videos and manage jobs. A job tracks one video or stream."},
    {"name": "live", "description": "Watch running jobs."},
    {"name": "results", "description": "Download results. They stay until the job is deleted."},
    {"name": "server", "description": "Version, detector and limits."},
]

pages = APIRouter(include_in_schema=False)


class Login(BaseModel):
    """The body of a login."""

    token: str = Field(max_length=1000)


def create_app(service: Service) -> ASGIApp:
    """Return the application for a service; it starts and stops the service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.hub.close()
        await run_in_threadpool(service.stop, _STOP_SECONDS)

    app = FastAPI(
        title="fairmot serve",
        version=fairmot.__version__,
        description="Multi-object tracking of people in videos: upload, watch, download.",
        openapi_url="/api/openapi.json",
        # FastAPI's own pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_tags=_TAGS,
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_exception_handler(RequestValidationError, _refused)
    app.include_router(api)
    app.include_router(pages)
    return Guard(app, service.settings)


async def _refused(_: Request, error: Exception) -> Response:
    """State in one line, as every other refusal does, what is wrong with a request."""
    assert isinstance(error, RequestValidationError)
    faults = error.errors()
    if any(tuple(fault["loc"]) == ("path", "job_id") for fault in faults):
        return JSONResponse({"detail": "no such job"}, 404)
    return JSONResponse({"detail": "; ".join(map(_fault_text, faults))}, 422)


def _fault_text(fault: dict[str, Any]) -> str:
    # What a check of our own says needs no word of Pydantic's before it.
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"


@pages.get("/")
@pages.get("/docs")
@pages.get("/login")
def page(request: Request) -> Response:
    """Send a page."""
    return _asset(_PAGES[request.url.path])


@pages.get("/assets/{name}")
def asset(name: str) -> Response:
    """Send a style or script of the pages."""
    if name == "editor.js":
        # Shared with the report, which holds all its scripts in one element: here it is a module.
        text = (files("fairmot.report") / "assets" / name).read_text(encoding="utf-8")
        return Response(f"{_EDITOR_IMPORTS}{text}{_EDITOR_EXPORTS}", media_type=_TYPES[".js"], headers=_FRESH)
    if name not in {path.name for path in (files("fairmot.serve") / "assets").iterdir()}:
        raise HTTPException(404, "no such file")
    return _asset(name)


@pages.post("/login", status_code=204, response_model=None)
def login(given: Annotated[Login, Body()], request: Request, response: Response) -> None:
    """Give the browser a cookie for the token."""
    settings = request.app.state.service.settings
    if settings.token is None or not same_secret(given.token, settings.token):
        raise HTTPException(401, "wrong token")
    response.set_cookie(
        cookie_name(settings),
        session_of(settings.token),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _asset(name: str) -> Response:
    content = (files("fairmot.serve") / "assets" / name).read_bytes()
    return Response(content, media_type=_TYPES[f".{name.rpartition('.')[2]}"], headers=_FRESH)

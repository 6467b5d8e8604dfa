"""Write the body of a request to disk as it arrives, up to a limit."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import HTTPException
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from fairmot.serve.settings import Settings

_BUFFER_BYTES = 2**20
_SILENCE_SECONDS = 60.0


async def save_body(request: Request, path: Path, settings: Settings) -> int:
    """Write the body to a new file, which is deleted if that fails.

    Returns:
        Bytes written.

    Raises:
        HTTPException: 400 empty or interrupted, 408 too slow, 413 too large, 507 the disk is nearly full.
    """
    declared = request.headers.get("content-length")
    if declared is not None and declared.isdigit():
        _check_size(int(declared), settings)
        _check_disk(path, int(declared), settings)
    try:
        # In a thread: a slow disk would block the event loop, and with it every live view.
        file = await run_in_threadpool(path.open, "xb")
        with file:
            total, buffer = 0, bytearray()
            async for chunk in _chunks(request):
                total += len(chunk)
                _check_size(total, settings)
                buffer += chunk
                if len(buffer) >= _BUFFER_BYTES:
                    _check_disk(path, 0, settings)
                    await run_in_threadpool(file.write, bytes(buffer))
                    buffer.clear()
            await run_in_threadpool(file.write, bytes(buffer))
        if total == 0:
            raise HTTPException(400, "the body is empty: it must be the video")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise HTTPException(507, f"the upload cannot be stored ({error.strerror})") from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return total


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            yield await asyncio.wait_for(anext(stream), _SILENCE_SECONDS)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(408, f"no data arrived for {_SILENCE_SECONDS:g} s") from None
        except ClientDisconnect:
            raise HTTPException(400, "the upload was interrupted") from None


def _check_size(size: int, settings: Settings) -> None:
    if size > settings.max_upload_bytes:
        raise HTTPException(413, f"larger than {settings.max_upload_bytes / 2**20:g} MiB, the limit of this server")


def _check_disk(path: Path, coming: int, settings: Settings) -> None:
    if shutil.disk_usage(path.parent).free - coming < settings.min_free_bytes:
        raise HTTPException(507, "the server's disk is nearly full; delete jobs that you no longer need")

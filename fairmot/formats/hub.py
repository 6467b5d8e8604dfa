"""Weights that lie in a repository of the Hugging Face hub: ``hf:OWNER/NAME`` or ``hf:OWNER/NAME@REVISION``."""

from __future__ import annotations

from pathlib import Path

from fairmot.errors import InputError

WEIGHTS_FILE = "model.safetensors"
"""Name of the weights in such a repository."""
_PREFIX = "hf:"


def is_hub_address(weights: Path | str) -> bool:
    """Whether weights are named by their repository rather than by a path."""
    return _text(weights).startswith(_PREFIX)


def fetch_weights(address: Path | str) -> Path:
    """Return the weights of a repository as a local file; what was fetched before is taken from the hub's cache.

    The variables of huggingface_hub hold: ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN``, ``HF_HUB_OFFLINE``.

    Args:
        address: ``hf:OWNER/NAME``, with ``@REVISION`` for a branch, tag or commit.

    Raises:
        InputError: huggingface_hub is not installed, there is no such repository or file in it, or it cannot be
            reached and was not fetched before.
    """
    text = _text(address)
    name, _, revision = text.removeprefix(_PREFIX).partition("@")
    if name.count("/") != 1 or not all(name.split("/")):
        raise InputError(f"{text}: expected hf:OWNER/NAME, or hf:OWNER/NAME@REVISION")
    try:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError
    except ImportError as error:
        raise InputError(f"{text}: {error.name} is not installed; pip install 'fairmot[hub]'") from error
    try:
        return Path(hf_hub_download(name, WEIGHTS_FILE, revision=revision or None, library_name="fairmot"))
    except RevisionNotFoundError as error:
        raise InputError(f"{text}: the repository has no revision {revision}") from error
    except RepositoryNotFoundError as error:
        raise InputError(f"{text}: no such repository, or a private one; HF_TOKEN opens private ones") from error
    except EntryNotFoundError as error:
        if isinstance(error, FileNotFoundError):  # it was to be looked for in the cache alone
            raise InputError(f"{text}: the hub cannot be reached, and nothing was fetched before") from error
        raise InputError(f"{text}: the repository holds no {WEIGHTS_FILE}") from error
    except Exception as error:  # the library's own, its HTTP client's and those of the disk
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{text}: cannot be fetched ({reason})") from error


def _text(weights: Path | str) -> str:
    return weights.as_posix() if isinstance(weights, Path) else weights

"""Workflow ``export --hub``. Write weights, model card and data card as a repository of the Hugging Face hub."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fairmot
from fairmot.config import TrackerConfig
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.errors import InputError
from fairmot.files import read_json, replacing
from fairmot.formats.hub import WEIGHTS_FILE
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import TRACKER_NOTE, WeightFile, check_weights, load_weights
from fairmot.network.summary import summarize

MODEL_CARD, DATA_CARD, CONFIG, ATTRIBUTES = "README.md", "DATA.md", "config.json", ".gitattributes"
FILES = (WEIGHTS_FILE, CONFIG, MODEL_CARD, DATA_CARD, ATTRIBUTES)
"""The files of a repository."""

_RUN_CONFIG = "config.json"
_LICENCE_FIELDS = "license: other\nlicense_name: see-below\nlicense_link: README.md"


@dataclass(frozen=True, slots=True)
class Repository:
    """A folder that can be uploaded as it is."""

    folder: Path
    files: tuple[str, ...]
    architecture: str


def write_repository(weights: Path | str | None, folder: Path | str, overwrite: bool = False) -> Repository:
    """Write a folder in the layout of a repository of models: ``hf upload OWNER/NAME FOLDER`` publishes it.

    ``model.safetensors`` (the weights as they are), ``config.json`` (network and tracker), ``README.md`` (model card),
    ``DATA.md`` (data card) and ``.gitattributes``.

    Args:
        weights: a ``.safetensors`` weight file of this project; None: the weights that come with the package. Where it
            lies in the folder of its training run, the data card names the sets and what they hold.
        folder: is made; its name is the name of the model in the card.
        overwrite: replace those files in a folder that holds them.

    Raises:
        InputError: other weights; a file is there already; the folder cannot be written.
    """
    path, folder = Path(weights or SHIPPED_WEIGHTS), Path(folder)
    file = load_weights(path)
    check_weights(build_graph(file.network), file.arrays, str(path))
    if not overwrite and (taken := [name for name in FILES if (folder / name).exists()]):
        raise InputError(f"{folder / taken[0]}: exists already; overwrite replaces it")
    tracker = TrackerConfig.from_note(file.notes.get(TRACKER_NOTE), str(path))
    config = {
        "library_name": "fairmot",
        "library_version": fairmot.__version__,
        "architectures": [file.network.architecture],
        "network": file.network.model_dump(mode="json"),
        "tracker": tracker.model_dump(mode="json"),
    }
    is_shipped = path.resolve() == SHIPPED_WEIGHTS.resolve()
    texts = {
        CONFIG: json.dumps(config, indent=2) + "\n",
        MODEL_CARD: _model_card(folder.resolve().name, file, is_shipped),
        DATA_CARD: _shipped_data() if is_shipped else _data_card(path),
        ATTRIBUTES: "*.safetensors filter=lfs diff=lfs merge=lfs -text\n",
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            with replacing(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
        with replacing(folder / WEIGHTS_FILE) as temporary:
            shutil.copyfile(path, temporary)
    except OSError as error:
        raise InputError(f"{folder}: the repository cannot be written ({error.strerror})") from error
    return Repository(folder, FILES, file.network.architecture)


def _model_card(name: str, file: WeightFile, is_shipped: bool) -> str:
    network, notes = file.network, dict(file.notes)
    notes.pop(TRACKER_NOTE, None)
    licence = notes.pop("licence", "not stated")
    size = (network.input_width_px, network.input_height_px)
    summary = summarize(build_graph(network), size)
    what = "people" if network.classes == 1 else f"objects of {network.classes} classes"
    facts = {
        "Architecture": network.architecture,
        "Finds": what,
        "Input": f"{size[0]} x {size[1]}",
        "Embedding": f"{network.embedding} numbers" if network.embedding else "none",
        "Parameters": f"{summary.parameters / 1e6:.1f} million",
        "Multiply-adds": f"{summary.multiply_adds / 1e9:.1f} G",
        **{key.replace("_", " ").capitalize(): value for key, value in notes.items()},
    }
    table = "\n".join(f"| {key} | {value} |" for key, value in facts.items())
    limits = (
        "Its tracker's parameters were chosen on rendered streets and a few labelled frames, not on a benchmark."
        if is_shipped
        else "State here where the model was measured and where it fails."
    )
    return f"""---
library_name: fairmot
pipeline_tag: object-detection
tags:
- multi-object-tracking
- person-re-identification
- {network.architecture.replace("_", "-")}
{_LICENCE_FIELDS}
---
# {name}

One network that finds {what} in video frames and describes each by an embedding, for the tracker of
[FairMOT](https://arxiv.org/abs/2004.01888).

```bash
pip install 'fairmot[hub]'
fairmot track street.mp4 --weights hf:OWNER/{name}
```

```python
import fairmot

detector = fairmot.load_detector("hf:OWNER/{name}")
fairmot.track("street.mp4", detector)
```

| | |
|--|--|
{table}

The parameters of the tracker that go with the network are in the file; `config.json` repeats them.

## Training data

[{DATA_CARD}]({DATA_CARD}) lists it.

## Limits

{limits} Do not use it to identify people, or where a wrong count or identity harms somebody.

## Licence

{licence}
"""


def _shipped_data() -> str:
    return (SHIPPED_WEIGHTS.parent / DATA_CARD).read_text(encoding="utf-8")


def _data_card(weights: Path) -> str:
    """Describe the sets of the run that the weights lie in, as far as its files tell."""
    sets = list(_sets(weights.parent / _RUN_CONFIG))
    rows = "\n".join(f"| {name} | {count} | state it | state it |" for name, count in sets)
    if not sets:
        rows = "| state it | | state it | state it |"
    return f"""# Training data

| set | images | where it comes from | licence |
|--|--:|--|--|
{rows}

State here who labelled it, whether the people in it agreed, and what of it is held out for the scores.
"""


def _sets(run_config: Path) -> list[tuple[str, str]]:
    """Return names of the sets that a run was trained on, and how many images each holds, "" where it is unknown."""
    if not run_config.is_file():
        return []
    data: dict[str, Any] = read_json(run_config).get("data", {})
    description = Path(data.get("description", ""))
    lists: dict[str, str] = read_json(description).get("train", {}) if description.is_file() else {}
    names = data.get("sets") or list(lists)
    return [(name, _length(description.parent / lists[name]) if name in lists else "") for name in names]


def _length(path: Path) -> str:
    try:
        return str(sum(1 for line in path.read_text(encoding="utf-8").splitlines() if line.strip()))
    except (OSError, UnicodeDecodeError):
        return ""

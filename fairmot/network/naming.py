"""How files name a network's arrays: the public names, and those of the published MindSpore ports.

A naming is a function from public names, which this project uses too, to others. Reading inverts it over the names of
all architectures, so nothing is guessed.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairmot.errors import InputError, closest_name
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.dla import NEVER_USED
from fairmot.network.graph import Role

Arrays = dict[str, NDArray[Any]]
Rename = Callable[[str, Role], str]

_BATCH_NORM = {"bn_weight": "gamma", "bn_bias": "beta", "bn_mean": "moving_mean", "bn_var": "moving_variance"}
"""Role -> last name in MindSpore."""

_TRAINING_STATE = re.compile(
    r"(moment[12]?|momentum|moments|accum|stat)\..+"
    r"|beta[12]_power|learning_rate|lr|global_step|(step|epoch)(_num)?|scale_sense|current_iterator_step"
    r"|last_overflow_iterator_step|(.+\.)?(classifier\.(weight|bias)|s_det|s_id)"
)
"""Names in MindSpore's training checkpoints that are not part of the network."""

_WRAPPERS = re.compile(r"(_?(network|net|backbone|model)\.)+")
"""Prefixes of the cells that wrap a network in MindSpore."""


@dataclass(frozen=True, slots=True)
class Renamed:
    """Arrays under public names."""

    naming: str
    arrays: Arrays
    dropped: tuple[str, ...]
    """Names of dropped training state."""
    remarks: tuple[str, ...]
    """Notes on arrays that were computed instead of copied."""


def mindspore_name(name: str, role: Role) -> str:
    """Return MindSpore's name of a parameter in a network whose cells are called as in the public code."""
    path, _, last = name.rpartition(".")
    return f"{path}.{_BATCH_NORM.get(role, last)}"


def models_name(name: str, role: Role) -> str:
    """Return a DLA parameter's name in the FairMOT of MindSpore's model collection (``models/research/cv/fairmot``)."""
    path, _, last = mindspore_name(_models_path(name), role).rpartition(".")
    if path.startswith("base."):
        for pattern, cell in _FUSED:
            path = pattern.sub(cell, path)
    return f"{path}.{last}"


def converted_name(name: str, role: Role) -> str:
    """Return a name as that collection's own conversion leaves it: counts of batches stay in the public cells."""
    return _models_path(name) if role == "bn_count" else models_name(name, role)


def mindvideo_name(name: str, role: Role) -> str:
    """Return a DLA parameter's name in the port for MindSpore Vision (``fairmot_mindspore``)."""
    renamed = models_name(name, role)
    head = re.fullmatch(r"(hm|wh|id|reg)_fc\.(.+)", renamed)
    return f"head.{head.group(1)}_fc.fc.{head.group(2)}" if head else f"backbone.{renamed}"


_FUSED = tuple(
    (re.compile(pattern), cell)
    for pattern, cell in (
        (r"^(base\.base_layer|base\.level[01]\.0|.+\.project)\.0$", r"\1.conv"),
        (r"^(base\.base_layer|base\.level[01]\.0|.+\.project)\.1$", r"\1.batchnorm"),
        (r"\.conv1$", ".conv_bn_act.conv"),
        (r"\.bn1$", ".conv_bn_act.batchnorm"),
        (r"\.conv2$", ".conv_bn.conv"),
        (r"\.bn2$", ".conv_bn.batchnorm"),
    )
)
"""The ports' cells that hold a convolution and its batch norm."""


def _models_path(name: str) -> str:
    name = re.sub(r"^base\.level([01])\.", r"base.level\1.0.", name)
    name = re.sub(r"\.ida_(\d)\.", r".ida_nfs.\1.", name)
    name = re.sub(r"\.(proj|up|node)_(\d)\.", lambda match: f".{match[1]}.{int(match[2]) - 1}.", name)
    return re.sub(r"^(hm|wh|id|reg)\.", r"\1_fc.", name)


NAMINGS: dict[str, tuple[Rename, ...]] = {
    "public": (lambda name, _role: name,),
    "mindspore": (mindspore_name,),
    "models": (models_name, converted_name),
    "mindvideo": (mindvideo_name,),
}
"""Naming -> its function for writing, then further ones that occur when reading."""


def to_public(arrays: Arrays, origin: str) -> Renamed:
    """Rename arrays of any naming to public names; unknown names stay.

    Standalone backbones (ImageNet's DLA-34 and YOLOv5s) get the prefix of their place in the whole network.

    Raises:
        InputError: two arrays of ``origin`` have the same public name.
    """
    arrays = _in_place(arrays)
    dropped = []
    kept: Arrays = {}
    for name, array in arrays.items():
        if name not in _table("public") and _TRAINING_STATE.fullmatch(name):
            dropped.append(name)
        else:
            kept[name] = array
    hits = {naming: len(_known(kept, naming)) for naming in NAMINGS}
    naming = max(NAMINGS, key=lambda name: hits[name])
    known = _known(kept, naming)
    public = {known.get(name, name): array for name, array in kept.items()}
    if len(public) < len(kept):
        doubled = sorted({name for name in known.values() if list(known.values()).count(name) > 1})
        raise InputError(f"{origin}: holds twice, under different names: {', '.join(doubled)}")
    remarks = _absorb_biases(public) if naming == "mindvideo" else ()
    return Renamed(naming, public, tuple(dropped), remarks)


def from_public(arrays: Arrays, naming: str) -> Arrays:
    """Rename arrays from public names to those of ``naming``.

    Raises:
        InputError: an unknown naming, or a naming for DLA and a network that is not.
    """
    if naming not in NAMINGS:
        raise InputError(f"naming {naming!r} is unknown{closest_name(naming, NAMINGS)}; known: {', '.join(NAMINGS)}")
    if naming in ("models", "mindvideo") and "base.level5.root.conv.weight" not in arrays:
        raise InputError(f"naming {naming!r} is for dla_34 and dlaconv_34; choose public or mindspore")
    roles = _roles()
    renamed = {NAMINGS[naming][0](name, roles[name]): array for name, array in arrays.items()}
    if naming == "mindvideo":
        for block in _blocks():  # that port's plain convolutions have a bias
            bias = mindvideo_name(f"{block}.conv.bias", "bias")
            renamed.setdefault(bias, np.zeros(len(arrays[f"{block}.conv.weight"]), np.float32))
    return renamed


@functools.cache
def _roles() -> dict[str, Role]:
    """Public name -> role, over all architectures; names that several share mean the same in each."""
    roles = dict(NEVER_USED)
    for name in ARCHITECTURES:
        roles.update({p.name: p.role for p in build_graph(published_config(name)).parameters()})
    return roles


@functools.cache
def _table(naming: str) -> dict[str, str]:
    """Name in ``naming`` -> public name."""
    return {rename(name, role): name for rename in NAMINGS[naming] for name, role in _roles().items()}


def _known(arrays: Arrays, naming: str) -> dict[str, str]:
    """Name in the file -> public name, for all names that ``naming`` knows, with or without wrapping cells."""
    table = _table(naming)
    known = {}
    for name in arrays:
        bare = name if name in table else _WRAPPERS.sub("", name, count=1) if _WRAPPERS.match(name) else name
        if bare in table:
            known[name] = table[bare]
    return known


def _in_place(arrays: Arrays) -> Arrays:
    for first, prefix in (("base_layer.0.weight", "base."), ("model.0.conv.conv.weight", "backbone.")):
        if first in arrays:
            return {f"{prefix}{name}": array for name, array in arrays.items()}
    return arrays


def _absorb_biases(arrays: Arrays) -> tuple[str, ...]:
    """Fold biases of plain convolutions into the running mean of the batch norm behind: outputs stay the same."""
    count = 0
    for block in _blocks():
        bias, mean = f"{block}.conv.bias", f"{block}.actf.0.running_mean"
        plain = f"{block}.conv.conv_offset_mask.weight" not in arrays
        if plain and bias in arrays and mean in arrays:
            arrays[mean] = np.subtract(arrays[mean], arrays.pop(bias), dtype=np.float64).astype(arrays[mean].dtype)
            count += 1
    return (f"{count} biases in front of batch norms are folded into their running means",) if count else ()


@functools.cache
def _blocks() -> tuple[str, ...]:
    """DLA's blocks with a convolution that is deformable in ``dla_34`` and plain in ``dlaconv_34``."""
    names = (name for name in _roles() if name.startswith(("ida_up.", "dla_up.")))
    return tuple(name.removesuffix(".conv.weight") for name in names if name.endswith(".conv.weight"))

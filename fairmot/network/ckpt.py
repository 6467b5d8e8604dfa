"""MindSpore's ``.ckpt`` files, read and written without MindSpore: a protobuf message of named arrays, no code.

Format: MindSpore's ``checkpoint.proto``. Messages may follow each other in one file, an array may be cut into slices of
the same name, scalars have the dimensions [0], and a checksum may stand at the end.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from fairmot.errors import InputError
from fairmot.files import replacing

Arrays = dict[str, NDArray[Any]]

KINDS = {
    **{f"{sign}Int{bits}": np.dtype(f"{sign.lower()}int{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)},
    **{f"Float{bits}": np.dtype(f"float{bits}") for bits in (16, 32, 64)},
    "Bool": np.dtype(bool),
}
"""MindSpore's name of a type -> NumPy's."""

CHECKSUM = (b"crc_num", 17)
"""Word before a checksum at the end of a file, and the length of both."""


@dataclass(frozen=True, slots=True)
class CkptFile:
    """The content of a file."""

    arrays: Arrays
    other: tuple[str, ...]
    """Names of texts and tables, which are not parameters of a network."""


def read_ckpt(path: Path) -> CkptFile:
    """Read a file. bfloat16, which NumPy lacks, becomes float32; every other type stays.

    Raises:
        InputError: no such file, not a MindSpore checkpoint, or one that is cut off or encrypted.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    word, length = CHECKSUM
    if content[-length:].startswith(word):
        content = content[:-length]
    message = _message_class()()
    try:
        message.ParseFromString(content)
    except DecodeError as error:
        raise InputError(f"{path}: not a MindSpore checkpoint, or encrypted or cut off; copy it again") from error
    slices: dict[str, list[Any]] = {}
    other = []
    for value in message.value:
        if value.HasField("tensor") and value.tensor.tensor_type != "str":
            slices.setdefault(value.tag, []).append(value.tensor)
        else:
            other.append(value.tag)
    if not slices:
        raise InputError(f"{path}: not a MindSpore checkpoint: it holds no arrays")
    return CkptFile({name: _join(path, name, tensors) for name, tensors in slices.items()}, tuple(other))


def _join(path: Path, name: str, tensors: list[Any]) -> NDArray[Any]:
    kind, shape = tensors[0].tensor_type, tuple(tensors[0].dims)
    if kind not in KINDS and kind != "BFloat16":
        raise InputError(f"{path}: {name} is of type {kind!r}, which NumPy lacks; save it as Float32")
    shape = () if shape == (0,) else shape
    content = b"".join(tensor.tensor_content for tensor in tensors)
    dtype = KINDS.get(kind, np.dtype(np.uint16))
    if min(shape, default=0) < 0 or len(content) != int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise InputError(f"{path}: {name} has {len(content)} bytes, not those of {kind} {list(shape)}; copy it again")
    array = np.frombuffer(content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
    return (array.astype(np.uint32) << 16).view(np.float32) if kind == "BFloat16" else array


def write_ckpt(path: Path, arrays: Arrays) -> None:
    """Write arrays as MindSpore's ``load_checkpoint`` reads them.

    Raises:
        InputError: the file cannot be written, for example on a full disk.
    """
    names = {dtype: name for name, dtype in KINDS.items()}
    message = _message_class()()
    for name, array in arrays.items():
        value = message.value.add()
        value.tag = name
        value.tensor.dims.extend(array.shape or (0,))
        value.tensor.tensor_type = names[array.dtype]
        value.tensor.tensor_content = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(message.SerializeToString())
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


@functools.cache
def _message_class() -> Any:
    """Build the message's class, in a descriptor pool of its own so that it cannot conflict with MindSpore's."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="checkpoint.proto", package="fairmot", syntax="proto2")
    tensor = file.message_type.add(name="Tensor")
    tensor.field.add(name="dims", number=1, label=field.LABEL_REPEATED, type=field.TYPE_INT64)
    tensor.field.add(name="tensor_type", number=2, label=field.LABEL_REQUIRED, type=field.TYPE_STRING)
    tensor.field.add(name="tensor_content", number=3, label=field.LABEL_REQUIRED, type=field.TYPE_BYTES)
    value = file.message_type.add(name="Value")
    value.field.add(name="tag", number=1, label=field.LABEL_REQUIRED, type=field.TYPE_STRING)
    value.field.add(
        name="tensor", number=2, label=field.LABEL_OPTIONAL, type=field.TYPE_MESSAGE, type_name=".fairmot.Tensor"
    )
    checkpoint = file.message_type.add(name="Checkpoint")
    checkpoint.field.add(
        name="value", number=1, label=field.LABEL_REPEATED, type=field.TYPE_MESSAGE, type_name=".fairmot.Value"
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("fairmot.Checkpoint"))

"""Columns of integers as text in a page: differences, split into byte planes, deflated, base64.

Half a million rows become a megabyte or two; ``columns.js`` unpacks them in a few milliseconds.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike


def pack(columns: Mapping[str, ArrayLike]) -> dict[str, object]:
    """Pack columns of equal length.

    Args:
        columns: name -> integers [N] that fit into 32 bits.

    Returns:
        ``{"columns": names, "length": N, "data": text}``.
    """
    arrays = [np.asarray(column, dtype=np.int32) for column in columns.values()]
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"columns of lengths {sorted(lengths)}, expected one length")
    # Neighbours differ little: small differences leave most byte planes empty.
    differences = np.concatenate([np.diff(array, prepend=np.int32(0)) for array in arrays]).astype("<i4")
    planes = differences.view(np.uint8).reshape(-1, 4).T
    text = base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode("ascii")
    return {"columns": list(columns), "length": lengths.pop(), "data": text}

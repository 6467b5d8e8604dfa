import base64
import zlib

import numpy as np
import pytest

from fairmot.report.packing import pack


def unpack(packed):
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    differences = planes.reshape(4, -1).T.copy().view("<i4").reshape(len(packed["columns"]), -1)
    return dict(zip(packed["columns"], np.cumsum(differences, axis=1, dtype=np.int32), strict=True))


def test_columns_come_back():
    columns = {"a": [3, -1, 2**31 - 1, -(2**31)], "b": np.array([0.0, 5.0, 5.0, -7.0])}
    packed = pack(columns)
    assert packed["length"] == 4
    for name, column in unpack(packed).items():
        np.testing.assert_array_equal(column, columns[name])
    assert unpack(pack({"a": [3, -1]}))["a"].tolist() != [3, 0]


def test_no_rows_and_unequal_lengths():
    assert pack({"a": [], "b": []})["length"] == 0
    with pytest.raises(ValueError, match=r"lengths \[1, 2\]"):
        pack({"a": [1], "b": [1, 2]})


def test_a_large_crowd_stays_small():
    frames = np.tile(np.arange(2000), 50)
    walk = np.cumsum(np.random.default_rng(0).integers(-8, 9, len(frames)))
    packed = pack({"moment": frames, "left": walk})
    assert len(packed["data"]) < 1.5 * len(frames)

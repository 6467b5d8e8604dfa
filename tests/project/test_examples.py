"""The examples run as a stranger runs them."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from fairmot import load_detector
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.engines.onnx.export import export_detector, save_model
from fairmot.network.architectures import build_graph
from fairmot.network.safetensors import load_weights

ALONE = Path(__file__).resolve().parents[2] / "examples" / "onnxruntime_alone.py"


def test_an_exported_model_runs_without_this_package(tmp_path, shared):
    file = load_weights(SHIPPED_WEIGHTS)
    save_model(tmp_path / "lite.onnx", export_detector(build_graph(file.network), file.arrays, (320, 192)))
    source = shared("data", "mot", "MOT17-04-FRCNN-mini", "img1", "000001.jpg")
    image = cv2.imread(str(source))
    cv2.imwrite(str(tmp_path / "street.png"), image)
    command = [sys.executable, ALONE, tmp_path / "lite.onnx", tmp_path / "street.png"]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    found = np.array([re.findall(r"-?[\d.]+", line)[:5] for line in finished.stdout.splitlines()], float)
    expected = load_detector(tmp_path / "lite.onnx", confidence=0.4)(image)
    assert len(found) == len(expected.scores) > 3
    np.testing.assert_allclose(found[:, 0], expected.scores, atol=6e-4)
    np.testing.assert_allclose(found[:, 1:], expected.boxes_xyxy, atol=0.11)
    drawn = cv2.imread(str(tmp_path / "street-found.png"))
    assert (drawn != image).any()


def test_it_imports_nothing_else_and_stays_short():
    text = ALONE.read_text(encoding="utf-8")
    imported = {name.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for name in node.names}
    assert imported == {"sys", "cv2", "numpy", "onnxruntime"}
    assert len(text.splitlines()) <= 40

"""Find people in an image with an exported model, ONNX Runtime, NumPy and OpenCV alone.

fairmot export lite.safetensors lite.onnx          # once, where fairmot is installed
python onnxruntime_alone.py lite.onnx street.jpg   # anywhere; draws street-found.png
"""

import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime


def detect(session, image, confidence=0.4):
    """Take a BGR image; return boxes [N, 4] (left, top, right, bottom, its pixels), scores and embeddings."""
    _, height, width, _ = session.get_inputs()[0].shape  # ["batch", H, W, 3]
    size = np.array([image.shape[1], image.shape[0]])
    scale = min([width, height] / size)
    inner = np.round(size * scale).astype(int)
    left, top = np.round(([width, height] - inner) / 2 - 0.1).astype(int)
    canvas = np.full((height, width, 3), 128, np.uint8)
    resized = cv2.resize(image, inner.tolist(), interpolation=cv2.INTER_AREA)
    canvas[top : top + inner[1], left : left + inner[0]] = resized
    boxes, scores, _, embeddings = session.run(None, {"images": canvas[None]})
    found = scores[0] > confidence
    padding = np.tile(([width, height] - size * scale) / 2, 2)
    return (boxes[0][found] - padding) / scale, scores[0][found], embeddings[0][found]


if __name__ == "__main__":
    model, source = sys.argv[1:]
    image = cv2.imread(source)
    boxes, scores, embeddings = detect(onnxruntime.InferenceSession(model), image)
    for box, score, similarities in zip(boxes, scores, embeddings @ embeddings.T, strict=True):
        print(f"{score:.3f}", "box", *np.round(box, 1), "cosine similarity to all", *np.round(similarities, 2))
        cv2.rectangle(image, *box.astype(int).reshape(2, 2).tolist(), (0, 200, 255), 2)
    cv2.imwrite(str(Path(source).with_name(f"{Path(source).stem}-found.png")), image)

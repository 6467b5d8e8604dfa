"""What a user writes without this project: YOLOX-nano, ByteTrack, supervision, H.264 by PyAV; ``peers.py`` runs it.

    python benchmarks/plain_loop.py YOLOX_NANO.onnx street.mp4 [--output drawn.mp4] [--frames 120]

It prints a JSON object: frames, seconds, tracks. It needs onnxruntime, opencv, supervision, trackers and av, and
nothing of this project. Loading the libraries and the network is not counted. All libraries keep their defaults.
"""

import argparse
import json
import time

import av
import cv2
import numpy as np
import onnxruntime
import supervision as sv

SIDE = 416
THRESHOLD = 0.1  # ByteTrack also uses weak detections
OVERLAP = 0.5


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Return the cells [N, 2] of all levels and their strides [N, 1]."""
    cells, strides = [], []
    for stride in (8, 16, 32):
        count = SIDE // stride
        y, x = np.mgrid[:count, :count]
        cells.append(np.stack([x, y], axis=-1).reshape(-1, 2))
        strides.append(np.full((count * count, 1), stride))
    return np.concatenate(cells), np.concatenate(strides)


CELLS, STRIDES = grid()


def detect(session: onnxruntime.InferenceSession, image: np.ndarray) -> sv.Detections:
    ratio = min(SIDE / image.shape[0], SIDE / image.shape[1])
    width, height = int(image.shape[1] * ratio), int(image.shape[0] * ratio)
    canvas = np.full((SIDE, SIDE, 3), 114, np.uint8)
    canvas[:height, :width] = cv2.resize(image, (width, height))
    found = session.run(None, {"images": canvas.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    scores = found[:, 4] * found[:, 5]  # class 0: person
    kept = scores > THRESHOLD
    centres = (found[kept, :2] + CELLS[kept]) * STRIDES[kept]
    sizes = np.exp(found[kept, 2:4]) * STRIDES[kept]
    boxes = np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1) / ratio
    detections = sv.Detections(boxes, confidence=scores[kept], class_id=np.zeros(len(boxes), int))
    return detections.with_nms(OVERLAP)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    parser.add_argument("video")
    parser.add_argument("--output")
    parser.add_argument("--frames", type=int)
    options = parser.parse_args()
    from trackers import ByteTrackTracker  # the help works without it

    session = onnxruntime.InferenceSession(options.network, providers=["CPUExecutionProvider"])
    info = sv.VideoInfo.from_video_path(options.video)
    tracker = ByteTrackTracker(frame_rate=info.fps)
    boxes, labels, traces = sv.BoxAnnotator(), sv.LabelAnnotator(), sv.TraceAnnotator()
    detect(session, np.zeros((info.height, info.width, 3), np.uint8))
    frames, tracks = 0, 0
    began = time.perf_counter()
    container = stream = None
    if options.output:
        container = av.open(options.output, "w")
        stream = container.add_stream("libx264", rate=round(info.fps))
        stream.width, stream.height, stream.pix_fmt = info.width, info.height, "yuv420p"
    for image in sv.get_video_frames_generator(options.video, end=options.frames):
        people = tracker.update(detect(session, image))
        people = people[people.tracker_id >= 0]
        frames, tracks = frames + 1, tracks + len(people)
        if container is not None:
            scene = traces.annotate(image.copy(), people)
            scene = boxes.annotate(scene, people)
            scene = labels.annotate(scene, people, [str(identity) for identity in people.tracker_id])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(scene, format="bgr24")))
    if container is not None:
        container.mux(stream.encode())
        container.close()
    print(json.dumps({"frames": frames, "seconds": time.perf_counter() - began, "tracks": tracks}))


if __name__ == "__main__":
    main()

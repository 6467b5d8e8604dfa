"""Parts of ``track`` beside their other ways: embeddings along few boxes, activations, the decoder's scaler.

    python benchmarks/track_parts.py [--rounds 12] [--frames 60] [--height 1080]

The first table runs ``lite`` in ONNX Runtime on frames of a rendered street with 12 people: embeddings are read along
the boxes above the score threshold of ``track``, or along all boxes of an image. The second one runs the layers on the
image's grid with other activations in place of SiLU: times alone, since such a network would have to be trained. The
third one reads the street as an H.264 video: alone (every frame is decoded and converted to BGR), with a canvas that
OpenCV scales from BGR, with a canvas that the decoder's scaler makes out of the planes, and with that canvas alone, as
``--no-video`` does; processor time of all threads. All ways of a table take turns, the least of all rounds counts.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

WIDTHS = {480: 854, 720: 1280, 1080: 1920}
CONFIDENCE = 0.1
BOXES = 500
"""Of ``load_detector``; networks on several levels give 100 at most."""


def least_milliseconds(ways, rounds, count, clock):
    """Milliseconds of an image in the fastest round of each way, which handles ``count`` images a round."""
    least = dict.fromkeys(ways, float("inf"))
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = clock()
            way()
            if number:  # the first round warms up
                least[name] = min(least[name], 1000 * (clock() - began) / count)
    return least


def embeddings(rounds, frames):
    """Yield rows: where embeddings are read, milliseconds of a call with one and with two threads."""
    from fairmot.detector import SHIPPED_WEIGHTS
    from fairmot.engines.onnx.detector import OnnxDetector, create_session
    from fairmot.engines.onnx.export import export_detector
    from fairmot.geometry import Letterbox
    from fairmot.network.architectures import build_graph
    from fairmot.network.safetensors import load_weights

    file = load_weights(SHIPPED_WEIGHTS)
    graph = build_graph(file.network)
    size = file.network.input_size
    canvases = [Letterbox(image.shape[1::-1], size).apply(image)[None] for image in frames]
    ways = {}
    for name, described in (("all boxes", None), ("boxes above the threshold", CONFIDENCE)):
        model = export_detector(graph, file.arrays, size, BOXES, described_above=described)
        for threads in (1, 2):
            ways[name, threads] = OnnxDetector(create_session(model, "cpu", threads=threads))
    calls = {key: partial(_each, detector, canvases) for key, detector in ways.items()}
    least = least_milliseconds(calls, rounds, len(canvases), time.perf_counter)
    for name in dict.fromkeys(name for name, _ in ways):
        yield f"along {name}", *(f"{least[name, threads]:.1f}" for threads in (1, 2))


ACTIVATIONS = {"SiLU, as it is": None, "hard swish": "HardSwish", "ReLU": "Relu", "none": "Identity"}


def with_activation(model, operator):
    """Return a copy of an ONNX model whose SiLU, a product with its own sigmoid, is another operator."""
    import onnx

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    if operator is None:
        return changed
    sources = {node.output[0]: node.input[0] for node in changed.graph.node if node.op_type == "Sigmoid"}
    count = 0
    for node in changed.graph.node:
        if node.op_type == "Mul" and sources.get(node.input[1]) == node.input[0]:
            node.CopyFrom(onnx.helper.make_node(operator, [node.input[0]], list(node.output), name=node.name))
            count += 1
    if not count:
        raise SystemExit("this model has no SiLU")
    read = {name for node in changed.graph.node for name in node.input} | {each.name for each in changed.graph.output}
    left = [node for node in changed.graph.node if read & set(node.output)]
    del changed.graph.node[:]
    changed.graph.node.extend(left)
    return changed


def activations(rounds, frames):
    """Yield rows: activation, milliseconds of a call on one thread, relative to SiLU."""
    import numpy as np

    from fairmot.detector import SHIPPED_WEIGHTS
    from fairmot.engines.onnx.detector import create_session
    from fairmot.engines.onnx.export import export_heads
    from fairmot.geometry import Letterbox
    from fairmot.network.architectures import build_graph
    from fairmot.network.safetensors import load_weights

    file = load_weights(SHIPPED_WEIGHTS)
    graph = build_graph(file.network)
    model = export_heads(graph, file.arrays)
    heads = [value.name for value in model.graph.output if value.name != "embedding"]
    box = np.array([[[0, 0, 64, 128]]], np.float32)  # an input that these heads do not read
    size = file.network.input_size
    canvases = (Letterbox(image.shape[1::-1], size).apply(image) for image in frames)
    planes = (canvas[..., ::-1].transpose(2, 0, 1)[None] / np.float32(255) for canvas in canvases)
    given = [{"pixels": np.ascontiguousarray(each), "boxes": box} for each in planes]
    ways = {}
    for name, operator in ACTIVATIONS.items():
        session = create_session(with_activation(model, operator).SerializeToString(), "cpu", threads=1)
        ways[name] = partial(_each, partial(session.run, heads), given)
    least = least_milliseconds(ways, rounds, len(given), time.perf_counter)
    for name, milliseconds in least.items():
        yield name, f"{milliseconds:.1f}", f"{milliseconds / least['SiLU, as it is']:.2f}"


def _each(function, items):
    for item in items:
        function(item)


ALONE = "reading alone: decoding and BGR"


def canvases(rounds, clip, count):
    """Yield rows: what is made of a frame, processor milliseconds, and those beyond reading alone."""
    import cv2

    import fairmot

    detector = fairmot.load_detector(engine="onnxruntime", device="cpu")
    ways = {
        ALONE: (None, None, 1),
        "and OpenCV's canvas, from BGR, one thread": (detector.prepare, None, 1),
        "and OpenCV's canvas, from BGR, two threads": (detector.prepare, None, 2),
        "and the canvas of the decoder's scaler": (detector.prepare, detector.prepare_decoded, 1),
        "decoding and that canvas, no BGR": (detector.prepare, detector.prepare_decoded, 1, False),
    }

    def read(prepare, prepare_decoded, threads, needs_images=True):
        cv2.setNumThreads(threads)
        with fairmot.read_frames(clip) as reader:
            reader.prepare_with(prepare, prepare_decoded, needs_images)
            for _ in reader:
                pass

    passes = {name: partial(read, *way) for name, way in ways.items()}
    least = least_milliseconds(passes, rounds, count, time.process_time)
    for name, spent in least.items():
        yield name, f"{spent:.1f}", f"{spent - least[ALONE]:+.1f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--frames", type=int, default=60, help="of the video; the network sees an eighth of them")
    parser.add_argument("--height", type=int, default=1080, choices=sorted(WIDTHS))
    arguments = parser.parse_args()

    from fairmot.benchmark.markdown import table
    from fairmot.media.outputs.video import VideoWriter
    from fairmot.street import render_street

    size = (WIDTHS[arguments.height], arguments.height)
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder:
        clip, seen = Path(folder, "street.mp4"), []
        with VideoWriter(clip, size, 25) as writer:
            for index, frame in enumerate(render_street(people=12, frames=arguments.frames, size=size)):
                writer.write(frame.image)
                if index % 8 == 0:
                    seen.append(frame.image)
        rows = list(embeddings(arguments.rounds, seen))
        print(table(("embeddings of `lite`", "one thread, ms", "two threads, ms"), 1, rows), flush=True)
        heading = ("activation of `lite`, no embeddings", "one thread, ms", "relative")
        print("\n" + table(heading, 1, list(activations(arguments.rounds, seen))), flush=True)
        heading = (f"frame of {size[0]} x {size[1]}", "processor ms", "beyond reading alone")
        print("\n" + table(heading, 1, list(canvases(arguments.rounds, clip, arguments.frames))))


if __name__ == "__main__":
    main()

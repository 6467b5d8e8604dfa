"""AP of people and time of each precision and engine on this machine: the table of precisions in docs/speed.md.

    python recipes/lite/precisions.py DATA [--weights FILE] [--rounds 3] [--engines onnxruntime,openvino] [--folder F]
    python recipes/lite/precisions.py DATA --folder F --times
    python recipes/lite/precisions.py DATA --canvases
    python recipes/lite/precisions.py DATA --times --weights dla_34 --timed 2

DATA holds ``coco_person_multi`` (its ``val`` images, and ``train`` images to calibrate int8 with) and ``mot``
(TUD-Campus and two cut MOT17 sequences). Each row is one precision of one engine, as the network in memory or as an
exported file; a precision that the engine lacks here is named below the table. A second table puts frames on the
canvas as a video's decoder does (``Detector.prepare_decoded``), out of planes with half the colour resolution, beside
the one that converts the same planes first; ``--canvases`` prints it alone. AP counts as in ``people_detection.py``.
Times are those of calls one after the other, on the same images in turns; the least of all rounds. ``--folder`` keeps
the exported files, and ``--times`` measures their times alone. ``--weights`` takes an architecture too: random weights
at its published size, of which there are only times, and none of int8.
"""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from people import photographs, sequence

import fairmot
from fairmot.benchmark.markdown import table
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.errors import InputError
from fairmot.evaluation.detection import average_precision
from fairmot.network.architectures import ARCHITECTURES, build_graph, published_config
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights
from fairmot.workflows.export import export

LEAST_SCORE = 0.001
SEQUENCES = ("TUD-Campus", "MOT17-04-FRCNN-mini", "MOT17-02-FRCNN-mini")
TIMED = 16
IN_MEMORY, FILES = ("f32", "bf16", "f16"), {"onnxruntime": ".onnx", "openvino": ".xml"}


def random_weights(name, folder):
    """Return a file of an architecture's random weights at its published size."""
    config = published_config(name)
    path = folder / f"{name}.safetensors"
    save_weights(path, config, initial_weights(build_graph(config)), {})
    return path


def detectors(weights, engines, calibration, folder, precisions=("f32", "f16", "int8"), counted=True):
    """Yield the name of each precision with two detectors, or the reason why there is none.

    The first is as ``track`` uses it and is timed, the second returns the faintest boxes too and is ``counted``.
    """
    load = partial(fairmot.load_detector, device="cpu")
    for engine in engines:
        ways = {f"{engine}, {name}": partial(load, weights, engine, precision=name) for name in IN_MEMORY}
        for precision in precisions if engine in FILES else ():
            path = folder / f"{precision}{FILES[engine]}"
            ways[f"{engine}, {precision} `{path.suffix}`"] = partial(
                exported, load, weights, path, precision, calibration
            )
        for name, way in ways.items():
            try:
                yield name, (way(), way(confidence=LEAST_SCORE) if counted else None)
            except InputError as error:
                yield name, str(error)


def exported(load, weights, path, precision, calibration, **threshold):
    if not path.is_file():
        export(weights, path, precision=precision, calibration=calibration)
    return load(path, **threshold)


def through_planes(detector, image, in_one_step):
    """Detect in an image that went through YUV 4:2:0, as a frame of most videos is stored."""
    even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgr24").reformat(format="yuv420p")
    size, reformat = even.shape[1::-1], VideoReformatter().reformat

    def scale(size):
        return reformat(frame, width=size[0], height=size[1], format="bgr24", interpolation="AREA").to_ndarray()

    prepared = detector.prepare_decoded(size, scale) if in_one_step else None
    return detector(prepared if prepared is not None else frame.to_ndarray(format="bgr24"))


def precision_of(find, sets):
    """AP@0.5 / AP@0.75 of each set."""
    cells = []
    for images in sets.values():
        found = [find(image) for image, _ in images]
        truth = [rows for _, rows in images]
        boxes, scores = [each.boxes_xyxy for each in found], [each.scores for each in found]
        cells.append(" / ".join(f"{average_precision(boxes, scores, truth, iou=iou):.3f}" for iou in (0.5, 0.75)))
    return cells


def print_reasons(ways):
    """Print why there is no detector of a precision."""
    for name, reason in ways.items():
        if isinstance(reason, str):
            print(f"* {name}: {reason}")


def print_canvases(detector, sets):
    """Print AP of frames that went through a video's planes, for both ways to the canvas."""
    rows = []
    for name, in_one_step in (("converted to BGR, then scaled by OpenCV", False), ("scaled by the decoder", True)):
        rows.append((name, *precision_of(partial(through_planes, detector, in_one_step=in_one_step), sets)))
    print("\n" + table(("canvas out of a video's planes; AP@0.5 / AP@0.75", *sets), 1, rows), flush=True)


def least_milliseconds(finders, images, rounds):
    """Milliseconds of an image in each detector's fastest round."""
    least = dict.fromkeys(finders, float("inf"))
    for number in range(rounds + 1):
        for name, detector in finders.items():
            began = time.perf_counter()
            for image in images:
                detector(image)
            if number:  # the first round warms up
                least[name] = min(least[name], (time.perf_counter() - began) / len(images) * 1000)
    return least


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, default=SHIPPED_WEIGHTS, help="a file or an architecture")
    parser.add_argument("--timed", type=int, default=TIMED, help="images of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--engines", default="onnxruntime,openvino")
    parser.add_argument("--folder", type=Path, help="where exported files are kept and found")
    parser.add_argument("--times", action="store_true", help="leave AP out")
    parser.add_argument("--canvases", action="store_true", help="only AP of both canvases of a video's frames")
    arguments = parser.parse_args()
    sets = {"COCO val, several people": list(photographs(arguments.data / "coco_person_multi"))}
    sets |= {name: list(sequence(arguments.data / "mot" / name)) for name in SEQUENCES}
    engines = arguments.engines.split(",")
    if arguments.canvases:
        weights = arguments.weights
        faint = fairmot.load_detector(weights, engines[0], "cpu", confidence=LEAST_SCORE, precision="f32")
        print_canvases(faint, sets)
        return
    timed = [image for image, _ in sets["TUD-Campus"][: arguments.timed]]
    calibration = arguments.data / "coco_person_multi" / "images" / "train"
    with tempfile.TemporaryDirectory(prefix="fairmot-") as temporary:
        folder = arguments.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        weights, is_random = arguments.weights, str(arguments.weights) in ARCHITECTURES
        if is_random and not arguments.times:
            parser.error(f"--weights {weights}: random weights have no AP; add --times")
        if is_random:
            weights = random_weights(str(weights), folder)
        # Ranges of random weights mean nothing, and their files would not pass the check.
        precisions = ("f32", "f16") if is_random else ("f32", "f16", "int8")
        all_ways = dict(detectors(weights, engines, calibration, folder, precisions, not arguments.times))
        finders = {name: way for name, way in all_ways.items() if not isinstance(way, str)}
        least = least_milliseconds({name: fast for name, (fast, _) in finders.items()}, timed, arguments.rounds)
        if arguments.times:
            print(table(("engine, precision", "ms"), 1, [(name, f"{spent:.1f}") for name, spent in least.items()]))
            print_reasons(all_ways)
            return
        rows = [(name, f"{least[name]:.1f}", *precision_of(faint, sets)) for name, (_, faint) in finders.items()]
    print(table(("engine, precision; AP@0.5 / AP@0.75", "ms", *sets), 1, rows), flush=True)
    print_reasons(all_ways)
    print_canvases(next(faint for _, faint in finders.values()), sets)


if __name__ == "__main__":
    main()

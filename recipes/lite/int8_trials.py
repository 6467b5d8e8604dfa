"""AP of int8 where only some convolutions are in 8 bits, and for each way to measure the ranges of the maps.

    python recipes/lite/int8_trials.py DATA [--photographs 80] [--calibration 100] [--percentile 25]

DATA holds ``coco_person_multi``: its ``val`` photographs are counted as in ``precisions.py``, some of its ``train``
images calibrate. "stride 2" has in 8 bits only the convolutions whose maps have half the image's resolution, and so on;
depth-wise ones are a row of their own. Ranges are those of all images (min-max), the mean of the images' ranges, or
percentiles of all values, which need 0.1 GB for each image: ``--percentile`` gives them fewer, 0 leaves the row out.
"""

import argparse
import io
import logging
import tempfile
from contextlib import redirect_stdout
from itertools import islice
from pathlib import Path

SIZE = (576, 320)
LEAST_SCORE = 0.001
RANGES = {
    "min-max": {},
    "mean of the images' ranges": {"CalibMovingAverage": True},
    "percentiles": {},
}


def groups_of(graph, model):
    """Return the convolutions of the trunk by the stride of their maps, depth-wise ones apart: name -> node names."""
    from fairmot.engines.onnx.precision import delicate_nodes
    from fairmot.network.layers import Convolution

    kept, groups = delicate_nodes(model, graph), {}
    for node in graph.nodes:
        if isinstance(node.layer, Convolution) and node.name not in kept:
            name = "depth-wise" if node.layer.groups > 1 else f"stride {node.stride}"
            groups.setdefault(name, set()).add(node.name)
    return dict(sorted(groups.items(), key=lambda group: (len(group[0]), group[0])))


def quantized(model, chosen, images, ranges):
    """Return the model with the chosen convolutions in 8 bits, as ``fairmot.engines.onnx.precision`` does."""
    import onnx
    from onnx import shape_inference
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

    from fairmot.engines.onnx.precision import _Images, has_vnni

    method = CalibrationMethod.Percentile if ranges == "percentiles" else CalibrationMethod.MinMax
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="fairmot-") as folder, redirect_stdout(io.StringIO()):
        target = Path(folder, "int8.onnx")
        quantize_static(
            shape_inference.infer_shapes(model),
            target,
            _Images(model.graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            extra_options=RANGES[ranges],
            reduce_range=not has_vnni(),
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=method,
            nodes_to_quantize=sorted(chosen),
        )
        return onnx.load(target)


def average_precisions(model, photos):
    """AP@0.5 / AP@0.75 of people."""
    import numpy as np

    from fairmot.engines.onnx.detector import OnnxDetector, create_session
    from fairmot.evaluation.detection import average_precision
    from fairmot.geometry import Letterbox

    detector = OnnxDetector(create_session(model, "cpu"))
    boxes, scores = [], []
    for image, _ in photos:
        letterbox = Letterbox(image.shape[1::-1], SIZE)
        found = detector(letterbox.apply(image)[None])
        kept = found.scores[0] > LEAST_SCORE
        kept &= (found.boxes_xyxy[0][:, 2:] > found.boxes_xyxy[0][:, :2]).all(axis=1)
        boxes.append(letterbox.detections_to_image(found.boxes_xyxy[0][kept]))
        scores.append(found.scores[0][kept])
    truth = [np.asarray(rows) for _, rows in photos]
    return " / ".join(f"{average_precision(boxes, scores, truth, iou=iou):.3f}" for iou in (0.5, 0.75))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, help="default: those that come with the package")
    parser.add_argument("--photographs", type=int, default=80)
    parser.add_argument("--calibration", type=int, default=100, help="images for the ranges")
    parser.add_argument("--percentile", type=int, default=25, metavar="IMAGES", help="images for percentiles")
    arguments = parser.parse_args()

    from people import photographs

    from fairmot.data.image_files import read_image
    from fairmot.detector import SHIPPED_WEIGHTS
    from fairmot.engines.onnx.export import export_detector
    from fairmot.engines.onnx.precision import _coarse_layers
    from fairmot.geometry import Letterbox
    from fairmot.network.architectures import build_graph
    from fairmot.network.safetensors import load_weights

    photos = list(islice(photographs(arguments.data / "coco_person_multi"), arguments.photographs))
    file = load_weights(arguments.weights or SHIPPED_WEIGHTS)
    graph = build_graph(file.network)
    model = export_detector(graph, file.arrays, SIZE)
    groups = groups_of(graph, model)  # of lite: strides 2 to 32
    everything = set().union(*groups.values())
    taken = everything - _coarse_layers(graph)
    paths = sorted((arguments.data / "coco_person_multi" / "images" / "train").glob("*.jpg"))
    paths = paths[:: max(1, len(paths) // arguments.calibration)][: arguments.calibration]
    images = [Letterbox(image.shape[1::-1], SIZE).apply(image)[None] for image in map(read_image, paths)]
    mean = "mean of the images' ranges"
    trials = [("all", everything, "min-max", images), ("all", everything, mean, images)]
    trials += [(f"{name} alone", chosen, mean, images) for name, chosen in groups.items()]
    finer = taken | groups["stride 4"]
    trials += [("those that export takes and stride 4", finer, ranges, images) for ranges in ("min-max", mean)]
    trials.append(("those that export takes", taken, mean, images))
    if arguments.percentile:
        few = images[:: -(-len(images) // arguments.percentile)]
        trials += [("those that export takes", taken, ranges, few) for ranges in (mean, "percentiles")]
    print("| convolutions in 8 bits | number | ranges | images | AP@0.5 / AP@0.75 |\n|--|--:|--|--:|--:|")
    print(f"| none | 0 | | | {average_precisions(model, photos)} |", flush=True)
    for name, chosen, ranges, few in trials:
        found = average_precisions(quantized(model, chosen, few, ranges), photos)
        print(f"| {name} | {len(chosen)} | {ranges} | {len(few)} | {found} |", flush=True)


if __name__ == "__main__":
    main()

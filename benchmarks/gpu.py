"""Everything that a card should show, in one go of at most ten minutes, as a Markdown report.

    FAIRMOT_SHARED=PATH python benchmarks/gpu.py [--device cuda] [--output gpu-report.md]
    python benchmarks/gpu.py --device cpu --quick        # the same steps at tiny sizes, to see that they run

Each step is a process of its own with its own limit: one that fails, hangs or takes the card with it leaves the others
alone, and the report, written anew after each, says so. Times are medians; AP is that of rendered streets with the
shipped ``lite``. ``FAIRMOT_SHARED`` names the folder of the oracles that tests of the published networks read.
"""

import argparse
import functools
import itertools
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

TOTAL_SECONDS = 600
ROOT = Path(__file__).resolve().parents[1]


class Step(NamedTuple):
    """A part of the report and its limit."""

    name: str
    title: str
    seconds: int


STEPS = (
    Step("machine", "Machine", 30),
    Step("kernels", "Deformable convolution: parity with the plain form, and times", 85),
    Step("tests", "Tests on the card", 105),
    Step("training", "Training, images in memory", 105),
    Step("loader", "Training with the loader", 60),
    Step("inference", "Inference: latency, agreement and AP", 60),
    Step("pipeline", "track at 1080p", 35),
    Step("onnx", "ONNX Runtime's providers", 30),
    Step("video", "Decoding and encoding on the card", 40),
    Step("compiled", "Training with train.compile", 50),  # the last one also gets what the others left
)


def row(*cells) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def header(*cells) -> None:
    row(*cells)
    row(*["--"] * len(cells))


def shell(*command) -> None:
    """Print what a command says; where it fails, that too."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    except OSError as error:
        print(f"`{command[0]}` cannot be run: {error.strerror}", flush=True)
        return
    print(f"```text\n$ {' '.join(map(str, command))}\n{done.stdout}{done.stderr[-2000:]}```", flush=True)
    if done.returncode:
        print(f"\n**ended with {done.returncode}**", flush=True)


def milliseconds(function, device: str, repeats: int) -> float:
    """Median time of a call, the card's work included."""
    import torch

    times = []
    warm = min(repeats, 2)
    for _ in range(repeats + warm):
        began = time.perf_counter()
        function()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(1000 * (time.perf_counter() - began))
    return float(np.median(times[warm:]))


def machine(options) -> None:
    import torch

    if options.device == "cuda":
        shell("nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv")
    try:
        import triton

        found = triton.__version__
    except ImportError:
        found = "absent"
    print(f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}, Triton {found}, {os.cpu_count()} processor cores\n")
    shell(sys.executable, "-m", "fairmot", "doctor")


def kernels(options) -> None:
    import torch

    from fairmot.engines.torch import deformable

    shapes = ((64, 64, 152, 272), (128, 64, 76, 136), (256, 128, 38, 68), (512, 256, 19, 34))  # of dla_34, 1088 x 608
    batch = 12
    if options.quick:
        shapes, batch = ((16, 8, 8, 12),), 1
    operator = deformable.by_torchvision if deformable.torchvision_works() else None
    header("type", "channels, map", "form", "worst distance from plain f32", "forward ms", "with gradients ms")
    for kind in (torch.float32, torch.bfloat16, torch.float16):
        forms = {"plain": deformable.sampled_convolution, "torchvision": operator if kind is torch.float32 else None}
        if options.device == "cuda":
            forms["Triton"] = None
            if deformable.triton_works(torch.device(options.device), kind):
                from fairmot.engines.torch.deformable_triton import convolve

                forms["Triton"] = convolve
        for (inner, outer, height, width), (name, form) in itertools.product(shapes, forms.items()):
            size = f"{inner} to {outer}, {width} x {height}"
            if form is None:
                row(kind, size, name, "absent", "", "")
                continue
            generator = torch.Generator().manual_seed(1)
            maps = ((batch, inner, height, width), (batch, 18, height, width), (batch, 9, height, width))
            given = [torch.randn(each, generator=generator).to(options.device) for each in maps]
            given += [
                torch.randn(each, generator=generator).to(options.device) for each in ((outer, inner, 3, 3), (outer,))
            ]
            given[2] = given[2].sigmoid()
            precise = [each.clone().requires_grad_() for each in given]
            own = [each.clone().requires_grad_() for each in given]
            own = [
                own[place].detach().to(kind).requires_grad_() if place in (0, 3, 4) else own[place]
                for place in range(5)
            ]

            def both(form, arguments):
                out = form(*arguments, 1, 1)
                return [out, *torch.autograd.grad(out.float().square().mean(), arguments)]

            pairs = zip(both(form, own), both(deformable.sampled_convolution, precise), strict=True)
            worst = max(float((ours.float() - theirs).norm() / theirs.norm()) for ours, theirs in pairs)
            with torch.no_grad():
                forward = milliseconds(lambda: form(*own, 1, 1), options.device, options.repeats)  # noqa: B023
            whole = milliseconds(lambda: both(form, own), options.device, options.repeats)  # noqa: B023
            row(kind, size, name, f"{worst:.1e}", f"{forward:.3f}", f"{whole:.3f}")


def tests(options) -> None:
    chosen = ["tests/engines/test_cuda.py", "tests/media/test_hardware.py"]
    if options.quick:
        chosen = ["tests/engines/test_torch.py", "-k", "definition"]
    shell(sys.executable, "-m", "pytest", "-q", "-n", "0", *chosen)


def trainer_of(options, architecture: str, folder: Path, precision: str, batch: int, **changes):
    """Return a trainer and its loader over generated images."""
    from loader import make_images

    from fairmot.config import parse_config
    from fairmot.data.loader import create_loader
    from fairmot.engines import load_training
    from fairmot.network.architectures import build_graph
    from fairmot.network.initial import initial_weights

    if not (folder / "data.json").exists():
        make_images(folder, max(2 * batch, 8), 30, (320, 180) if options.quick else (1920, 1080))
    size = {"input_width_px": 96, "input_height_px": 64} if options.quick else {}
    data = {"description": str(folder / "data.json"), "workers": min(12, os.cpu_count() or 1)}
    config = parse_config(
        {
            "network": {"architecture": architecture, **size},
            "data": data | changes.get("data", {}),
            "train": {"batch_size": batch, "precision": precision, "threads": int(options.quick)}
            | changes.get("train", {}),
        },
        "benchmark",
    )
    loader = create_loader(config)
    graph = build_graph(config.network)
    engine = load_training("torch")
    return engine.create_trainer(graph, initial_weights(graph), loader.identity_counts, config, options.device), loader


CASES = (("lite", 32, 20), ("dla_34", 12, 8))


def images_a_second(options, trainer, batches, batch: int, steps: int) -> float:
    """Rate of steps on batches that the trainer has prefetched; some come before, while kernels are chosen."""
    for each in itertools.islice(batches, 1 if options.quick else 3):
        trainer.step(each, 1e-4)
    began = time.perf_counter()
    for each in itertools.islice(batches, steps):
        trainer.step(each, 1e-4)
    return steps * batch / (time.perf_counter() - began)


def in_memory(options, trainer, example, batch: int, steps: int) -> float:
    """Rate of steps on one batch, which goes to the device anew each time."""
    batches = trainer.prefetched(itertools.repeat(example))
    rate = images_a_second(options, trainer, batches, batch, steps)
    batches.close()
    return rate


def training(options) -> None:
    header("network", "batch", "precision", "deformable convolution", "images/s", "total loss of the first step")
    for (architecture, batch, steps), precision in itertools.product(CASES, ("f32", "bf16")):
        batch, steps = (2, 1) if options.quick else (batch, steps)
        settings = ("0", "1") if architecture == "dla_34" and options.device == "cuda" else ("",)
        for setting in settings:
            os.environ["FAIRMOT_TRITON"] = setting
            with tempfile.TemporaryDirectory() as folder:
                trainer, loader = trainer_of(options, architecture, Path(folder), precision, batch)
                example = next(loader.epoch(0))
            total = trainer.step(example, 1e-4).losses["total"]
            rate = in_memory(options, trainer, example, batch, steps)
            form = {"0": "plain", "1": "Triton"}.get(setting, "")
            row(architecture, batch, precision, form, f"{rate:.1f}", f"{total:.4f}")


def compiled(options) -> None:
    """Of ``lite``, whose step the launches of its kernels bound; compiling comes first and is timed apart."""
    import torch

    if options.quick:
        torch.compile = functools.partial(torch.compile, backend="eager")  # one piece is found, no code is made
    header("network", "precision", "compiled", "images/s", "first step, s", "total loss of the first step")
    batch, steps = (2, 1) if options.quick else CASES[0][1:]
    for compile_it in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            trainer, loader = trainer_of(options, "lite", Path(folder), "bf16", batch, train={"compile": compile_it})
            example = next(loader.epoch(0))
        began = time.perf_counter()
        total = trainer.step(example, 1e-4).losses["total"]
        first = time.perf_counter() - began
        rate = in_memory(options, trainer, example, batch, steps)
        row("lite", "bf16", "yes" if compile_it else "no", f"{rate:.1f}", f"{first:.1f}", f"{total:.4f}")


def loader(options) -> None:
    header("network", "workers", "images/s with the loader", "images in memory", "ratio")
    for architecture, batch, steps in CASES:
        batch, steps = (2, 1) if options.quick else (batch, 2 * steps)
        for processes in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                data = {"worker_processes": processes} | ({"workers": 2} if options.quick else {})
                trainer, loader = trainer_of(options, architecture, Path(folder), "bf16", batch, data=data)
                batches = trainer.prefetched(each for epoch in itertools.count() for each in loader.epoch(epoch))
                example = next(batches)
                sources = (itertools.repeat(example), batches)
                rates = [images_a_second(options, trainer, source, batch, steps) for source in sources]
                batches.close()
                loader.close()
            kind = f"{loader._workers} {'processes' if processes else 'threads'}"
            row(architecture, kind, f"{rates[1]:.1f}", f"{rates[0]:.1f}", f"{rates[1] / rates[0]:.2f}")


def inference(options) -> None:
    import fairmot.engines.torch.detector as module
    from fairmot.config import NetworkConfig
    from fairmot.engines.torch.network import HALVES
    from fairmot.evaluation.detection import average_precision
    from fairmot.geometry import Letterbox
    from fairmot.network.architectures import build_graph
    from fairmot.network.decoding import fraction_found
    from fairmot.network.initial import initial_weights
    from fairmot.network.safetensors import load_weights
    from fairmot.street import render_street

    shipped = load_weights(ROOT / "fairmot" / "pretrained" / "lite.safetensors")
    exact = module.exact_float32
    frames = list(render_street(people=12, frames=2 if options.quick else 24, size=(960, 540), frame_rate=2, seed=5))
    header("network", "images", "precision", "ms", "found of what f32 finds", "AP50", "against f32")
    for architecture, count in itertools.product(("lite", "dla_34"), (1, 2 if options.quick else 8)):
        config = shipped.network if architecture == "lite" else NetworkConfig(architecture=architecture)
        if options.quick:
            small = {"input_width_px": 96, "input_height_px": 64}
            config = NetworkConfig.model_validate(config.model_dump() | small)
        graph = build_graph(config)
        weights = shipped.arrays if architecture == "lite" else initial_weights(graph)
        places = Letterbox((960, 540), config.input_size)
        canvases = [places.apply(frame.image) for frame in frames]
        truth = [np.concatenate([f.boxes_tlwh[:, :2], f.boxes_tlwh[:, :2] + f.boxes_tlwh[:, 2:]], 1) for f in frames]
        reference = base = None
        for precision in ("f32", "tf32", "bf16", "f16"):
            # TF32 is an experiment here: no command takes it.
            module.exact_float32 = (lambda *_, **__: nullcontext()) if precision == "tf32" else exact
            detector = module.TorchDetector(
                graph, weights, config.input_size, 100, options.device, HALVES.get(precision)
            )
            found = [detector(canvas[None]) for canvas in canvases]
            batch = np.stack((canvases * count)[:count])
            took = milliseconds(lambda: detector(batch), options.device, options.repeats)  # noqa: B023
            reference = reference or found
            name = precision.replace("tf32", "f16")  # eleven bits, both
            same = np.mean([fraction_found(*pair, name) for pair in zip(found, reference, strict=True)])
            scores, difference = "random weights", ""
            if architecture == "lite":
                boxes = [places.detections_to_image(each.boxes_xyxy[0]) for each in found]
                ap = average_precision(boxes, [each.scores[0] for each in found], truth)
                base = ap if base is None else base
                scores, difference = f"{ap:.4f}", f"{ap - base:+.4f}"
            row(architecture, count, precision, f"{took:.2f}", f"{same:.1%}", scores, difference)
        module.exact_float32 = exact


def pipeline(options) -> None:
    sizes = ["--heights", "480", "--frames", "4"] if options.quick else ["--heights", "1080", "--frames", "300"]
    networks = ["lite"] if options.quick else ["lite", "dla_34"]
    script = ROOT / "benchmarks" / "pipeline.py"
    shell(sys.executable, script, "--engine", "torch", "--networks", *networks, *sizes, "--rounds", "1")


def onnx(options) -> None:
    try:
        import onnxruntime
    except ImportError:
        print("ONNX Runtime is absent: not run")
        return
    print(f"ONNX Runtime {onnxruntime.__version__}: {', '.join(onnxruntime.get_available_providers())}\n", flush=True)
    for provider, device in (("CUDAExecutionProvider", "cuda"), ("TensorrtExecutionProvider", "tensorrt")):
        if provider in onnxruntime.get_available_providers():
            shell(sys.executable, "-m", "fairmot", "benchmark", "lite", "--engines", "onnxruntime", "--device", device)
        else:
            print(f"{provider} is not in this build: not run\n")


def video(options) -> None:
    import av

    import fairmot
    from fairmot.errors import InputError
    from fairmot.media.hardware import decoding_devices
    from fairmot.media.outputs.encoders import encoders
    from fairmot.media.outputs.outputs import Outputs
    from fairmot.media.outputs.video import VideoWriter
    from fairmot.street import render_street

    print(f"PyAV {av.__version__} decodes with {', '.join(decoding_devices()) or 'no device'}, ", end="")
    print(f"encodes with {', '.join(encoders()) or 'no device'}\n")
    frames, size = (4, (320, 180)) if options.quick else (300, (1920, 1080))
    small = {"input_size": (96, 64)} if options.quick else {}
    detector = fairmot.load_detector(engine="torch", device=options.device, **small)
    header("`lite` from 1080p", "decoder", "encoder", "frames/s", "decoding ms a frame", "what fell back")
    with tempfile.TemporaryDirectory() as name:
        clip = Path(name) / "street.mp4"
        images = [frame.image for frame in render_street(people=12, frames=min(frames, 60), size=size)]
        with VideoWriter(clip, size, 25) as writer:
            for image in itertools.islice(itertools.cycle(images), frames):
                writer.write(image)
        fairmot.track(clip, detector, output=Path(name) / "warm", video=False, end=min(frames, 30))
        for decoder, encoder in (("software", None), ("cuda", None), ("cuda", "software"), ("cuda", "cuda")):
            what = "track without video" if encoder is None else "track with video"
            try:
                outputs = Outputs(video=False) if encoder is None else Outputs(video_encoder=encoder)
                folder = Path(name) / f"{decoder}-{encoder}"
                (run,) = fairmot.track(clip, detector, output=folder, outputs=outputs, video_decoder=decoder)
            except (InputError, OSError) as error:  # another build of FFmpeg, or a device that fails on the way
                row(what, decoder, encoder or "", "not run", "", error)
                continue
            rate, decoding = f"{run.frames_per_second:.1f}", f"{run.milliseconds.decode:.2f}"
            row(what, run.video_decoder, run.video_encoder or "", rate, decoding, "; ".join(run.fallbacks))


def run(command: list[str], seconds: float) -> str:
    """Return what a step printed as Markdown, with a line on how it ended where it did not end well."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=os.name == "posix"
    )
    try:
        out, errors = process.communicate(timeout=max(1, seconds))
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            os.killpg(process.pid, 9)  # what the step started too
        process.kill()
        out, _ = process.communicate()
        return f"{out}\n**ended after its limit of {seconds:.0f} s**\n"
    if process.returncode:
        last = "\n".join(errors.strip().splitlines()[-12:])
        return f"{out}\n**failed with {process.returncode}**\n\n```text\n{last}\n```\n"
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument(
        "--steps", nargs="+", default=[step.name for step in STEPS], choices=[step.name for step in STEPS]
    )
    parser.add_argument("--output", type=Path, default=Path("gpu-report.md"))
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
    if options.one:
        globals()[options.one](options)
        return
    began = time.monotonic()
    report = f"# Report on {options.device}\n\n{time.strftime('%Y-%m-%d')}, `{' '.join(sys.argv)}`\n"
    given = [each for each in sys.argv[1:] if each == "--quick"]
    for step in (step for step in STEPS if step.name in options.steps):
        left = TOTAL_SECONDS - (time.monotonic() - began)
        print(f"{step.name} ...", flush=True)
        started = time.monotonic()
        own = ["--device", options.device, "--repeats", str(options.repeats), *given, "--one", step.name]
        limit = left if step is STEPS[-1] else min(step.seconds, left)
        text = run([sys.executable, __file__, *own], limit) if left > 5 else "**no time was left**\n"
        report += f"\n## {step.title}\n\n{text}\n{time.monotonic() - started:.0f} s\n"
        options.output.write_text(report, encoding="utf-8")
    print(f"{options.output}: {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()

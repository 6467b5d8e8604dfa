"""What an engine can do, a protocol for each capability.

An engine has a capability whole or not at all: one of its modules satisfies the protocol, to the last parameter. The
table of engines and modules is in ``fairmot.engines``; ``tests/engines/test_capabilities.py`` compares them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fairmot.config import Config, LossConfig
from fairmot.engines.interface import (
    AnyTrainingBatch,
    Arrays,
    CanvasDetector,
    ExportedDetector,
    ExportedNetwork,
    LayerTime,
    Process,
    RawNetwork,
    StepResult,
    Trainer,
)
from fairmot.errors import InputError
from fairmot.network.graph import Graph


class InferenceEngine(Protocol):
    """Runs networks."""

    PRECISIONS: tuple[str, ...]
    """What it may compute in, of ``f32``, ``bf16`` and ``f16``; the short ones where the device has them."""

    def devices(self) -> tuple[str, ...]:
        """Return the devices that the engine finds on this machine."""
        ...

    def fast_precisions(self, device: str = "auto") -> tuple[str, ...]:
        """Return the short precisions that are faster on this device: those that it has units for.

        Raises:
            InputError: a device that the engine lacks here.
        """
        ...

    def load_network(self, graph: Graph, weights: Arrays, device: str = "auto", precision: str = "f32") -> RawNetwork:
        """Build the network of ``graph`` with these weights.

        Raises:
            InputError: a device or precision that the engine lacks here.
        """
        ...

    def load_canvas_detector(
        self,
        graph: Graph,
        weights: Arrays,
        input_size: tuple[int, int],
        max_objects: int = 500,
        device: str = "auto",
        precision: str = "f32",
        described_above: float = 0.0,
    ) -> CanvasDetector:
        """Build network and decoding for canvases of this size (width, height).

        Embeddings of boxes with a score of ``described_above`` or less may be left at 0: an engine that reads them
        box by box saves their time.

        Raises:
            InputError: a device or precision that the engine lacks here.
        """
        ...


class TrainingEngine(Protocol):
    """Trains networks."""

    def create_trainer(
        self, graph: Graph, weights: Arrays, identity_count: int | Sequence[int], config: Config, device: str = "auto"
    ) -> Trainer:
        """Build a trainer from start weights; the classifiers start from ``config.train.seed``.

        ``identity_count`` is nID, the classes of the identity classifier, or one for each class of objects; below 3
        there is no identity term (see ``training_rules.identity_classifiers``).
        """
        ...

    def join_processes(self, device: str = "auto") -> None:
        """Meet the other processes of a run; a scheduler, which does not train, returns when they have ended."""
        ...

    def losses_of_heads(
        self, heads: Arrays, batch: AnyTrainingBatch, parameters: Arrays, config: LossConfig
    ) -> tuple[StepResult, Arrays]:
        """Return losses and the gradient of ``total`` for given head maps, for parity checks.

        ``heads`` as of ``RawNetwork``, embeddings along the boxes of the slots included; ``parameters`` holds
        ``classifier.weight``, ``classifier.bias``, ``loss.s_det``, ``loss.s_id``. Gradients carry the same names as
        both.
        """
        ...


class Launcher(Protocol):
    """Starts the processes of one training run on this machine; importing it does not import the framework."""

    def launch_command(self, processes: int, folder: Path) -> list[str]:
        """Return the command line that starts so many processes; a script and its arguments follow it.

        The processes write their logs into ``folder``.
        """
        ...

    def check_devices(self, device: str, processes: int) -> None:
        """Check, without the framework, that this machine has a device for each process.

        Raises:
            InputError: it has none, or too few; what cannot be known without the framework passes.
        """
        ...

    def log_files(self, folder: Path, rank: int) -> list[Path]:
        """Return the logs of one process; the first one may have none, since it writes to the terminal."""
        ...

    def find_process(self, environment: Mapping[str, str]) -> Process | None:
        """Return the place of this process by the variables that the launcher sets; None: it did not start it.

        Raises:
            InputError: the launcher was called without an option that the place depends on.
        """
        ...


class NetworkExporter(Protocol):
    """Writes raw networks into files for another runtime, and reads them back."""

    EXPORT_PRECISIONS: tuple[str, ...]
    """What it writes, of ``f32``, ``f16`` and ``int8``."""

    def export_network_file(
        self,
        path: Path,
        graph: Graph,
        weights: Arrays,
        input_size: tuple[int, int],
        precision: str = "f32",
        images: Iterable[NDArray[np.uint8]] = (),
    ) -> None:
        """Write the head maps of a network.

        Args:
            path: the file to write.
            graph: the network.
            weights: its parameters.
            input_size: width and height, pixels, for formats of fixed size.
            precision: of ``EXPORT_PRECISIONS``.
            images: BGR canvases [H, W, 3] from which int8 takes the ranges of the maps.

        Raises:
            InputError: an unknown precision, or int8 without images.
        """
        ...

    def load_exported_network(self, path: Path | str, device: str = "auto") -> ExportedNetwork:
        """Read such a file.

        Raises:
            InputError: no such file, a foreign or damaged one, or one that does not hold raw heads.
        """
        ...


class DetectorExporter(Protocol):
    """Writes whole detectors into files for another runtime, and reads them back."""

    EXPORT_PRECISIONS: tuple[str, ...]
    """What it writes, of ``f32``, ``f16`` and ``int8``."""

    def export_detector_file(
        self,
        path: Path,
        graph: Graph,
        weights: Arrays,
        input_size: tuple[int, int],
        precision: str = "f32",
        images: Iterable[NDArray[np.uint8]] = (),
        tracker: str = "",
    ) -> None:
        """Write a network with its decoding, for canvases of ``input_size``.

        Arguments as of ``NetworkExporter.export_network_file``; ``tracker`` holds the tracker's parameters that go
        with the weights (``TrackerConfig.note``).

        Raises:
            InputError: an unknown precision, or int8 without images.
        """
        ...

    def load_exported_detector(self, path: Path | str, device: str = "auto") -> ExportedDetector:
        """Read such a file.

        Raises:
            InputError: no such file, a foreign or damaged one, or one that does not hold a detector.
        """
        ...

    def exported_tracker(self, path: Path) -> str | None:
        """Return the tracker's parameters that such a file names, without loading the detector.

        Raises:
            InputError: no such file, or a foreign or damaged one.
        """
        ...


class CheckpointFormat(Protocol):
    """Reads and writes public checkpoints in the framework's own format."""

    def read_checkpoint(self, path: Path) -> Arrays:
        """Read a checkpoint without running any code in it.

        Raises:
            InputError: not such a file, or one that holds more than arrays.
        """
        ...

    def write_checkpoint(self, path: Path, arrays: Arrays) -> None:
        """Write a checkpoint as ``read_checkpoint`` and the public code read it.

        Raises:
            InputError: the file cannot be written.
        """
        ...


class Profiler(Protocol):
    """Times the operators of a detector."""

    def profile_detector(
        self, graph: Graph, weights: Arrays, input_size: tuple[int, int], device: str = "auto", runs: int = 10
    ) -> list[LayerTime]:
        """Return the operators, the slowest first, each at its fastest of several runs."""
        ...


class KernelChoice(Protocol):
    """Chooses the kernels of this processor where the library's own choice is slow."""

    def describe_instruction_set(self) -> str:
        """Return what the kernels use, whether that is a limit, and how to lift it; empty where it is unknown."""
        ...


def check_precision(engine: str, precision: str, known: Sequence[str]) -> None:
    """Raise unless an engine computes in this precision.

    Raises:
        InputError: it does not.
    """
    if precision not in known:
        hint = "; int8 comes from a file: fairmot export WEIGHTS OUT.onnx --precision int8" * (precision == "int8")
        raise InputError(
            f"precision {precision}: engine {engine} does not compute in it; it has {', '.join(known)}{hint}"
        )

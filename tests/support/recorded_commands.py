"""Commands whose workflows are replaced by ones that note how they were called, so that each mode runs in no time.

What an option does is then seen in the call, in what is printed, or in a file.
"""

import importlib
import re
from contextlib import ExitStack
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from typer.main import get_command
from typer.testing import CliRunner

from fairmot.config import NetworkConfig, TrackerConfig
from fairmot.report.report import Report
from fairmot.workflows.convert import Conversion
from fairmot.workflows.export import Export
from fairmot.workflows.hub import Repository
from fairmot.workflows.track.track_run import StageTimes, TrackRun

DETECTOR = SimpleNamespace(architecture="lite", engine="none", input_size=(64, 64), fits_images=False)
RUN = TrackRun("x", Path("x.txt"), None, 1, 1, 1, 1.0, StageTimes())
SCORES = {"problems": [], "benchmark": "none", "archive": "x.zip", "combined": {}}
TUNED = SimpleNamespace(as_json=dict, scores={}, trials=1, pruned=0, best="best.yaml")
EXPORT = Export(Path("det.txt"), "onnx", "f32", (64, 64), False, "none", 1.0, None)
VALIDATION = SimpleNamespace(as_dict=dict, findings=[], counts={}, sets=1, images=1, boxes=1, errors=0, warnings=0)
SPLIT = SimpleNamespace(train="a", held="b", train_images=1, held_images=1)

WORKFLOWS = {
    "fairmot.detector.load_detector": DETECTOR,
    "fairmot.detector.weights_tracker": TrackerConfig(),
    "fairmot.workflows.track.track.track": [RUN],
    "fairmot.workflows.track.replay.replay": [RUN],
    "fairmot.workflows.track.jobs.track_many": [],
    "fairmot.workflows.track.gap_filling.fill_gaps": 2,
    "fairmot.workflows.evaluate.evaluate.evaluate": SCORES,
    "fairmot.workflows.evaluate.evaluate.track_test_set": SCORES,
    "fairmot.workflows.evaluate.score.score": SCORES,
    "fairmot.workflows.evaluate.compare.compare_trackers": {"trackers": [{"name": "results", "report": SCORES}]},
    "fairmot.workflows.evaluate.figures.write_figures": [],
    "fairmot.evaluation.published_table.published_report": "table",
    "fairmot.evaluation.tables.alpha_tables": ["HOTA over alpha"],
    "fairmot.evaluation.tables.markdown_table": "| HOTA |",
    "fairmot.evaluation.tables.class_tables": [],
    "fairmot.evaluation.comparison_tables.comparison_latex": "table",
    "fairmot.formats.scores.write_scores": None,
    "fairmot.formats.scores.write_scores_csv": None,
    "fairmot.workflows.explain.explain.explain": {},
    "fairmot.cli.explaining._write_sheets": {},
    "fairmot.workflows.tune.tune.tune": TUNED,
    "fairmot.report.report.report": Report(Path("a.html"), 1, []),
    "fairmot.serve.server.serve": None,
    "fairmot.engines.choice.choose_training_engine": "torch",
    "fairmot.engines.load_training": None,
    "fairmot.training.check.check_run": SimpleNamespace(epoch_steps=3, finished=None),
    "fairmot.training.launch.launch": 0,
    "fairmot.training.loop.train": SimpleNamespace(checkpoint="c", weights="w"),
    "fairmot.training.self_check.self_check": SimpleNamespace(problems=[]),
    "fairmot.workflows.convert.convert": Conversion(NetworkConfig(), "public", 1, (), ()),
    "fairmot.workflows.export.export": EXPORT,
    "fairmot.workflows.hub.write_repository": Repository(Path("repository"), ("README.md",), "lite"),
    "fairmot.benchmark.use_threads": None,
    "fairmot.benchmark.profile": [],
    "fairmot.benchmark.measure": ([], []),
    "fairmot.benchmark.measure_training": ([], []),
    "fairmot.workflows.doctor.examine": [],
    "fairmot.workflows.demo.demo": SimpleNamespace(report={}, video="v.mp4"),
    "fairmot.data.converters.convert_dataset": SimpleNamespace(table=lambda: "converted"),
    "fairmot.data.checks.validation.validate": VALIDATION,
    "fairmot.data.annotations.read_images": [],
    "fairmot.data.checks.statistics.statistics": [],
    "fairmot.data.checks.statistics.description_of": Path("data.json"),
    "fairmot.data.checks.preview.write_preview": 1,
    "fairmot.data.splitting.split_list": SPLIT,
    "fairmot.street.write_street": "street",
    "fairmot.cli.console.print_scores": None,
    "fairmot.cli.console.self_check_table": "table",
}
"""Function -> what it returns."""

VALUES = {
    "--video-height": "240",
    "--video-decoder": "auto",
    "--video-encoder": "auto",
    "--input-size": "64x32",
    "--classes": "0,2",
    "--tracker": "byte",
    "--interpolate": "linear",
    "--config": "other.yaml",
    "--line": "0,0,9,9",
    "--anchor": "centre",
    "--line-margin": "0.25",
    "--zone": "zones.json",
    "--detections": "det.txt",
    "--set": "train.epochs=7",
    "--format": "onnx",
    "--kind": "switch",
    "--camera-height": "2 3",
    "--confidence": "0.25",
    "--min-visibility": "0.25",
    "--width": "99",
    "--jobs": "3",
    "--ray": "auto",
    "--host": "localhost",
    "--allow-paths": "labelled",
    "--token": "a-secret-of-many-characters",
}
"""A value of an option; the others take ``7``, which is a number and a name."""


class Calls:
    """Runs commands and notes what they did; a context in which their workflows are replaced."""

    def __init__(self, app):
        self.app = app
        self.notes = []
        self._patches = ExitStack()

    def __enter__(self):
        command = get_command(self.app)  # once, since it takes longer than a call
        self._patches.enter_context(patch("typer.testing._get_command", lambda _: command))
        for name in WORKFLOWS:  # all first: a module that is imported later would keep a replacement
            importlib.import_module(name.rpartition(".")[0])
        try:
            for name, answer in WORKFLOWS.items():
                self._patches.enter_context(patch(name, self._fake(name, answer)))
        except BaseException:
            self._patches.close()  # no other test shall meet half of them
            raise
        return self

    def __exit__(self, *_):
        self._patches.close()

    def _fake(self, name, answer):
        def called(*arguments, **named):
            self.notes.append((name, repr(arguments), repr(sorted(named.items()))))
            if name == "fairmot.serve.server.serve":
                arguments[2]("http://here")
            return copy(answer)

        return called

    def trace(self, words):
        """Return the error of a command, its exit code, and everything in which it can differ from another call."""
        self.notes.clear()
        before = set(Path().iterdir())
        result = CliRunner().invoke(self.app, words, env={"DISPLAY": "", "COLUMNS": "100"})
        written = sorted(str(path) for path in set(Path().iterdir()) - before)
        for path in written:
            Path(path).unlink()
        error = result.exception if isinstance(result.exception, Exception) else None
        seen = re.sub(r"0x[0-9a-f]+", "", repr((self.notes, result.stdout, result.stderr, written)))
        return error, result.exit_code, seen


def prepare(folder):
    """Write the few files that commands read themselves."""
    for name, truth in (("labelled", True), ("unlabelled", False)):
        sequence = folder / name / "MOT17-01"
        (sequence / "gt").mkdir(parents=True)
        (sequence / "seqinfo.ini").write_text("[Sequence]\nname=MOT17-01\nseqLength=3\n")
        if truth:
            (sequence / "gt" / "gt.txt").write_text("1,1,1,1,9,9,1,1,1\n")
    (folder / "det.txt").write_text("1,-1,1,1,9,9,0.9\n")
    (folder / "other.yaml").write_text("tracker: {confidence: 0.33}\ninference: {confidence: 0.2}\n")
    (folder / "zones.json").write_text('{"door": [[0, 0], [9, 0], [9, 9]]}')
    (folder / "present.safetensors").touch()


def option_words(option):
    """Return the words that give an option: one that is not the default where it has two names."""
    name = next(each for each in option.opts if each.startswith("--"))
    if option.is_flag:
        is_on = option.default or option.show_default == "yes"
        return [option.secondary_opts[0] if option.secondary_opts and is_on else name]
    return [name, *VALUES.get(name, "7").split()]

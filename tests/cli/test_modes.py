"""Every option of every command in every mode is served, or refused with the name of the mode; none is ignored."""

import inspect
from dataclasses import replace

import pytest
from command_tree import commands, long_name, options
from recorded_commands import Calls, option_words, prepare
from typer.testing import CliRunner

import fairmot.formats.recordings as recordings_module
from fairmot.cli import app, modes
from fairmot.config import TrackerConfig
from fairmot.data import converters
from fairmot.errors import InputError

COMMANDS = commands(app)

BASES = {
    "track": {
        "track of files": ["a.mp4"],
        "track of streams and cameras": ["rtsp://camera/main"],
        "track of a pipe": ["-"],
        "track --detections": ["--detections", "det.txt"],
        "track --jobs": ["a.mp4", "--jobs", "1"],
        "track --ray": ["a.mp4", "--ray", "local"],
    },
    "train": {"train": ["lite"], "train --self-check": ["lite", "--self-check"]},
    "evaluate": {"evaluate": ["labelled"], "evaluate of a test set": ["unlabelled"]},
    "explain": {
        "explain without --sheets": ["labelled", "results"],
        "explain --sheets": ["labelled", "results", "--sheets", "sheets"],
    },
    "report": {
        "report without --ground-truth": ["run"],
        "report --ground-truth": ["run", "--ground-truth", "labelled"],
    },
    "benchmark": {
        "benchmark": [],
        "benchmark --training": ["--training"],
        "benchmark --profile": ["--profile", "5"],
    },
    "describe": {"describe": ["lite"], "describe --all": ["--all"]},
    "export": {
        "export in f32 and f16": ["a.safetensors", "b.onnx"],
        "export --precision int8": ["a.safetensors", "b.onnx", "--precision", "int8"],
        "export --hub": ["a.safetensors", "--hub", "repository"],
    },
    "convert": {"convert": ["a.pth", "b.safetensors"], "convert of .onnx": ["a.onnx", "b.safetensors"]},
    "score": {"score": ["labelled", "results"]},
    "tune": {"tune": ["labelled", "detections"]},
    "serve": {"serve": []},
    "doctor": {"doctor": []},
    "demo": {"demo": []},
    "data convert": {"data convert": ["pennfudan", "in", "out"]},
    "data validate": {"data validate": ["data.json"]},
    "data stats": {"data stats": ["data.json"]},
    "data preview": {"data preview": ["data.json", "sheet.png"]},
    "data split": {"data split": ["list.txt"]},
    "data synthesize": {"data synthesize": ["street"]},
}
"""Command -> mode -> the words that choose it."""

CHOOSES = {
    ("track --detections", "--detections"): "a second one is tracked too",
    ("evaluate of a test set", "--zip"): "a test set is always zipped",
}
OWN_TESTS = {
    (mode, "--overwrite"): "test_files_are_replaced_only_with_overwrite" for mode in ("convert", "convert of .onnx")
}
"""Options whose effect this walk does not see."""


@pytest.fixture
def calls(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    with Calls(app) as recorded:
        yield recorded


def table(command, name):
    return next((mode for mode in modes.MODES.get(command, ()) if mode.name == name), None)


def test_every_command_and_mode_is_here():
    assert set(BASES) == set(COMMANDS)
    for command, tables in modes.MODES.items():
        assert [mode.name for mode in tables] == list(BASES[command])
        names = {each.name for each in COMMANDS[command].params} - {"help"}
        assert set.union(*(set(mode.takes) for mode in tables)) == names
        assert all(mode.reason for mode in tables if mode.takes != names)


@pytest.mark.parametrize("command", BASES)
def test_every_option_is_served_or_refused(calls, command):
    for name, base in BASES[command].items():
        error, code, plain = calls.trace([*command.split(), *base])
        assert (error, code) == (None, 0), (name, error)
        takes = None if (mode := table(command, name)) is None else mode.takes
        for option in options(COMMANDS[command]):
            words = option_words(option)
            error, code, seen = calls.trace([*command.split(), *base, *words])
            if takes is not None and option.name not in takes:
                # An option that chooses another mode is served there, or what chose this one is refused there.
                chooses = any(words[0] in other for mode, other in BASES[command].items() if mode != name)
                if chooses and error is None:
                    assert seen != plain, (name, words, "is ignored")
                    continue
                assert isinstance(error, InputError), (name, words, error)
                mode, _, refused = str(error).partition(" does not take ")
                assert mode in BASES[command], error
                assert chooses or ((mode == name and words[0] in refused) or long_name(option) in refused), error
            elif (name, words[0]) not in {**CHOOSES, **OWN_TESTS}:
                assert (error, code) == (None, 0), (name, words, error)
                assert seen != plain or words[0] in base, (name, words, "is ignored")


def test_an_option_that_is_ignored_is_found(calls, monkeypatch):
    wrong = modes.Mode("track --detections", modes.TRACK_DETECTIONS.takes | {"weights"}, "")
    monkeypatch.setattr(modes, "TRACK_DETECTIONS", wrong)
    monkeypatch.setitem(modes.MODES, "track", (wrong,))
    monkeypatch.setitem(BASES, "track", {"track --detections": ["--detections", "det.txt"]})
    with pytest.raises(AssertionError, match="is ignored"):
        test_every_option_is_served_or_refused(calls, "track")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["track", "--detections", "det.txt", "--weights", "a", "--no-video", "--csv"],
            "track --detections does not take --weights, --video: saved detections need no network and hold no images",
        ),
        (["track", "a.mp4", "--jobs", "2", "--together"], "track --jobs does not take --together"),
        (["track", "a.mp4", "--ray", "local", "--show"], "track --ray does not take --show"),
        (["track", "a.mp4", "--max-latency", "1"], "track of files does not take --max-latency"),
        (["track", "-", "--give-up", "5"], "track of a pipe does not take --give-up"),
        (["train", "lite", "--self-check", "--processes", "2"], "train --self-check does not take --processes"),
        (["benchmark", "--profile", "3", "--training"], "benchmark --profile does not take --training"),
        (["describe", "lite", "--all"], "describe --all does not take NETWORK"),
        (["evaluate", "unlabelled", "--half-val"], "evaluate of a test set does not take --half-val"),
        (["explain", "labelled", "results", "--source", "a.mp4"], "explain without --sheets does not take --source"),
    ],
)
def test_the_line_names_the_mode_and_the_option(calls, words, line):
    error, _, _ = calls.trace(words)
    assert isinstance(error, InputError)
    assert line in str(error)


def test_the_default_given_in_words_is_refused_too(calls):
    error, _, _ = calls.trace(["track", "--detections", "det.txt", "--engine", "auto"])
    assert "track --detections does not take --engine" in str(error)


@pytest.mark.parametrize("kind", ["motchallenge", "crowdhuman", "caltech", "coco", "cvat", "jde", "voc", "yolo"])
def test_options_of_data_convert_belong_to_the_formats_that_their_panel_names(tmp_path, kind):
    names = {"image_folder": "images", "heads": "head_classes"}
    for option in options(COMMANDS["data convert"]):
        if option.name == "name":
            continue
        formats = option.rich_help_panel.removeprefix("Only ").split(", ")
        key = names.get(option.name, option.name)
        taken = key in inspect.signature(getattr(converters, f"convert_{kind}")).parameters
        assert taken is (kind in formats), (kind, key)
        if not taken:
            with pytest.raises(InputError, match=f"{key}: an option of .*not of {kind}"):
                converters.convert_dataset(kind, tmp_path, tmp_path, **{key: 1})


@pytest.mark.parametrize("command", ["convert", "export"])
def test_files_are_replaced_only_with_overwrite(calls, command):
    words = [command, "a.pth", "present.safetensors"]
    error, _, _ = calls.trace(words)
    assert str(error) == "present.safetensors: exists already; --overwrite replaces it"
    error, code, seen = calls.trace([*words, "--overwrite"])
    assert (error, code) == (None, 0)
    assert f"fairmot.workflows.{command}.{command}" in seen


def test_a_configuration_counts_only_where_its_file_says_something(calls, tmp_path):
    (tmp_path / "silent.yaml").write_text("network: {architecture: lite}\n")
    (tmp_path / "loud.yaml").write_text("inference: {save_videos: false, save_images: true, confidence: 0.3}\n")
    for words, video, images, lowest in (
        ([], True, False, 0.1),
        (["--config", "lite"], True, False, 0.1),
        (["--config", "silent.yaml"], True, False, 0.1),
        (["--config", "loud.yaml"], False, True, 0.3),
        (["--config", "loud.yaml", "--video", "--no-images"], True, False, 0.3),
    ):
        for jobs in ([], ["--jobs", "1"]):
            _, _, seen = calls.trace(["track", "a.mp4", *words, *jobs])
            assert f"video={video}, images={images}" in seen
            assert f"confidence={lowest}" in seen if jobs else f"'confidence', {lowest}" in seen
        _, _, seen = calls.trace(["evaluate", "labelled", *words])
        assert f"video={video and '--video' in words}, images={images}" in seen


@pytest.mark.parametrize("name", ["save_videos", "save_images"])
def test_a_configuration_that_requests_images_of_saved_detections_is_refused(calls, tmp_path, name):
    (tmp_path / "loud.yaml").write_text(f"inference: {{{name}: true}}\n")
    words = ["track", "--detections", "det.txt", "--config", "loud.yaml"]
    error, _, _ = calls.trace(words)
    assert isinstance(error, InputError)
    assert f"loud.yaml: inference.{name} needs images" in str(error)
    (tmp_path / "loud.yaml").write_text(f"inference: {{{name}: false}}\n")
    assert calls.trace(words)[:2] == (None, 0)


def test_saved_detections_keep_what_the_configuration_lets_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "det.txt").write_text(
        "1,-1,1,1,40,90,0.9\n1,-1,90,1,40,90,0.5\n2,-1,1,1,40,90,0.9\n2,-1,90,1,40,90,0.4\n"
    )
    kept = {}
    for name, inference in (("silent", "{}"), ("loud", "{confidence: 0.5}"), ("empty", "{confidence: 1}")):
        (tmp_path / f"{name}.yaml").write_text(f"tracker: {{confidence: 0.1}}\ninference: {inference}\n")
        words = ["track", "--detections", "det.txt", "--config", f"{name}.yaml", "--output", name]
        assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
        rows = (tmp_path / name / "det.txt").read_text().splitlines()
        kept[name] = [row.split(",")[0] for row in rows]
    # The lower score of frame 1 is the threshold itself: it goes, as in the detector.
    assert kept["loud"] == ["1", "2"]
    assert len(kept["silent"]) > 2
    assert kept["empty"] == []


def test_jobs_get_what_else_is_saved(calls):
    for how in (["--jobs", "1"], ["--ray", "local"]):
        _, _, plain = calls.trace(["track", "a.mp4", *how])
        assert "save_detections=False, record=False, interpolate=None" in plain
        words = ["--save-detections", "--record", "--interpolate", "gaussian"]
        _, _, seen = calls.trace(["track", "a.mp4", *how, *words])
        assert "save_detections=True, record=True, interpolate='gaussian'" in seen
        error, _, _ = calls.trace(["track", "a.mp4", *how, "--interpolate", "cubic"])
        assert "interpolation cubic: unknown" in str(error)


def test_several_recordings_keep_their_own_parameters(calls, tmp_path):
    own = {"a": TrackerConfig.preset("byte"), "b": TrackerConfig.preset("crowd")}
    load = recordings_module.load_recording

    def loaded(path):
        recording = load(tmp_path / "det.txt")
        return replace(recording, name=path.stem, detector={"tracker": own[path.stem].model_dump(mode="json")})

    seen = []
    words = ["track", "--detections", "a.npz", "--detections", "b.npz", "--quiet"]
    # Undone before ``calls`` puts the real functions back: the other way round its replacement would stay.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(recordings_module, "load_recording", loaded)
        patched.setattr(
            "fairmot.workflows.track.replay.replay",
            lambda recordings, config, **_: seen.append((recordings, config)) or [],
        )
        CliRunner().invoke(app, words, catch_exceptions=False)
        CliRunner().invoke(app, [*words, "--confidence", "0.2"], catch_exceptions=False)
    (recordings, config), (changed, other) = seen
    assert config is other is None
    assert [each.tracker for each in recordings] == list(own.values())
    assert [each.tracker for each in changed] == [each.changed(confidence=0.2) for each in own.values()]
    assert [each.tracker for each in recordings] != [each.tracker for each in changed]


def test_labels_name_parameters():
    names = {long_name(option): modes.label(option) for option in options(COMMANDS["track"])}
    assert all(name == label for name, label in names.items())

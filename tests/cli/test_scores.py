"""The commands ``score``, ``evaluate``, ``tune`` and ``explain`` as functions of the command line."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import synthetic
from documents import fairmot_commands
from typer.main import get_command
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.config import TrackerConfig
from fairmot.errors import InputError


def run(*arguments):
    """Run a command in this process; an error comes through."""
    finished = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    if finished.exception:
        raise finished.exception
    return finished.stdout


def failure(*arguments):
    with pytest.raises(InputError) as caught:
        CliRunner().invoke(
            app, [str(argument) for argument in arguments], standalone_mode=False, catch_exceptions=False
        )
    return str(caught.value)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Ground truth, results, and worse results; the terminal is wide."""
    monkeypatch.setenv("COLUMNS", "200")
    truth, results = synthetic.make_benchmark(tmp_path, "MOT17", 1)
    worse = tmp_path / "worse"
    worse.mkdir()
    for path in results.glob("*.txt"):
        (worse / path.name).write_text("".join(path.read_text().splitlines(keepends=True)[::2]))
    return truth, results, worse


def test_score_compares_and_writes_every_format(folders, tmp_path):
    files = {name: tmp_path / f"out.{name}" for name in ("json", "csv", "markdown")}
    options = [part for name, path in files.items() for part in (f"--save-{name}", path)]
    text = run("score", folders[0], folders[1], folders[2], "--alpha", "--classic", *options)
    assert "HOTA over alpha" in text
    assert "0.95" in text
    assert "CLEAR: differences" in text
    assert "stand twice because the tables match differently" in text
    report = json.loads(files["json"].read_text())
    other = report["compared"][1]
    changes = other["differences"]["combined"]
    assert changes["CLR_FN"] == other["report"]["combined"]["CLR_FN"] - report["combined"]["CLR_FN"] > 0
    assert f"+{changes['CLR_FN']}" in text
    assert f"+{changes['CLR_FN']} |" in files["markdown"].read_text()
    assert files["csv"].read_text().splitlines()[-1].startswith(f"worse,{folders[1].name},COMBINED,")


def test_several_trackers_for_a_paper(folders, tmp_path, monkeypatch):
    """Figures in three formats, LaTeX and Markdown with the best marked; no cell is cut at 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    latex, figures, markdown = tmp_path / "t.tex", tmp_path / "figures", tmp_path / "t.md"
    files = ("--latex", latex, "--plot", figures, "--save-markdown", markdown)
    names = ("--names", "Ours & co,A tracker of a very long name,half$")
    text = run("score", folders[0], folders[1], folders[2], folders[2], *names, *files)
    report = json.loads(run("score", folders[0], folders[1], "--json"))["combined"]
    paths, *lines = text.splitlines()  # a path is never cut nor folded
    assert str(folders[1]) in paths
    assert max(map(len, lines)) <= 80
    assert "\u2026" not in text  # nothing is cut
    begin = text.index("Compared (*: best)")
    compared = text[begin : text.index("Minus Ours & co")]
    assert f"{100 * report['HOTA']:.2f}*" in compared
    assert "95 % intervals of the differences from Ours & co" in text.replace("\n", " ")
    table = latex.read_text()
    assert f"Ours \\& co & \\textbf{{{100 * report['HOTA']:.2f}}}" in table
    assert "half\\$ & " in table
    assert f"**{100 * report['HOTA']:.2f}**" in markdown.read_text()
    kinds = {"detection-association", "errors", "hota-over-alpha", "sequences"}
    assert {path.name for path in figures.iterdir()} == {f"{n}.{e}" for n in kinds for e in ("svg", "pdf", "png")}
    svg = (figures / "hota-over-alpha.svg").read_text()
    assert "half$" in svg
    assert "dc:date" not in svg
    assert (figures / "errors.pdf").read_bytes().startswith(b"%PDF")
    assert "give one for each" in failure("score", *folders, "--names", "a")
    assert "a name of its own" in failure("score", *folders, "--names", "a,a")


def test_score_of_classes(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    row = "{},{},{},50,40,100,1,{},-1,-1\n"
    truth, results = tmp_path / "gt" / "a", tmp_path / "results"
    (truth / "gt").mkdir(parents=True)
    results.mkdir()
    (truth / "seqinfo.ini").write_text("[Sequence]\nseqLength=5\n")
    lines = [row.format(f, c, 100 * c + f, c) for f in range(1, 6) for c in (1, 3)]
    (truth / "gt" / "gt.txt").write_text("".join(lines))
    (results / "a.txt").write_text("".join(lines[:6]))
    text = run("score", truth.parent, results, "--benchmark", "none", "--classes", "0,2")
    assert "class 0 (column 8: 1)" in text
    assert "class 2 (column 8: 3)" in text
    assert "MEAN OF CLASSES" in text
    assert "60.00" in text
    assert "--classes x: expected class ids" in failure("score", truth.parent, results, "--classes", "x")
    for text in ("0,0", "2,0,02"):
        repeated = failure("score", truth.parent, results, "--classes", text)
        assert repeated == f"--classes {text}: a class id is repeated; give each once"


@pytest.fixture
def images(tmp_path, monkeypatch):
    """Eight images in MOTChallenge layout, and a detector that sees one bright person on them."""
    import cv2

    import fairmot.detector
    from fairmot.detections import Detections

    monkeypatch.chdir(tmp_path)
    for name in ("MOT20-01", "MOT20-02"):
        folder = tmp_path / "set" / name
        (folder / "img1").mkdir(parents=True)
        (folder / "gt").mkdir()
        rows = []
        for index in range(8):
            image = np.full((96, 160, 3), 40, np.uint8)
            left = 20 + 5 * index
            cv2.rectangle(image, (left, 30), (left + 20, 80), (200, 220, 240), -1)
            cv2.imwrite(str(folder / "img1" / f"{index + 1:06}.png"), image)
            rows.append(f"{index + 1},1,{left},30,20,50,1,1,1\n")
        (folder / "gt" / "gt.txt").write_text("".join(rows))
        (folder / "seqinfo.ini").write_text(
            "[Sequence]\nimDir=img1\nframeRate=25\nseqLength=8\nimWidth=160\nimHeight=96\nimExt=.png\n"
        )

    class Bright:
        architecture, engine, input_size = "bright", "none", (160, 96)

        def __call__(self, image):
            ys, xs = np.nonzero(image[..., 0] > 150)
            box = np.array([[xs.min(), ys.min(), xs.min() + 20, ys.min() + 50]], np.float32)
            return Detections(box, np.array([0.9]), np.ones((1, 4)))

    monkeypatch.setattr(fairmot.detector, "load_detector", lambda *_, **__: Bright())
    # It comes without parameters of its own, and its recordings name none.
    monkeypatch.setattr(fairmot.detector, "weights_tracker", lambda *_: TrackerConfig())
    return tmp_path / "set"


def test_evaluate_half_val_counts_from_one_and_zips(images):
    report = json.loads(run("evaluate", images, "--half-val", "--zip", "--record", "--save-detections", "--json"))
    assert report["half_val"] is True
    assert report["combined"]["Frames"] == report["combined"]["CLR_TP"] == 2 * 3
    assert report["combined"]["MOTA"] == report["detection"]["combined"]["AP50"] == 1
    out = Path(report["output"])
    rows = np.loadtxt(out / "MOT20-01.txt", delimiter=",")
    assert rows[:, 0].tolist() == [1, 2, 3]
    assert rows[0, 2] == pytest.approx(20 + 5 * 5, abs=1)
    again = run("score", images, out, "--half-val", "--save-json", "again.json")
    assert "MOT20-02" in again
    assert json.loads(Path("again.json").read_text())["combined"] == report["combined"]
    assert zipfile.ZipFile(report["archive"]).namelist() == ["MOT20-01.txt", "MOT20-02.txt"]
    assert {path.name for path in out.glob("MOT20-01*")} == {
        "MOT20-01.txt",
        "MOT20-01.detections.npz",
        "MOT20-01.record.npz",
    }


def test_a_test_set_is_tracked_and_zipped_and_not_scored(images):
    gone = images / "MOT20-01" / "gt" / "gt.txt"
    text = gone.read_text()
    gone.unlink()
    # Half of a data set is no test set: the other sequence is scored.
    assert json.loads(run("evaluate", images, "--json"))["sequences"].keys() == {"MOT20-02"}
    (images / "MOT20-02" / "gt" / "gt.txt").unlink()
    report = json.loads(run("evaluate", images, "--output", "out", "--json"))
    assert report["archive"] == "out/MOT20.zip"
    assert report["problems"] == []
    assert "combined" not in report
    with zipfile.ZipFile(report["archive"]) as archive:
        rows = archive.read("MOT20-01.txt").decode().splitlines()
    assert len(rows) == len(text.splitlines())
    assert "nothing was scored" in run("evaluate", images, "--output", "out2")
    assert "evaluate of a test set does not take --half-val" in failure("evaluate", images, "--half-val")


def test_track_saves_detections_and_tracks_them_again(images):
    first = json.loads(run("track", images / "MOT20-01", "--no-video", "--save-detections", "--json"))[0]
    assert first["detections"] == "runs/track/MOT20-01/MOT20-01.detections.npz"
    again = json.loads(run("track", "--detections", first["detections"], "--record", "--output", "b", "--json"))[0]
    assert Path(again["text"]).read_bytes() == Path(first["text"]).read_bytes()
    assert again["record"] == "b/MOT20-01.record.npz"
    assert "give SOURCES or --detections" in failure("track")
    # What a shell makes of --detections *.npz: the first belongs to the option, the others stand among the sources.
    both = json.loads(run("track", "--detections", first["detections"], first["detections"], "--output", "c", "--json"))
    assert len(both) == 1
    assert "no detections in it" in failure("track", images / "MOT20-01" / "img1", "--detections", first["detections"])
    assert "unknown tracker preset 'byt'" in failure("track", images, "--tracker", "byt")


def test_gaps_are_filled_on_request(images, monkeypatch):
    import fairmot.detector

    whole = fairmot.detector.load_detector()

    class Blinks:
        """Sees no people in every fourth image."""

        architecture, engine, input_size = whole.architecture, whole.engine, whole.input_size
        calls = 0

        def __call__(self, image):
            Blinks.calls += 1
            found = whole(image)
            return found.select(np.arange(len(found)) >= (Blinks.calls % 4 == 0))

    monkeypatch.setattr(fairmot.detector, "load_detector", lambda *_, **__: Blinks())
    Blinks.calls = 0
    holes = json.loads(run("evaluate", images, "--json", "--output", "holes"))["combined"]
    Blinks.calls = 0
    filled = json.loads(run("evaluate", images, "--json", "--output", "filled", "--interpolate", "linear"))
    # The gap at the last frame cannot be filled.
    assert (holes["CLR_FN"], filled["combined"]["CLR_FN"]) == (4, 2)
    # The same afterwards, with every second frame too.
    Blinks.calls = 0
    command = ["track", images / "MOT20-01", "--no-video", "--save-detections", "--json", "--output", "t"]
    (saved,) = json.loads(run(*command))
    again = ["track", "--detections", saved["detections"], "--json", "--output"]
    (linear,) = json.loads(run(*again, "linear", "--interpolate", "linear"))
    assert (saved["row_count"], linear["row_count"]) == (6, 7)
    assert Path(linear["text"]).read_text() == Path("filled/MOT20-01.txt").read_text()
    assert np.loadtxt(linear["text"], delimiter=",")[:, 0].tolist() == [1, 2, 3, 4, 5, 6, 7]
    (smooth,) = json.loads(run(*again, "smooth", "--interpolate", "gaussian"))
    assert Path(smooth["text"]).read_text() != Path(linear["text"]).read_text()
    assert "lineal: unknown (did you mean 'linear'?)" in failure(*again, "x", "--interpolate", "lineal")
    jobs = ["track", images, "--jobs", "2", "--interpolate"]
    assert "lineal: unknown (did you mean 'linear'?)" in failure(*jobs, "lineal")


def test_tracks_of_several_classes_are_scored_by_class(images, monkeypatch):
    import fairmot.detector
    from fairmot.detections import Detections

    class TwoKinds:
        architecture, engine, input_size, class_count, classes = "two", "none", (160, 96), 3, None

        def __call__(self, image):
            ys, xs = np.nonzero(image[..., 0] > 150)
            box = [xs.min(), ys.min(), xs.min() + 20, ys.min() + 50]
            return Detections(np.array([box, [100, 10, 130, 80]]), np.full(2, 0.9), np.eye(2), np.array([0, 2]))

    for name in ("MOT20-01", "MOT20-02"):
        gt = images / name / "gt" / "gt.txt"
        # The thing of class 3 is there in six of eight frames.
        gt.write_text(gt.read_text() + "".join(f"{frame},2,100,10,30,70,1,3,1\n" for frame in range(1, 7)))
    monkeypatch.setattr(fairmot.detector, "load_detector", lambda *_, **__: TwoKinds())
    command = ["evaluate", images, "--output", "out", "--overwrite"]
    report = json.loads(run(*command, "--benchmark", "none", "--classes", "0,2", "--json"))
    assert {row.split(",")[7] for row in Path("out/MOT20-01.txt").read_text().splitlines()} == {"-1", "3"}
    by_class = {name: scores["combined"] for name, scores in report["classes"].items()}
    assert (by_class["1"]["MOTA"], by_class["1"]["CLR_FP"], by_class["1"]["CLR_TP"]) == (1, 0, 16)
    assert (by_class["3"]["CLR_FP"], by_class["3"]["CLR_TP"]) == (4, 12)
    scored = run("score", images, "out", "--benchmark", "none", "--classes", "0,2", "--save-json", "s.json")
    assert "class 2 (column 8: 3)" in scored
    assert json.loads(Path("s.json").read_text())["classes"]["3"]["combined"] == by_class["3"]
    assert "MEAN OF CLASSES" in run(*command, "--benchmark", "none")  # all that the network knows
    # A benchmark of people gets people alone.
    people = json.loads(run(*command, "--json"))
    assert (people["benchmark"], people["combined"]["CLR_FP"], people["combined"]["MOTA"]) == ("MOT20", 0, 1)
    assert "MOT20 scores pedestrians alone" in failure(*command, "--classes", "0,2")


TEXT = (Path(__file__).resolve().parents[2] / "docs" / "evaluate.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("words", fairmot_commands(TEXT), ids=" ".join)
def test_documented_commands_parse(words):
    command = get_command(app)
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    assert command.make_context(command.name, words).params


def test_tune_and_explain(images):
    run("track", images / "MOT20-01", "--no-video", "--save-detections", "--output", "a")
    tuned = json.loads(run("tune", images / "MOT20-01", "a", "--trials", "1", "--json"))
    assert tuned["best"] == "runs/tune/best.yaml"
    assert tuned["scores"]["tuned on"]["after"]["MOTA"] == 1
    command = ["track", "--detections", "a/MOT20-01.detections.npz", "--record", "--output", "b"]
    run(*command, "--tracker", tuned["best"])
    assert Path("b/MOT20-01.txt").read_text() == Path("a/MOT20-01.txt").read_text()
    assert "MOT20-01: 0 switch, 0 fragmentation, 0 miss, 0 false positive" in run("explain", images / "MOT20-01", "b")
    lines = Path("b/MOT20-01.txt").read_text().splitlines(keepends=True)
    Path("b/MOT20-01.txt").write_text(
        "".join(line.replace(",1,", ",2,", 1) if i > 4 else line for i, line in enumerate(lines))
    )
    text = run("explain", images / "MOT20-01", "b", "--sheets", "sheets")
    assert "frame 6  switch: person 1, identity 2, before 1 (frame 5)" in text
    assert "track 1 - detection 0: cost" in text
    assert "sheets/MOT20-01/000006-switch-2.jpg" in text
    assert Path("sheets/MOT20-01/000006-switch-2.jpg").stat().st_size > 1000
    assert "MOT20-01: 1 switch\n" in run("explain", images / "MOT20-01", "b", "--kind", "switch")
    answer = json.loads(run("explain", images / "MOT20-01", "b", "--json", "--frame", "6"))
    (error,) = answer["errors"]["MOT20-01"]
    assert error["pairs"][0]["matched_in"] == "appearance"
    assert answer["errors"]["MOT20-01"][0]["identity_before"] == 1


def test_saved_detections_serve_everything_that_needs_no_images(images):
    run("track", images / "MOT20-01", "--no-video", "--save-detections", "--output", "a")
    wanted = ["--csv", "--jsonl", "--line", "40,0,40,96", "--start", "1", "--end", "8", "--every", "2"]
    words = ["track", "--detections", "a/MOT20-01.detections.npz", *wanted, "--classes", "0", "--record"]
    words += ["--interpolate", "linear"]
    run(*words, "--output", "b")
    names = {path.name.removeprefix("MOT20-01") for path in Path("b").iterdir()}
    assert names == {".txt", ".csv", ".jsonl", ".lines.csv", ".counts.json", ".record.npz", "run.json"}
    assert [json.loads(line)["index"] for line in Path("b/MOT20-01.jsonl").read_text().splitlines()] == [1, 3, 5, 7]
    assert np.loadtxt("b/MOT20-01.txt", delimiter=",")[:, 0].tolist() == [2, 4, 6, 8]

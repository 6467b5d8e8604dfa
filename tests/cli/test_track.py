"""``fairmot track`` from the command line: its options, and mistakes in one line."""

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import cv2
import loopback
import numpy as np
import pytest
import walkers
from typer.testing import CliRunner
from walkers import files, film

from fairmot.cli import app
from fairmot.cli.tracking_output import _job_progress, end_of_runs, timing_line
from fairmot.errors import InputError
from fairmot.formats.run_file import load_run
from fairmot.media.outputs.encoders import choose_encoder, encoders
from fairmot.media.sources.frames import read_frames
from fairmot.workflows.track.jobs import JobResult
from fairmot.workflows.track.track_run import StageTimes, TrackRun

pytestmark = pytest.mark.usefixtures("elsewhere")

FAST = ["--input-size", "64x64", "--engine", "onnxruntime", "--device", "cpu"]


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    return film(tmp_path_factory.mktemp("films") / "straße 1.mp4", 6)


def run(*words):
    return CliRunner().invoke(app, ["track", *map(str, words), *FAST])


def failure(*words):
    result = run(*words)
    assert isinstance(result.exception, InputError), result.output
    assert "\n" not in str(result.exception)
    return str(result.exception)


def test_everything_at_once(street, tmp_path):
    zone = tmp_path / "zones.json"
    zone.write_text('{"door": [[0, 0], [320, 0], [320, 240]]}')
    wanted = ["--jsonl", "--csv", "--heatmap", "--blur", "--images", "--line", "0,120,320,120", "--zone", zone]
    result = run(street, *wanted, "--output", "out", "--line", "5,5,9,9")
    assert result.exit_code == 0, result.output
    stem = "straße 1"
    suffixes = (".counts.json", ".csv", ".heatmap.jpg", ".jsonl", ".lines.csv", ".mp4", ".txt", ".zones.csv")
    images = [f"{stem}/{number:06d}.jpg" for number in range(1, 7)]
    assert files(Path("out")) == sorted(["run.json", *(stem + suffix for suffix in suffixes), *images])
    assert len((Path("out") / f"{stem}.jsonl").read_text().splitlines()) == 6
    totals = json.loads((Path("out") / f"{stem}.counts.json").read_text())
    assert [line["name"] for line in totals["lines"]] == ["line 1", "line 2"]
    assert json.loads(run(street, "--line", "5,5,9,9", "--json").stdout)[0]["counts"] == {
        **totals,
        "lines": [{**totals["lines"][1], "name": "line 1"}],
        "zones": [],
    }
    # No people are found at this small input.
    counted = ["line 1: 0 in, 0 out", "line 2: 0 in, 0 out", "door: 0 identities, at most 0 at once, 0.00 on average"]
    assert result.stdout.splitlines()[-3:] == [f"straße 1: {each}" for each in counted]
    assert "straße 1: ms a frame: decoding" in result.stderr
    assert "limits" in result.stderr


def test_run_json_says_what_was_tracked_how(street):
    assert run(street, "--no-video", "--start", "1", "--every", "2", "--tracker", "byte").exit_code == 0
    content = load_run(Path("runs/track/straße 1"))
    about = content["sources"]["straße 1"]
    assert {key: about[key] for key in ("source", "start", "end", "every", "size", "frame_rate", "frames")} == {
        "source": str(street),
        "start": 1,
        "end": None,
        "every": 2,
        "size": [320, 240],
        "frame_rate": 25.0,
        "frames": 3,
    }
    assert content["detector"]["engine"] == "onnxruntime"
    assert content["detector"]["input_size"] == [64, 64]
    assert content["tracker"]["second_pass"] is True
    assert content["versions"]["numpy"] == np.__version__


def test_quiet_says_nothing(street):
    result = run(street, "--quiet", "--no-video")
    assert (result.exit_code, result.output) == (0, "")


def test_many_sources_at_once(street, tmp_path):
    film(tmp_path / "b.mp4", 4)
    result = run(street, "b.mp4", "--together", "--json", "--output", "both")
    assert result.exit_code == 0, result.output
    assert [(each["name"], each["frame_count"]) for each in json.loads(result.stdout)] == [("straße 1", 6), ("b", 4)]
    alone = run("b.mp4", "--output", "alone")
    assert alone.exit_code == 0
    assert Path("both/b.txt").read_text() == Path("alone/b.txt").read_text()


def test_a_glob_of_images_is_one_source(tmp_path):
    for index in (1, 2, 10):
        cv2.imwrite(str(tmp_path / f"{index}.png"), walkers.street(index))
    result = run(f"{tmp_path}/*.png", "--json", "--no-video", "--output", "out")
    assert [each["frame_count"] for each in json.loads(result.stdout)] == [3]


def test_a_window_where_there_is_no_screen_is_a_line(street, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    result = run(street, "--show", "--quiet", "--no-video")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("fairmot: no window: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--line", "1,2,3"], "line 1,2,3: expected x1,y1,x2,y2"),
        (["--line", "900,0,950,5"], "which has 320 x 240 pixels"),
        (["--zone", "absent.json"], "absent.json: cannot be read"),
        (["--crops", "--blur"], "leave one of them out"),
        (["--max-latency", "1"], "track of files does not take --max-latency"),
        (["--jobs", "2", "--show"], "track --jobs does not take --show"),
        (["--output", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_mistakes_are_one_line(street, words, message):
    assert message in failure(street, *words)
    assert not Path("runs/track/straße 1/straße 1.txt").exists()


@pytest.mark.parametrize("name", ["empty.mp4", "empty.png", "nothing*.mp4"])
def test_sources_without_content_are_one_line(tmp_path, name):
    if "*" not in name:
        (tmp_path / name).touch()
    assert name in failure(name)


def test_exit_code_2_from_the_shell(street):
    program = "from fairmot.cli import main; main()"
    command = [sys.executable, "-c", program, "track", str(street), "--line", "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_timing_line_names_the_slowest_stage():
    times = StageTimes(detect=20, track=1, decode=4, prepare=2, draw_and_encode=30)
    made = TrackRun("a", Path("a.txt"), None, 10, 0, 0, 1.0, times, dropped_count=3, reconnect_count=1)
    assert timing_line(made) == (
        "a: ms a frame: decoding 4.0, letterbox 2.0, the network 20.0, the tracker 1.0, drawing + H.264 30.0; "
        "drawing + H.264 limits; 3 frames dropped, 1 times reconnected"
    )
    # One thread does both.
    assert StageTimes(detect=20, decode=13, prepare=8).limit == "decode"
    assert StageTimes(detect=20, decode=13, prepare=6).limit == "detect"


def test_what_software_stands_in_for_is_said(street):
    device = next(iter(encoders()), None)
    if device is None or choose_encoder(device, (320, 240), Fraction(25))[1] is None:
        pytest.skip(f"{device}: encodes here, or is not known")
    result = run(street, "--video-encoder", device, "--output", "out")
    assert result.exit_code == 0, result.output
    said = [line for line in result.stderr.splitlines() if device in line]
    assert len(said) == 1
    assert said[0].startswith(f"fairmot: straße 1: video encoder {device}: it cannot be opened (")


def test_each_fallback_has_a_line_unless_quiet(capsys):
    made = TrackRun("a", Path("a.txt"), None, 1, 0, 0, 1.0, StageTimes(), fallbacks=("no decoder", "no encoder"))
    end_of_runs([made], as_json=False, quiet=False)
    said = capsys.readouterr().err
    assert "fairmot: a: no decoder\nfairmot: a: no encoder\n" in said
    end_of_runs([made], as_json=False, quiet=True)
    assert capsys.readouterr().err == ""
    with _job_progress(quiet=False) as reports:
        reports["done"](JobResult("a.mp4", Path("a"), "tracked", run=made), 1, 1)
    assert "a.mp4: tracked, 1 frames; no decoder; no encoder" in " ".join(capsys.readouterr().err.split())


def test_ctrl_c_ends_a_stream_with_whole_files(tmp_path):
    program = "from fairmot.cli import main; main()"
    with loopback.RtspServer([walkers.street(index) for index in range(40)]) as server:
        words = [sys.executable, "-c", program, "track", server.address, "--output", "out", *FAST]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        while not list(tmp_path.glob("out/.fairmot-part/*.mp4")):
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "interrupted; the files above are complete up to there" in said
    (about,) = load_run(tmp_path / "out")["sources"].values()
    assert about["interrupted"]
    assert files(tmp_path / "out") == ["127.0.0.1_street.mp4", "127.0.0.1_street.txt", "run.json"]
    assert len(list(read_frames(tmp_path / "out/127.0.0.1_street.mp4"))) == about["frames"] > 0


def test_a_full_disk_is_one_line_and_leaves_nothing(street, tmp_path):
    program = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200)); "
    program += "from fairmot.cli import main; main()"
    words = ["track", str(street), "--jsonl", "--no-video", "--quiet", "--output", "out", *FAST]
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "fairmot: out: results cannot be written (File too large)\n")
    assert not (tmp_path / "out").exists()


def test_brackets_in_names_are_shown(street):
    source = street.rename(street.with_name("[red]a[" + street.suffix))
    result = run(source, "--no-video")
    assert result.exit_code == 0, result.output
    assert "[red]a[" in result.stdout
    assert "[red]a[: ms a frame" in result.stderr
    result = run(source, "--no-video", "--jobs", "1", "--output", "many")
    assert f"[1/1] {source}: tracked, 6 frames" in result.stderr.splitlines()
    assert run(source, "--no-video", "--jobs", "1", "--output", "many", "--quiet").stderr == ""

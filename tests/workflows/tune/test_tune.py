"""The search for parameters: it finds a spoilt one, resumes where it stopped, and never sees held-out sequences."""

import csv
import json
import platform
import subprocess
import sys

import numpy as np
import pytest
import synthetic
import yaml

from fairmot.config import TrackerConfig, load_tracker_config
from fairmot.errors import InputError
from fairmot.formats.recordings import load_recording
from fairmot.workflows.evaluate.score import score
from fairmot.workflows.track.replay import replay
from fairmot.workflows.tune.cases import count_case, load_cases
from fairmot.workflows.tune.search_space import start_values
from fairmot.workflows.tune.tune import read_aim, tune

LEFT_OUT = {
    # Of the data, not to be searched: images, benchmark, classes.
    *("camera_motion", "clip_boxes", "per_class", "min_box_area_px", "max_aspect", "appearance"),
    # The published filter.
    *("position_std", "velocity_std", "aspect_std", "aspect_velocity_std", "aspect_measurement_std"),
    *("first_position_factor", "first_velocity_factor"),
    # Refuses scores above 1, which some detectors give.
    "score_noise",
    # No gain in any measurement, or only with returns, which short sequences do not have (docs/tracking.md).
    *("reupdate", "gallery_size", "gallery_interval_frames", "reentry_frames", "reentry_max_distance"),
}


def test_every_parameter_is_searched_or_left_out_on_purpose():
    second = TrackerConfig(second_pass=True)
    searched = {*start_values(second, True), *start_values(second, False)}
    assert searched | LEFT_OUT == set(TrackerConfig.model_fields)
    assert not searched & LEFT_OUT


def trial_rows(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


NAMES = ("MOT15-a", "MOT15-b", "MOT15-c")


@pytest.fixture
def data(tmp_path):
    """Three short sequences; real people score above 0.6, false boxes below: the published 0.4 lets many in."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "data"
    for name in NAMES:
        truth = synthetic.make_truth(rng, frames=15, people=4, spread=400.0, marked=0.0, classes=False)
        synthetic.write_sequence(folder / name, truth, 15)
        rows = truth[np.argsort(truth[:, 0], kind="stable")][:, :7].copy()
        rows[:, 6] = rng.uniform(0.65, 1, len(rows))
        false = np.repeat(rows, 2, axis=0)
        false[:, 2:4] += rng.integers(60, 90, (len(false), 2))
        false[:, 6] = rng.uniform(0.42, 0.55, len(false))
        found = np.concatenate([rows, false])
        found[:, 1] = -1
        (folder / name / "det").mkdir()
        np.savetxt(folder / name / "det" / "det.txt", found, delimiter=",", fmt="%.4f")
    return folder


def test_it_finds_the_threshold_and_writes_what_track_reads(data, tmp_path):
    calls = []
    tuned = tune(
        data,
        data,
        output=tmp_path / "run",
        trials=14,
        held_out=["MOT15-c"],
        progress=lambda *state: calls.append(state),
    )
    assert calls == [("trials", done, 14) for done in range(1, 15)]
    assert tuned.trials == 14
    assert 0 < tuned.pruned < 10
    for group in ("tuned on", "held out"):
        scores = tuned.scores[group]
        assert scores["after"]["HOTA"] > scores["before"]["HOTA"] + 0.05
    config = load_tracker_config(tuned.best)
    assert config == tuned.config
    assert max(config.confidence, config.start_confidence) > 0.5  # either keeps the false boxes from starting tracks
    # What the report says is what result files score.
    recordings = [load_recording(data / name / "det" / "det.txt") for name in NAMES[:2]]
    replay(recordings, config, output=tmp_path / "again")
    for name in NAMES[2:]:
        (data / name / "gt" / "gt.txt").rename(data / name / "gt.txt")
    assert score(data, tmp_path / "again")["combined"]["HOTA"] == tuned.scores["tuned on"]["after"]["HOTA"]
    rows = trial_rows(tmp_path / "run")
    assert len(rows) == 14
    complete = [float(row["aim"]) for row in rows if row["state"] == "COMPLETE"]
    assert max(complete) == pytest.approx(tuned.scores["tuned on"]["after"]["HOTA"], abs=1e-6)
    assert float(rows[0]["aim"]) == pytest.approx(tuned.scores["tuned on"]["before"]["HOTA"], abs=1e-6)
    assert json.loads((tmp_path / "run" / "tune.json").read_text())["scores"] == tuned.scores
    assert yaml.safe_load(tuned.best.read_text())["confidence"] == config.confidence


def test_what_is_held_out_changes_nothing(data, tmp_path):
    first = tune(data, data, output=tmp_path / "1", trials=3, held_out=["MOT15-c"])
    file = data / "MOT15-c" / "det" / "det.txt"
    file.write_text(file.read_text().splitlines()[0] + "\n")
    second = tune(data, data, output=tmp_path / "2", trials=3, held_out=["MOT15-c"])
    assert first.config == second.config
    assert first.scores["tuned on"] == second.scores["tuned on"]
    assert first.scores["held out"] != second.scores["held out"]
    assert "held out" not in tune(data, data, output=tmp_path / "3", trials=1).scores


def test_a_search_goes_on(data, tmp_path):
    out = tmp_path / "run"
    assert tune(data, data, output=out, trials=2).trials == 2
    assert tune(data, data, output=out, trials=3, resume=True).trials == 3
    assert tune(data, data, output=out, trials=3, resume=True).trials == 3
    rows = trial_rows(out)
    assert len({row["confidence"] for row in rows}) == 3
    with pytest.raises(InputError, match=r"study\.db: this study has another aim"):
        tune(data, data, output=out, trials=3, resume=True, aim="IDF1")
    with pytest.raises(InputError, match="another start"):
        tune(data, data, output=out, trials=3, resume=True, start=TrackerConfig(confidence=0.3))
    with pytest.raises(InputError, match="no study to resume"):
        tune(data, data, output=tmp_path / "absent", resume=True)
    assert tune(data, data, output=out, trials=1).folder == tmp_path / "run-2"


def test_counting_in_memory_is_counting_files(data, tmp_path):
    cases, _, rules = load_cases(data, data, [], "auto")
    config = TrackerConfig(confidence=0.6)
    replay([cases[0].recording], config, output=tmp_path / "out")
    expected = score(data / NAMES[0], tmp_path / "out")["combined"]
    counts = count_case(cases[0], config, rules)
    assert counts.clear["CLR_TP"] == expected["CLR_TP"]
    assert counts.clear["MOTP_sum"] == pytest.approx(expected["MOTP_sum"], abs=1e-9)


def test_aims():
    assert read_aim("HOTA") == {"HOTA": 1}
    assert read_aim("0.5*HOTA + 0.25*IDF1") == {"HOTA": 0.5, "IDF1": 0.25}
    with pytest.raises(InputError, match=r"'HOTTA': unknown \(did you mean 'HOTA'"):
        read_aim("HOTTA")
    with pytest.raises(InputError, match="expected a score, or a mix"):
        read_aim("HOTA*2")


def test_mistakes(data, tmp_path):
    out = tmp_path / "run"
    with pytest.raises(InputError, match="held-out sequence MOT15-d: not in"):
        tune(data, data, output=out, held_out=["MOT15-d"])
    with pytest.raises(InputError, match="nothing is left to tune on"):
        tune(data, data, output=out, held_out=NAMES)
    (data / "MOT15-b" / "det" / "det.txt").unlink()
    with pytest.raises(InputError, match="no detections of MOT15-b"):
        tune(data, data, output=out)
    other = tmp_path / "MOT15-a.txt"
    other.write_text("99,-1,0,0,5,5,1\n")
    with pytest.raises(InputError, match=r"frame 99, but .*MOT15-a has 15"):
        tune(data / "MOT15-a", other, output=out)
    assert not out.exists()


@pytest.mark.slow
def test_two_searches_of_one_study_take_its_trials_together(data, tmp_path):
    """And a trial whose process died counts for nothing."""
    import optuna

    tune(data, data, output=tmp_path / "run", trials=1)
    storage = f"sqlite:///{tmp_path / 'run' / 'study.db'}"
    study = optuna.load_study(study_name="fairmot", storage=storage)
    study.ask().set_user_attr("process", [platform.node(), 2**22 + 1, 0.0])
    program = (
        "import sys; from fairmot.workflows.tune.tune import tune; "
        "print(tune(sys.argv[1], sys.argv[1], output=sys.argv[2], trials=9, resume=True).trials)"
    )
    words = [sys.executable, "-c", program, str(data), str(tmp_path / "run")]
    both = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=300)[0].split()[-1] for process in both] == ["9", "9"]
    states = [row["state"] for row in trial_rows(tmp_path / "run")]
    assert states.count("COMPLETE") + states.count("PRUNED") == 9
    assert states.count("FAIL") == 1
    assert "RUNNING" not in states

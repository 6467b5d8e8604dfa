import json
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from fairmot.cli import app
from fairmot.errors import InputError
from fairmot.formats.run_file import write_run
from fairmot.formats.scores import write_scores
from fairmot.media.outputs.video import VideoWriter
from fairmot.report.report import report
from fairmot.workflows.evaluate.score import score


def table_of(model):
    tracks = model["sources"][0]["tracks"]
    return {
        identity: (first, last, length, score)
        for identity, first, last, length, score in zip(
            tracks["ids"], tracks["first"], tracks["last"], tracks["lengths"], tracks["scores"], strict=True
        )
    }


def expected_table(rows):
    for identity in np.unique(rows[:, 1]):
        own = rows[rows[:, 1] == identity]
        yield int(identity), (own[0, 0], own[-1, 0], len(own), pytest.approx(own[:, 6].mean(), abs=1e-6))


def test_the_tracks_are_those_of_the_rows(case, model_of):
    made = report(case.run)
    assert made.page == case.run / "report.html"
    assert made.byte_count == made.page.stat().st_size < 400_000
    model = model_of(made.page)
    assert table_of(model) == dict(expected_table(case.rows))
    moved = case.rows.copy()
    moved[0, 6] += 0.1
    assert table_of(model) != dict(expected_table(moved))
    source = model["sources"][0]
    assert (source["frames"], source["size"], source["drawn"]) == (40, [320, 180], True)
    assert source["truth"] is None
    assert all(source["tracks"]["thumbnails"])


def test_a_refinement_is_shown_and_its_online_rows_are_no_source(refined_case, model_of):
    model = model_of(report(refined_case.run).page)
    (source,) = model["sources"]
    assert [link["later"] for link in source["refinement"]["links"]] == [9, 12]  # by frame
    text = "2 links, 1 tracks removed as noise, 3 detections taken up, 5 boxes filled in"
    assert source["refinement"]["text"] == text
    (refined_case.run / "yard.refined.json").unlink()
    assert model_of(report(refined_case.run).page)["sources"][0]["refinement"] is None
    (refined_case.run / "yard.txt").unlink()  # the twin: alone, the online rows are what there is to show
    assert [one["name"] for one in model_of(report(refined_case.run).page)["sources"]] == ["yard.online"]


def test_a_damaged_record_of_a_refinement_is_named(refined_case):
    (refined_case.run / "yard.refined.json").write_text('{"links": [{"identity": 1}]}')
    with pytest.raises(InputError, match=r"yard\.refined\.json: not the record of a refinement"):
        report(refined_case.run)


def test_the_scores_are_those_of_the_run(case, model_of):
    stated = json.loads((case.run / "scores.json").read_text())
    scores = model_of(report(case.run).page)["scores"]
    families = {family["title"]: family for family in scores["families"]}
    clear = dict(zip(families["CLEAR"]["columns"], families["CLEAR"]["rows"][0][1:], strict=True))
    assert (clear["CLR_FP"], clear["CLR_FN"], clear["IDSW"], clear["Frag"]) == ("5", "5", "1", "1")
    assert clear["MOTA"] == f"{100 * stated['combined']['MOTA']:.2f}"
    assert scores["curves"]["yard"]["HOTA"] == stated["sequences"]["yard"]["HOTA_alpha"]
    assert len(scores["alphas"]) == 19


def test_a_track_run_with_ground_truth_is_scored(case, model_of):
    (case.run / "scores.json").rename(case.folder / "scores.json")
    page = report(case.run, ground_truth=case.ground_truth / "yard", benchmark="none").page
    stated = json.loads((case.folder / "scores.json").read_text())
    assert model_of(page)["scores"]["curves"]["yard"]["HOTA"] == stated["sequences"]["yard"]["HOTA_alpha"]


def test_another_ground_truth_than_the_scores_is_an_error(case):
    gt = case.ground_truth / "yard" / "gt" / "gt.txt"
    gt.write_text("".join(gt.read_text().splitlines(keepends=True)[:-4]))
    with pytest.raises(InputError, match=r"scores\.json: CLR_TP of yard is 75, but 71 with"):
        report(case.run, ground_truth=case.ground_truth)


@pytest.mark.parametrize("scored", [True, False])
def test_classes_are_compared_one_by_one(case, model_of, scored):
    """Person 7 is of class 3 in the truth, and found as that."""
    gt, rows = case.ground_truth / "yard" / "gt" / "gt.txt", case.run / "yard.txt"

    def classed(line, theirs, others):
        words = line.split(",")
        return ",".join([*words[:7], others if words[1] in theirs else "1", "-1", "-1"]) + "\n"

    gt.write_text("".join(classed(line, ("7",), "3") for line in gt.read_text().splitlines()))
    given = rows.read_text().splitlines()
    rows.write_text("".join(classed(line, ("2",), "3") for line in given))
    (case.run / "scores.json").unlink()
    if scored:
        write_scores(score(case.ground_truth, case.run, "none", classes=[1, 3]), case.run / "scores.json")

    def errors():
        model = model_of(report(case.run, ground_truth=case.ground_truth, benchmark="none").page)
        clear = next(family for family in model["scores"]["families"] if family["title"] == "CLEAR")
        return dict(zip(clear["columns"], clear["rows"][0][1:], strict=True))

    found = errors()
    # Frames without a result of that class do not break a track, as in TrackEval.
    assert (found["CLR_FP"], found["CLR_FN"], found["IDSW"], found["Frag"]) == ("5", "5", "1", "0")
    # The twin: person 7 is of the right class in the last frame alone.
    rows.write_text("".join(classed(line, (), "3") for line in given[:-1]) + classed(given[-1], ("2",), "3"))
    if scored:
        with pytest.raises(InputError, match="CLR_TP of yard is 75, but 41"):
            errors()
    else:
        assert errors()["CLR_FN"] == "39"


def test_the_counts_of_lines_and_zones_are_shown(case, model_of):
    zone = {"name": "Hof", "points": [], "identities": 3, "most_at_once": 2, "mean": 1.234}
    counts = {"lines": [{"name": "Tür", "points": [], "in": 4, "out": 1}], "zones": [zone]}
    write_run(case.run, {"sources": {"yard": {"counts": counts}}})
    (source,) = model_of(report(case.run).page)["sources"]
    texts = [place["text"] for kind in ("lines", "zones") for place in source["places"][kind]]
    assert texts == ["4 in, 1 out", "3 identities, at most 2 at once, 1.23 on average"]
    assert source["places"]["lines"][0]["name"] == "Tür"
    write_run(case.run, {"sources": {"yard": {"counts": None}}})
    assert model_of(report(case.run).page)["sources"][0]["places"] is None


def test_without_a_video_the_page_has_none(bare_case, model_of):
    model = model_of(report(bare_case.run).page)
    source = model["sources"][0]
    assert (source["video"], model["scores"], source["frames"]) == (None, None, 40)


def test_a_linked_video_is_named_relative_to_the_page(case, model_of):
    (case.run / "yard.txt").rename(case.run / "yard ü.txt")
    (case.run / "yard.mp4").rename(case.run / "yard ü.mp4")
    made = report(case.run, output=case.folder / "pages" / "one.html", embed=False)
    assert made.linked == [case.run / "yard ü.mp4"]
    assert model_of(made.page)["sources"][0]["video"]["href"] == "../run/yard%20%C3%BC.mp4"
    assert '<script type="text/plain" id="video' not in made.page.read_text(encoding="utf-8")


def test_a_video_may_be_smaller_than_the_frames_that_were_tracked(case, model_of):
    tell_source(case, case.run / "yard.mp4", size=[640, 360], blur=True)
    (source,) = model_of(report(case.run).page)["sources"]
    assert (source["size"], source["drawn"]) == ([640, 360], True)
    tell_source(case, case.run / "yard.mp4", size="large")
    with pytest.raises(InputError, match=r"run\.json: size is 'large', expected width and height; track again"):
        report(case.run)


def test_several_sources_are_one_page(case, model_of):
    for suffix in ("txt", "mp4"):
        (case.run / f"other.{suffix}").write_bytes((case.run / f"yard.{suffix}").read_bytes())
    made = report(case.run, source=case.run)
    assert made.sources == ["other", "yard"]
    assert [source["drawn"] for source in model_of(made.page)["sources"]] == [False, False]
    with pytest.raises(InputError, match=r"no sequence 'other'.*"):
        report(case.run, ground_truth=case.ground_truth)


def test_every_and_start_tell_which_frames_were_tracked(bare_case, model_of):
    file = bare_case.run / "yard.txt"
    file.write_text("".join(f"{frame},1,5,5,20,30,0.5,-1,-1,-1\n" for frame in (11, 14, 20)))
    source = model_of(report(bare_case.run, start=10, every=3).page)["sources"][0]
    assert (source["frames"], source["start"], source["every"]) == (4, 10, 3)
    write_video(bare_case.folder / "whole.mp4", 40)
    source = model_of(report(bare_case.run, source=bare_case.folder / "whole.mp4", start=10, every=3).page)["sources"][
        0
    ]
    assert (source["frames"], source["rate"]) == (10, pytest.approx(20 / 3))
    with pytest.raises(InputError, match=r"yard\.txt:1: frame 11 is not among"):
        report(bare_case.run, start=9, every=3)


def test_the_run_tells_by_itself_which_frames_were_tracked(bare_case, model_of):
    file = bare_case.run / "yard.txt"
    file.write_text("".join(f"{frame},1,5,5,20,30,0.5,-1,-1,-1\n" for frame in (11, 14, 20)))
    content = {"format": 1, "sources": {"yard": {"start": 10, "every": 3}}}
    (bare_case.run / "run.json").write_text(json.dumps(content))
    source = model_of(report(bare_case.run).page)["sources"][0]
    assert (source["frames"], source["start"], source["every"]) == (4, 10, 3)
    assert model_of(report(bare_case.run, every=1).page)["sources"][0]["every"] == 1  # what is given wins
    with pytest.raises(InputError, match="ground truth covers every frame"):
        report(bare_case.run, ground_truth=bare_case.ground_truth)


def tell_source(case, source, /, **about):
    """What ``track`` notes; the source is older than the note."""
    os.utime(source, (1e9, 1e9))
    entry = {"source": str(source), "start": 0, "every": 1, "frames": 40, "problem": None, "blur": False, **about}
    (case.run / "run.json").write_text(json.dumps({"format": 1, "sources": {"yard": entry}}))


def video_of(case, model_of, **options):
    made = report(case.run, **options)
    source = model_of(made.page)["sources"][0]
    return source["video"] is not None, source["drawn"], source["frames"], made.linked


def test_the_run_tells_by_itself_what_was_tracked(case, model_of):
    """Boxes that are no part of the video can be switched on and off."""
    write_video(case.folder / "whole.mp4", 40)
    tell_source(case, case.folder / "whole.mp4")
    assert video_of(case, model_of) == (True, False, 40, [])
    # What would have to lie elsewhere is left there, and what browsers do not play.
    assert video_of(case, model_of, embed=False) == (True, True, 40, [case.run / "yard.mp4"])
    write_images(case.folder / "images")
    tell_source(case, case.folder / "images")
    assert video_of(case, model_of) == (True, True, 40, [])
    (case.run / "yard.mp4").unlink()
    assert video_of(case, model_of) == (True, False, 40, [])
    # Only a part of this folder was tracked.
    tell_source(case, case.folder / "images", frames=39)
    assert not video_of(case, model_of)[0]


@pytest.mark.parametrize("about", [{"blur": True}, {"blur": None}, {"problem": "cut off"}, {"source": "whole.mp4"}])
def test_what_was_tracked_is_not_shown_where_people_were_hidden_or_it_is_in_doubt(case, model_of, about, monkeypatch):
    monkeypatch.chdir(case.folder)
    write_video(case.folder / "whole.mp4", 40)
    tell_source(case, case.folder / "whole.mp4", **about)
    assert video_of(case, model_of) == (True, True, 40, [])


def test_a_source_that_changed_meanwhile_is_not_shown(case, model_of):
    write_video(case.folder / "whole.mp4", 40)
    tell_source(case, case.folder / "whole.mp4")
    os.utime(case.folder / "whole.mp4")
    os.utime(case.run / "run.json", (1e9, 1e9))
    assert video_of(case, model_of) == (True, True, 40, [])


def test_hidden_files_are_no_results(case):
    (case.run / ".yard.77.part.txt").write_text("1,1,")
    assert report(case.run).sources == ["yard"]


def test_names_cannot_break_out_of_the_page(case, model_of):
    name = "<img onerror=1> & '</script"
    case.run.rename(case.folder / "a <b> & c")
    run = case.folder / "a <b> & c"
    for suffix in ("txt", "mp4"):
        (run / f"yard.{suffix}").rename(run / f"{name.replace('/', '')}.{suffix}")
    page = report(run).page
    text = page.read_text(encoding="utf-8")
    assert "<img onerror" not in text
    assert "<title>a &lt;b&gt; &amp; c" in text
    assert model_of(page)["sources"][0]["name"] == name.replace("/", "")


def write_video(path, frames):
    with VideoWriter(path, (320, 180), 20) as video:
        for _ in range(frames):
            video.write(np.zeros((180, 320, 3), np.uint8))


def write_images(folder):
    folder.mkdir()
    for number in range(40):
        cv2.imwrite(str(folder / f"{number:02}.png"), np.full((180, 320, 3), 5 * number, np.uint8))


def test_images_are_shown_as_a_video_that_goes_where_the_page_goes(case, model_of):
    write_images(case.folder / "images")
    embedded = report(case.run, source=case.folder / "images")
    assert model_of(embedded.page)["sources"][0]["video"] == {"type": "video/mp4", "element": "video-0"}
    assert not (case.run / "report.yard.mp4").exists()
    linked = report(case.run, source=case.folder / "images", embed=False)
    assert linked.linked == [case.run / "report.yard.mp4"]
    assert linked.linked[0].is_file()
    # Ground truth brings its own.
    (case.folder / "images").rename(case.ground_truth / "yard" / "img1")
    judged = model_of(report(case.run, ground_truth=case.ground_truth, embed=False).page)["sources"][0]
    assert (judged["video"]["href"], judged["drawn"]) == ("report.yard.mp4", False)


def mistakes(case):
    empty = case.folder / "empty"
    empty.mkdir()
    yield [case.folder / "absent"], "no such folder"
    yield [empty], "no results; expected NAME.txt"
    yield [case.folder], f"its folders are runs: give one of them, for example {case.run}"
    yield [case.run, "--page", case.folder], "a folder; give the name of the page"
    for name in ("yard.txt", "yard.mp4"):
        yield [case.run, "--page", case.run / name], f"{name}: the page would replace a file that it shows"
    yield [case.run, "--source", case.folder / "absent.mp4"], "no such file or folder"
    yield [case.run, "--ground-truth", case.run], "no ground truth"
    yield [case.run, "--ground-truth", case.ground_truth, "--every", "2"], "from the first and with step 1"
    (case.run / "yard.mp4").write_bytes(b"")
    yield [case.run], "yard.mp4: not a video"
    (case.run / "scores.json").write_text("{")
    yield [case.run], "scores.json: not JSON"
    (case.run / "scores.json").write_text("[]")
    yield [case.run], "scores.json: not scores of fairmot evaluate"
    (case.run / "yard.txt").write_text("1,1,a,0,5,5,1\n")
    yield [case.run], "yard.txt:1: "
    (case.run / "yard.txt").write_bytes(b"\xff\xfe\x00")
    yield [case.run], "yard.txt: not a text file"


def test_a_mistake_is_one_line_and_leaves_no_page(case):
    for arguments, line in mistakes(case):
        result = CliRunner().invoke(app, ["report", *map(str, arguments)])
        assert isinstance(result.exception, InputError), (arguments, result.output)
        assert line in str(result.exception)
        assert "\n" not in str(result.exception)
    assert not list(case.folder.rglob("*.html"))


def test_the_command_says_where_the_page_is(case):
    result = CliRunner().invoke(app, ["report", str(case.run), "--link", "--json"])
    answer = json.loads(result.stdout)
    assert answer["page"] == str(case.run / "report.html")
    assert answer["linked"] == [str(case.run / "yard.mp4")]
    plain = CliRunner().invoke(app, ["report", str(case.run)])
    assert plain.stdout.startswith(f"{case.run / 'report.html'} (")


def test_a_failed_page_leaves_the_old_one(case, monkeypatch):
    page = report(case.run).page
    before = page.read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fairmot.report.page.base64", SimpleNamespace(b64encode=fail))
    with pytest.raises(InputError, match=r"cannot be written \(No space left"):
        report(case.run)
    assert page.read_bytes() == before
    write_images(case.folder / "images")
    with pytest.raises(InputError, match="cannot be written"):
        report(case.run, source=case.folder / "images")
    assert sorted(path.name for path in case.run.iterdir()) == ["report.html", "scores.json", "yard.mp4", "yard.txt"]


def test_a_blurred_run_shows_nothing_but_its_own_video(case, model_of):
    """Not the images of the ground truth, nor a source that is given, nor a video that the run did not write."""
    write_video(case.folder / "whole.mp4", 40)
    images = case.ground_truth / "yard" / "img1"
    write_images(images)
    # The twin: without blur the page shows the images of the ground truth, without drawn boxes.
    tell_source(case, case.folder / "whole.mp4")
    assert video_of(case, model_of, ground_truth=case.ground_truth)[1] is False
    tell_source(case, case.folder / "whole.mp4", blur=True)
    assert video_of(case, model_of, ground_truth=case.ground_truth) == (True, True, 40, [])
    with pytest.raises(InputError, match="people are hidden in this run of yard"):
        report(case.run, source=case.folder / "whole.mp4")
    tell_source(case, case.folder / "whole.mp4", blur=True, files=["yard.txt"])
    made = model_of(report(case.run).page)["sources"][0]
    assert (made["video"], made["scene"], set(made["tracks"]["thumbnails"])) == (None, None, {None})

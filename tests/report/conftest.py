"""A short evaluated run with one error of each kind; the brightness of a frame encodes its number."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fairmot.formats.scores import write_scores
from fairmot.media.outputs.video import VideoWriter
from fairmot.report.report import report
from fairmot.workflows.evaluate.score import score

FRAMES, RATE, SIZE = 40, 20, (320, 180)
FIRST_GREY, GREY_STEP = 40, 4


@dataclass(frozen=True)
class Case:
    folder: Path
    run: Path
    ground_truth: Path
    rows: np.ndarray


def grey(frame):
    return FIRST_GREY + GREY_STEP * frame


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(",".join(f"{value:g}" for value in row) + ",-1,-1,-1\n" for row in rows))


def write_video(path, frames=FRAMES):
    with VideoWriter(path, SIZE, RATE) as video:
        for frame in range(frames):
            video.write(np.full((SIZE[1], SIZE[0], 3), grey(frame), np.uint8))


def true_rows():
    for frame in range(FRAMES):
        yield frame + 1, 1, 10 + 4 * frame, 20, 40, 60, 1
        yield frame + 1, 7, 250 - 4 * frame, 100, 40, 60, 1


def result_rows():
    """Person 1 continues as identity 4 from frame 21; 7 is lost in frames 16 to 20; 3 is false in frames 6 to 10."""
    for frame in range(FRAMES):
        yield frame + 1, 1 if frame < 20 else 4, 11 + 4 * frame, 21, 40, 60, 0.9 if frame < 20 else 0.625
        if not 15 <= frame < 20:
            yield frame + 1, 2, 250 - 4 * frame, 101, 40, 60, 0.5 + 0.01 * frame
        if 5 <= frame < 10:
            yield frame + 1, 3, 270, 10, 30, 50, 0.45


def make_case(folder, name="yard", video=True):
    sequence, run = folder / "truth" / name, folder / "run"
    write_rows(sequence / "gt" / "gt.txt", true_rows())
    (sequence / "seqinfo.ini").write_text(
        f"[Sequence]\nname={name}\nseqLength={FRAMES}\nframeRate={RATE}\nimWidth={SIZE[0]}\nimHeight={SIZE[1]}\n"
    )
    rows = list(result_rows())
    write_rows(run / f"{name}.txt", rows)
    if video:
        write_video(run / f"{name}.mp4")
    write_scores(score(sequence, run, "none", classic=True), run / "scores.json")
    return Case(folder, run, sequence.parent, np.array(rows))


@pytest.fixture(scope="session")
def shared_case(tmp_path_factory):
    """For tests that write nothing into it."""
    return make_case(tmp_path_factory.mktemp("report"))


@pytest.fixture
def case(tmp_path):
    """For tests that change it."""
    return make_case(tmp_path)


@pytest.fixture
def bare_case(tmp_path):
    """Rows alone: neither video nor scores."""
    made = make_case(tmp_path, video=False)
    (made.run / "scores.json").unlink()
    return made


@pytest.fixture
def refined_case(bare_case):
    """Rows that a refinement made, its record, and the online rows beside them."""
    link = {"identity": 2, "earlier": 2, "later": 9, "last_frame": 15, "first_frame": 21, "round": 2}
    costs = {"cost": 0.25, "motion": 0.2, "height": 0.01, "appearance": None}
    back = {"identity": 4, "earlier": 4, "later": 12, "last_frame": 10, "first_frame": 31, "round": 0}
    looks = {"cost": 0.125, "motion": None, "height": None, "appearance": 0.125}
    record = {"extended": 3, "filled": 5, "shake_px": 0.0, "links": [{**back, **looks}, {**link, **costs}]}
    record["removed"] = [{"identity": 8, "rows": 2, "mean_score": 0.5}]
    (bare_case.run / "yard.refined.json").write_text(json.dumps(record))
    write_rows(bare_case.run / "yard.online.txt", result_rows())
    return bare_case


@pytest.fixture
def model_of():
    """Call with a page: the model that it holds."""

    def read(page):
        text = page.read_text(encoding="utf-8")
        begin = text.index('id="model">') + len('id="model">')
        return json.loads(text[begin : text.index("</script>", begin)])

    return read


@pytest.fixture(scope="session")
def judged_page(shared_case, tmp_path_factory):
    """The page of the run with its ground truth."""
    folder = tmp_path_factory.mktemp("page")
    made = report(
        shared_case.run,
        output=folder / "judged page.html",
        ground_truth=shared_case.ground_truth,
        # Not taken for a drawn video: the boxes are the page's own.
        source=shared_case.run / "yard.mp4",
    )
    return made.page


@pytest.fixture
def opened(chromium):
    """Call with the page: opens it; afterwards nothing was requested from the network and no error was logged."""
    complaints, contexts = [], []

    def open_page(path, **settings):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        allowed = ("blob:", "data:", path.as_uri(), path.parent.as_uri())
        page.on("request", lambda request: request.url.startswith(allowed) or complaints.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-ready]", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []

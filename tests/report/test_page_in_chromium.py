"""The page in a real browser: opened from the file system in Chromium."""

import cv2
import numpy as np
import pytest
from report_page import frame_shown, press_bar, settle, wait_until

from fairmot.report.report import report

# The brightness of a frame encodes its number (conftest).
FIRST_GREY, GREY_STEP = 40, 4

VIDEO_GREY = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const ink = canvas.getContext("2d");
  ink.drawImage(document.getElementById("video"), 0, 0, 1, 1);
  return ink.getImageData(0, 0, 1, 1).data[1];
}"""
OVERLAY_COLORS = """() => {
  const { width, height } = document.getElementById("overlay"), colors = new Set();
  const ink = new OffscreenCanvas(width, height).getContext("2d");
  ink.drawImage(document.getElementById("overlay"), 0, 0);
  const pixels = ink.getImageData(0, 0, width, height).data;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] < 255) continue;
    colors.add("#" + [0, 1, 2].map((c) => pixels[i + c].toString(16).padStart(2, "0")).join(""));
  }
  return [...colors];
}"""


def video_frame(page):
    """Number of the frame that the video shows, from its brightness."""
    settle(page)
    return round((page.evaluate(VIDEO_GREY) - FIRST_GREY) / GREY_STEP) + 1


def frame_of_video_and_boxes(page):
    """The frame that video and boxes show; a busy browser shows the last frame after it has reported a standstill."""
    for _ in range(200):
        if frame_shown(page) == video_frame(page):
            break
        page.wait_for_timeout(25)
    assert frame_shown(page) == video_frame(page)
    return frame_shown(page)


def bar(page, identity):
    return page.get_by_role("slider", name=f"Identity {identity},")


def test_its_numbers_are_those_of_the_run(opened, judged_page, shared_case):
    page = opened(judged_page)
    settle(page)
    assert page.locator("[data-tile=Identities]").inner_text() == "4"
    assert page.locator("[data-tile=Boxes]").inner_text() == str(len(shared_case.rows))
    for row in page.locator("#tracks tbody tr").all():
        cells = row.locator("th, td").all_inner_texts()
        own = shared_case.rows[shared_case.rows[:, 1] == int(cells[1])]
        expected = [own[0, 0], own[-1, 0], len(own), own[:, 6].mean()]
        np.testing.assert_allclose([float(cell) for cell in cells[2:6]], expected, atol=5.01e-4)
        assert cells[6] == ("5" if cells[1].strip() == "3" else "0")
        assert row.locator("img").count() == 1
    assert page.locator('[data-score="yard CLR_FP"]').inner_text() == "5"
    assert page.locator("#hota .dot.HOTA").count() == 19
    assert (
        page.locator("#counts").get_attribute("aria-label").startswith("People in each frame: 2 in this one, at most 3")
    )


def test_a_click_on_a_bar_seeks_the_video(opened, judged_page):
    page = opened(judged_page)
    for identity, frame in (1, 11), (2, 33), (4, 2):
        press_bar(page, bar(page, identity), (frame - 0.5) / 40)
        assert frame_shown(page) == frame
        assert video_frame(page) == frame


def test_keys_seek_too(opened, judged_page):
    page = opened(judged_page)
    page.locator("#lanes [tabindex='0'].strip").focus()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Identity 1, frames 1 to 20"
    steps = [
        ("End", 20),
        ("ArrowRight", 21),
        ("Shift+ArrowRight", 31),
        ("Home", 1),
        ("ArrowDown", 1),
        ("Enter", 21),
        ("ArrowLeft", 20),
    ]
    for key, frame in steps:
        page.keyboard.press(key)
        assert frame_shown(page) == frame, key
    assert page.evaluate("document.activeElement.getAttribute('aria-valuenow')") == "20"
    assert video_frame(page) == 20


def test_identities_are_switched_on_and_off(opened, judged_page, model_of):
    page = opened(judged_page)
    press_bar(page, bar(page, 1), 7.5 / 40)
    settle(page)
    tracks = model_of(judged_page)["sources"][0]["tracks"]
    color = dict(zip(tracks["ids"], tracks["colors"], strict=True))
    assert {color[1], color[2], color[3]} <= set(page.evaluate(OVERLAY_COLORS))
    page.get_by_label("Show identity 2").first.uncheck()
    settle(page)
    shown = page.evaluate(OVERLAY_COLORS)
    assert color[1] in shown
    assert color[2] not in shown
    assert not page.locator("#tracks").get_by_label("Show identity 2").is_checked()
    bar(page, 1).focus()
    page.keyboard.press("v")
    settle(page)
    assert color[1] not in page.evaluate(OVERLAY_COLORS)
    page.keyboard.press("a")
    settle(page)
    assert {color[1], color[2], color[3]} <= set(page.evaluate(OVERLAY_COLORS))
    page.get_by_role("button", name="Hide all").click()
    page.get_by_role("checkbox", name="Errors").uncheck()
    settle(page)
    assert page.evaluate(OVERLAY_COLORS) == []


def test_errors_lie_at_their_moments(opened, judged_page):
    page = opened(judged_page)
    expected = {"false": (6, 10), "miss": (16, 20), "switch": (21, 21), "fragment": (21, 21)}
    assert page.locator("#errors .event").count() == 4
    for kind, (first, last) in expected.items():
        event = page.locator(f"#errors [data-kind={kind}]")
        assert event.locator("i").inner_text() == (f"{first}–{last}" if last > first else str(first))
        event.click()
        assert frame_shown(page) == first
        assert video_frame(page) == first
    assert page.locator("#error-lanes b").all_inner_texts() == ["1", "1", "5", "5"]
    # A click anywhere on the lane goes to the nearest one.
    press_bar(page, page.locator(".strip.miss"), 0.9)
    assert frame_shown(page) == 16
    page.keyboard.press("Home")
    page.keyboard.press("e")
    assert frame_shown(page) == 6
    page.get_by_role("button", name="False positives 5").click()
    assert page.locator("#errors .event").count() == 3


def test_space_plays_and_the_frame_follows(opened, judged_page):
    page = opened(judged_page)
    page.locator("#speed").select_option("4")
    page.locator("h1").click()
    page.keyboard.press(" ")
    wait_until(page, "Number(document.body.dataset.frame) > 5")
    page.keyboard.press(" ")
    wait_until(page, "document.getElementById('video').paused")
    assert frame_of_video_and_boxes(page) > 5


def test_at_the_end_the_last_frame_is_shown(opened, judged_page):
    page = opened(judged_page)
    page.locator("#speed").select_option("4")
    page.locator("h1").click()
    page.keyboard.press(" ")
    wait_until(page, "document.getElementById('video').ended")
    wait_until(page, "document.body.dataset.frame === '40'")
    assert frame_of_video_and_boxes(page) == 40


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_follows_the_colour_scheme(opened, judged_page, scheme):
    page = opened(judged_page, color_scheme=scheme)
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert color == {"light": "rgb(245, 246, 248)", "dark": "rgb(14, 17, 22)"}[scheme]
    for width in 1280, 380:
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width


def test_a_linked_video_is_found_beside_the_page(opened, case):
    page = opened(report(case.run, embed=False).page)
    press_bar(page, bar(page, 2), 30.5 / 40)
    settle(page)
    # From the file system the video is foreign to the page, which may show but not read it.
    image = cv2.imdecode(np.frombuffer(page.locator("#stage").screenshot(), np.uint8), cv2.IMREAD_COLOR)
    grey = np.median(image[image.shape[0] // 2 - 20 :, -60:])
    assert round((grey - FIRST_GREY) / GREY_STEP) + 1 == 31
    assert "drawn into this video" in page.locator("#stage-note").inner_text()


def test_without_a_video_a_clock_plays(opened, bare_case):
    page = opened(report(bare_case.run).page)
    assert page.locator("#video").is_hidden()
    page.keyboard.press("End")
    assert frame_shown(page) == 40
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    wait_until(page, "Number(document.body.dataset.frame) > 3")
    assert page.get_by_role("button", name="Pause").is_visible()


def test_a_run_that_found_nobody_is_all_misses(opened, case):
    (case.run / "yard.txt").write_text("")
    (case.run / "scores.json").unlink()
    page = opened(report(case.run, ground_truth=case.ground_truth, benchmark="none").page)
    assert page.locator("[data-tile=Identities]").inner_text() == "0"
    assert page.locator("#error-lanes b").all_inner_texts() == ["0", "0", "80", "0"]
    page.get_by_role("button", name="Next frame").click()
    assert video_frame(page) == frame_shown(page) == 2


def test_one_page_shows_several_sources(opened, case):
    rows = (case.run / "yard.txt").read_text().splitlines(keepends=True)
    (case.run / "zoo.txt").write_text("".join(row for row in rows if row.split(",")[1] == "2"))
    (case.run / "zoo.mp4").write_bytes((case.run / "yard.mp4").read_bytes())
    page = opened(report(case.run, source=case.run).page)
    assert page.locator("[data-tile=Identities]").inner_text() == "4"
    page.locator("#source").select_option("zoo")
    page.wait_for_selector("body[data-ready=zoo]")
    assert page.locator("[data-tile=Identities]").inner_text() == "1"
    press_bar(page, bar(page, 2), 7.5 / 40)
    assert video_frame(page) == frame_shown(page) == 8


def test_the_links_of_the_refinement_are_listed_with_their_costs(opened, refined_case):
    page = opened(report(refined_case.run).page)
    card = page.get_by_role("region", name="Refinement")
    assert "2 links, 1 tracks removed as noise" in card.inner_text()
    cells = [row.locator("th, td").all_inner_texts() for row in card.locator("tbody tr").all()]
    assert cells == [
        ["2", "2 → 9", "15 → 21", "motion, round 2", "0.250", "0.200", "0.010", "–"],
        ["4", "4 → 12", "10 → 31", "return", "0.125", "–", "–", "0.125"],
    ]
    card.get_by_role("button", name="Identity 4: go to frame 31").click()
    wait_until(page, "document.body.dataset.frame === '31'")
    assert "Identity 4" in page.locator("#person").inner_text()


def test_without_a_refinement_its_card_is_hidden(opened, judged_page):
    assert opened(judged_page).locator("#refinement").is_hidden()

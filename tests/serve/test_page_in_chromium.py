"""The page in a real browser: upload, watch, download."""

import shlex
import shutil
import subprocess

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from fairmot.media.outputs.places import read_zones

IMAGE = """() => {
  const image = document.getElementById("live");
  if (image.hidden || !image.complete || !image.naturalWidth) return null;
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight), ink = canvas.getContext("2d");
  ink.drawImage(image, 0, 0);
  const pixels = ink.getImageData(0, 0, canvas.width, canvas.height).data;
  const bright = [];
  for (let i = 0; i < pixels.length; i += 4) {
    if (Math.min(pixels[i], pixels[i + 1], pixels[i + 2]) > 235) bright.push((i / 4) % canvas.width);
  }
  return bright.length ? bright.reduce((a, b) => a + b) / bright.length : null;
}"""


@pytest.fixture
def opened(chromium):
    """Call with an address: opens it; afterwards no other server was contacted and no error was logged."""
    complaints, contexts = [], []

    def open_page(url, expected=(), **settings):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        allowed = ("/".join(url.split("/")[:3]), "data:", "blob:")
        note = lambda text: any(part in text for part in expected) or complaints.append(text)  # noqa: E731
        page.on("console", lambda message: note(message.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", lambda request: request.url.startswith(allowed) or complaints.append(request.url))
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def until(page, condition):
    """Polled from outside: the page's security policy forbids the script that Playwright would inject to wait."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never: {condition}")


def text(page, name):
    return page.evaluate(f"document.getElementById('{name}').textContent")


def test_upload_watch_download(start, opened, film, slow, tmp_path):
    server = start(slow(0.08))
    page = opened(server.url)
    until(page, "document.body.dataset.ready !== undefined")
    assert text(page, "facts").startswith("bright in test at 64x64")
    page.set_input_files("#file", str(film))

    # The walker on the brighter path goes from right to left: the live image moves with it.
    seen = []
    for _ in range(200):
        state = text(page, "state")
        if state == "done":
            break
        seen.append(page.evaluate(IMAGE))
        page.wait_for_timeout(40)
    places = np.array([place for place in dict.fromkeys(seen) if place is not None])
    assert len(places) >= 3
    assert (np.diff(places) < 0).all()

    until(page, "document.getElementById('state').textContent === 'done'")
    until(page, "document.getElementById('video').readyState > 0")
    assert page.evaluate("[document.getElementById('live').hidden, document.getElementById('video').videoWidth]") == [
        True,
        320,
    ]
    assert "Identities2" in text(page, "tiles")
    with page.expect_download() as download:
        page.click("#result-tracks-txt")
    assert download.value.suggested_filename == "street.txt"
    rows = np.loadtxt(download.value.path(), delimiter=",")
    assert sorted(set(rows[:, 1])) == [1, 2]
    assert rows[:, 0].max() == 24

    # The report opens under its own security policy.
    with page.context.expect_page() as report:
        page.keyboard.press("o")
    report.value.wait_for_selector("body[data-ready]", timeout=60_000)
    until(report.value, "document.getElementById('video').readyState > 0")
    report.value.close()

    # Deleted, after confirmation.
    page.keyboard.press("Delete")
    page.click("#confirm-delete button[value=delete]")
    until(page, "document.querySelectorAll('#jobs li').length === 0")
    assert page.evaluate("document.getElementById('nothing').hidden") is False
    assert server.client.get("/api/jobs").json() == []


def test_of_two_uploads_the_running_one_is_shown(start, opened, film, slow, tmp_path):
    detector = slow(0.05)
    server = start(detector)
    page = opened(server.url)
    until(page, "document.body.dataset.ready !== undefined")
    later = tmp_path / "later.mp4"
    later.write_bytes(film.read_bytes())
    detector.hold()
    page.set_input_files("#file", [str(film), str(later)])
    until(page, "document.querySelectorAll('#jobs li').length === 2")
    until(page, "document.getElementById('summary').textContent === '1 running, 1 waiting'")
    # The second upload does not take the place of the one that runs.
    shown = "document.querySelector('#jobs [aria-current]').textContent"
    assert "street.mp4" in page.evaluate(shown)
    detector.go_on.set()
    until(page, "!document.getElementById('live').hidden")
    assert "street.mp4" in page.evaluate(shown)


def test_keys_refusals_and_a_narrow_screen(start, opened, film, slow, tmp_path):
    detector = slow()
    server = start(detector)
    detector.hold()
    page = opened(server.url, expected=("422",), viewport={"width": 360, "height": 740}, color_scheme="dark")
    until(page, "document.body.dataset.ready !== undefined")
    notes = tmp_path / "notes.mp4"
    notes.write_text("no video")
    page.set_input_files("#file", [str(notes), str(film), str(film)])
    until(page, "document.querySelectorAll('#jobs li').length === 2")
    assert text(page, "refused") == "notes.mp4: not a video that can be read"
    until(page, "document.getElementById('uploads').children.length === 0")
    until(page, "document.getElementById('state').className === 'state running'")  # what runs is selected
    # Both, the running one and the waiting one, can be cancelled in the list.
    assert page.evaluate("document.querySelectorAll('#jobs .stop:not([hidden])').length") == 2
    page.reload()
    until(page, "document.getElementById('state').className === 'state running'")  # not the newest, which waits
    page.keyboard.press("k")
    until(page, "document.getElementById('state').textContent === 'waiting'")
    page.keyboard.press("c")
    until(page, "document.getElementById('state').textContent === 'cancelled'")
    page.keyboard.press("j")
    until(page, "document.getElementById('state').className === 'state running'")
    assert page.evaluate("document.documentElement.scrollWidth <= 360")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(14, 17, 22)"
    page.keyboard.press("?")
    assert page.evaluate("document.getElementById('keys').open")
    page.keyboard.press("Escape")
    detector.go_on.set()
    until(page, "document.getElementById('state').textContent === 'done'")


def test_with_a_token_one_logs_in(start, opened, film, tmp_path):
    token = "a-secret-of-enough-letters"
    (tmp_path / "videos").mkdir()
    shutil.copy(film, tmp_path / "videos" / "yard.mp4")
    shutil.copy(film, tmp_path / "street.mp4")
    server = start(token=token, allow_paths=tmp_path / "videos")
    page = opened(server.url, expected=("401",))
    assert page.url == f"{server.url}/login"
    page.fill("#token", token + "x")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('wrong').textContent === 'Wrong token.'")
    page.fill("#token", token)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{server.url}/")
    until(page, "document.body.dataset.ready !== undefined")
    page.goto(f"{server.url}/docs")
    page.wait_for_selector("body[data-ready]")
    commands = page.locator(".route pre").all_inner_texts()
    assert len(commands) == 13
    if shutil.which("curl"):  # each example is a request that the server takes
        job = server.client.post("/api/uploads", params={"hold": True}, content=film.read_bytes()).json()["id"]
        options = [
            "--max-time",
            "20",
            "-s",
            "-o",
            "answer",
            "-w",
            "%{http_code}",
            "-H",
            f"Authorization: Bearer {token}",
        ]
        for command in commands:
            if "/api/events" in command:  # it does not end; the tests of the API read it
                continue
            words = [*shlex.split(command.replace("JOB", job)), *options, "--noproxy", "*"]
            done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
            # The job is not always in the state that a request needs.
            assert done.stdout in ("200", "201", "204", "404", "409"), (command, done.stdout)
            assert "Not Found" not in (tmp_path / "answer").read_text(errors="replace")
    # A link carries the token where no server logs it.
    other = opened(f"{server.url}/login#token={token}")
    other.wait_for_url(f"{server.url}/")


def violations(page):
    """What axe finds; its script needs a page that is opened with ``bypass_csp``."""
    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


def shown_on_the_overlay(page):
    """Whether something is drawn over the first frame."""
    return page.evaluate("""() => {
      const canvas = document.getElementById("overlay");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return pixels.some((value, place) => place % 4 === 3 && value > 0);
    }""")


def test_lines_and_zones_are_drawn_before_a_job_starts(start, opened, film, slow, wait_until):
    """Desktop, light and dark: options, drawing with mouse and keys, counts, the queue with thumbnails and times."""
    detector = slow(0.05)
    server = start(detector)
    page = opened(server.url, bypass_csp=True, permissions=["clipboard-read", "clipboard-write"])
    until(page, "document.body.dataset.ready !== undefined")
    page.click("#options summary")
    page.select_option("#tracker", "byte")
    page.fill("#confidence", "0.4")
    page.check("#blur")
    page.check("#hold")
    assert violations(page) == []
    page.set_input_files("#file", str(film))
    until(page, "!document.getElementById('setup').hidden && document.getElementById('frame').naturalWidth === 320")
    box = page.locator("#overlay").bounding_box()

    def at(x, y):
        return box["x"] + x / 320 * box["width"], box["y"] + y / 240 * box["height"]

    page.click("#draw-line")
    page.mouse.click(*at(160, 10))
    page.mouse.click(*at(160, 230))
    assert page.locator("#places input").input_value() == "line 1"
    page.fill("#places input", "door")
    page.keyboard.press("Tab")
    page.keyboard.press("z")
    for key, count in ("ArrowLeft", 10), ("ArrowDown", 6), ("ArrowRight", 12):
        page.keyboard.press(" ")
        for _ in range(count):
            page.keyboard.press(key)
    page.keyboard.press("Enter")
    until(page, "document.getElementById('places').children.length === 2")
    assert shown_on_the_overlay(page)
    page.click("#copy-command")
    command = shlex.split(page.evaluate("navigator.clipboard.readText()"))
    assert command[:4] == ["fairmot", "track", "street.mp4", "--line"]
    assert command[5:] == ["--zone", "street.zones.json"]
    with page.expect_download() as download:
        page.click("#save-zones")
    (zone,) = read_zones(download.value.path())
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []

    # Two more wait behind it, without lines.
    detector.hold()
    page.uncheck("#hold")
    page.click("#start")
    until(page, "document.getElementById('state').className === 'state running'")
    page.set_input_files("#file", [str(film), str(film)])
    until(page, "document.getElementById('summary').textContent === '1 running, 2 waiting'")
    detector.go_on.set()
    until(
        page,
        "[...document.querySelectorAll('#jobs .note')].filter((e) => e.textContent.startsWith('starts in')).length",
    )
    detector.hold()
    # The blurred ones have no image yet.
    assert page.evaluate("document.querySelectorAll('#jobs .thumb img').length") == 0
    assert "door" in text(page, "tiles")
    assert violations(page) == []
    page.locator("#jobs .stop:not([hidden])").first.click()
    until(page, "document.getElementById('summary').textContent === '1 running, 1 waiting'")
    page.locator("#jobs .stop:not([hidden])").first.click()
    detector.go_on.set()
    until(page, "document.getElementById('state').textContent === 'done'")
    page.emulate_media(color_scheme="light")
    assert violations(page) == []
    (job,) = (each for each in server.client.get("/api/jobs").json() if each["state"] == "done")
    assert {key: job["options"][key] for key in ("tracker", "confidence", "blur", "anchor")} == {
        "tracker": "byte",
        "confidence": 0.4,
        "blur": True,
        "anchor": "feet",
    }
    (line,) = job["options"]["lines"]
    assert line == command[4]
    np.testing.assert_allclose([float(x) for x in line.removeprefix("door=").split(",")], [160, 10, 160, 230], atol=1)
    assert {name: tuple(map(tuple, points)) for name, points in job["options"]["zones"].items()} == {
        zone.name: zone.points
    }
    counted = job["counts"][0]
    assert f"door{counted['came_in']} in, {counted['went_out']} out" in text(page, "tiles")
    assert (
        text(page, "options-of-job") == "tracker byte · score threshold 0.4 · people blurred · 1 line, 1 zone, by feet"
    )


def test_a_phone_draws_with_a_finger(start, opened, film, slow):
    """Phone, light and dark: no overflow, thumbnails in the queue, a line by two taps."""
    detector = slow()
    server = start(detector)
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    page = opened(server.url, bypass_csp=True, **phone)
    until(page, "document.body.dataset.ready !== undefined")
    detector.hold()
    page.set_input_files("#file", [str(film), str(film)])
    until(page, "document.getElementById('summary').textContent === '1 running, 1 waiting'")
    until(page, "document.querySelectorAll('#jobs .thumb img').length === 2")
    page.tap("#options summary")
    page.tap("#hold")
    page.set_input_files("#file", str(film))
    until(page, "!document.getElementById('setup').hidden && document.getElementById('frame').naturalWidth === 320")
    page.tap("#draw-line")
    page.locator("#overlay").scroll_into_view_if_needed()
    box = page.locator("#overlay").bounding_box()
    for fraction in 0.1, 0.9:
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + fraction * box["height"])
    until(page, "document.querySelectorAll('#places input').length === 1")
    assert shown_on_the_overlay(page)
    for scheme in "light", "dark":
        page.emulate_media(color_scheme=scheme)
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # Everything that is pressed is large enough for a finger.
    assert page.evaluate("""[...document.querySelectorAll("main button")].filter((each) => each.offsetParent)
      .every((each) => each.getBoundingClientRect().height >= 24)""")
    page.tap("#start")
    detector.go_on.set()
    until(page, "document.getElementById('summary').textContent === ''")
    assert [job["state"] for job in server.client.get("/api/jobs").json()] == ["done"] * 3

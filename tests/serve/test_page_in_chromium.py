"""The page in a real browser: upload, watch, download."""

import numpy as np
import pytest

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


def test_with_a_token_one_logs_in(start, opened):
    token = "a-secret-of-enough-letters"
    server = start(token=token)
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
    assert page.locator(".route pre").count() == 13
    # A link carries the token where no server logs it.
    other = opened(f"{server.url}/login#token={token}")
    other.wait_for_url(f"{server.url}/")

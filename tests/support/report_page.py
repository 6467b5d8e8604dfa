"""What tests of the report's page in a browser have in common."""

import pytest


def frame_shown(page):
    return int(page.evaluate("document.body.dataset.frame"))


def wait_until(page, condition):
    """Polled from outside: the page's security policy forbids the script that Playwright would inject to wait."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(25)
    pytest.fail(f"never: {condition}")


def settle(page):
    """Wait until the video has finished seeking and everything is drawn."""
    wait_until(page, "!document.getElementById('video').seeking && document.getElementById('video').readyState > 1")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def press_bar(page, strip, fraction):
    """Click at a fraction of a lane's width."""
    strip.scroll_into_view_if_needed()
    box = strip.bounding_box()
    page.mouse.click(box["x"] + fraction * box["width"], box["y"] + box["height"] / 2)


def point_of(page, x, y):
    """Where a point of the source, in pixels, is in the window."""
    box = page.locator("#overlay").bounding_box()
    width, height = page.evaluate("JSON.parse(document.getElementById('model').textContent).sources[0].size")
    return box["x"] + x / width * box["width"], box["y"] + y / height * box["height"]

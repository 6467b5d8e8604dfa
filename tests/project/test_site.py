"""The documentation site: builds without a warning, holds every page and public name, and needs no network to be read.

The commands of the pages that no other test reads are run here, from top to bottom, on a small video.
"""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from documents import commands, fairmot_commands
from typer.main import get_command
from typer.testing import CliRunner

import fairmot
from fairmot.cli import app
from fairmot.config import load_config
from fairmot.media.outputs.video import VideoWriter
from fairmot.media.sources.frames import read_frames
from fairmot.street import write_street

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {name: (DOCS / name).read_text("utf-8") for name in ("index.md", "gpu.md", "platforms.md", "contributing.md")}


def build(folder, *arguments, **environment):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder), *arguments]
    # The theme advertises its successor.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


class Links(HTMLParser):
    """Addresses that a page names: what it loads, and where it leads."""

    def __init__(self, text):
        super().__init__()
        self.loaded, self.leads, self.anchors = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if named.get("id"):
            self.anchors.add(named["id"])
        if tag == "a" and named.get("href"):
            self.leads.append(named["href"])
        elif tag in {"script", "img", "source", "iframe"} and named.get("src"):
            self.loaded.append(named["src"])
        elif tag == "link" and named.get("href") and named.get("rel") != "canonical":
            self.loaded.append(named["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site; addresses of proxies that do not exist, so that nothing can be fetched."""
    pytest.importorskip("mkdocs", reason="pip install 'fairmot[docs]'")
    pytest.importorskip("mkdocstrings", reason="pip install 'fairmot[docs]'")
    folder = tmp_path_factory.mktemp("site")
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    result = build(folder, **proxies)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_every_page_is_in_the_site(site):
    assert {path.stem for path in DOCS.glob("*.md")} <= {path.stem for path in site.glob("*.html")}


def test_links_lead_somewhere(site):
    parsed = {path: Links(path.read_text("utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(parsed) > 15
    checked = 0
    for path, links in parsed.items():
        for address in [*links.loaded, *links.leads]:
            parts = urlsplit(address)
            if parts.scheme or address.startswith("//") or parts.path.startswith("/"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (path.name, address)
            if parts.fragment and target in parsed and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in parsed[target].anchors, (path.name, address)
            checked += 1
    assert checked > 500


def test_reading_needs_no_network(site):
    for path in site.rglob("*.html"):
        for address in Links(path.read_text("utf-8")).loaded:
            assert not urlsplit(address).netloc, (path.name, address)


def test_every_public_name_is_in_the_reference(site):
    anchors = Links((site / "api.html").read_text("utf-8")).anchors
    last = {anchor.rsplit(".", 1)[-1] for anchor in anchors if anchor.startswith("fairmot.")}
    assert set(fairmot.__all__) <= last
    assert "fairmot.tracking.tracker.Tracker.update" in anchors


def test_signatures_wrap(site, chromium):
    """On a phone too; the twin takes the rule away."""
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto((site / "api.html").as_uri())
    wide = """() => [...document.querySelectorAll(".doc-signature code")].filter((each) =>
      [each, each.parentElement].some((box) => box.scrollWidth > box.clientWidth + 1)).length"""
    assert page.locator(".doc-signature").count() > 20
    assert page.evaluate(wide) == 0
    page.evaluate(
        "for (const sheet of document.styleSheets) if (sheet.href?.endsWith('/style.css')) sheet.disabled = true"
    )
    assert page.evaluate(wide) > 5
    page.close()


def test_files_outside_the_documentation_are_copied(site):
    assert (site / "repository/default_config.yaml").read_bytes() == (ROOT / "default_config.yaml").read_bytes()
    assert 'href="configs/lite.yaml"' in (site / "repository/configs.html").read_text("utf-8")
    assert (site / "repository/notebooks/first_steps.ipynb").is_file()


def test_a_link_to_nowhere_fails_the_build(tmp_path):
    pytest.importorskip("mkdocs", reason="pip install 'fairmot[docs]'")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("[gone](../gone.yaml)\n")
    settings = (
        f"site_name: x\nstrict: true\ntheme: {{name: material, font: false}}\nhooks: [{DOCS / 'site_links.py'}]\n"
    )
    (tmp_path / "mkdocs.yml").write_text(settings)
    result = build(tmp_path / "site", "--config-file", str(tmp_path / "mkdocs.yml"))
    assert result.returncode != 0
    assert "gone.yaml" in result.stdout + result.stderr


# The demo is run by .ci/run, in an environment that holds the wheel alone.
RUN = [
    (name, words)
    for name in ("index.md", "gpu.md")
    for words in commands(PAGES[name])
    if words[0] == "fairmot" and words[1] != "demo"
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """The folder in which the commands have run, and what each printed."""
    folder = tmp_path_factory.mktemp("pages")
    frames = read_frames(write_street(folder, name="street", people=2, frames=4, seed=1, size=(320, 180)))
    with VideoWriter(folder / "street.mp4", (320, 180), 25) as writer:
        for frame in frames:
            writer.write(frame.image)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        results = [CliRunner().invoke(app, words[1:]) for _, words in RUN]
    return folder, results


@pytest.mark.parametrize("index", range(len(RUN)), ids=[" ".join(words) for _, words in RUN])
def test_commands_run(outcome, index):
    result = outcome[1][index]
    assert result.exit_code == 0, (RUN[index], result.output, result.exception)


def test_two_commands_lead_from_a_video_to_a_report(outcome):
    assert "<html" in (outcome[0] / "runs/track/street/report.html").read_text("utf-8")


@pytest.mark.parametrize("words", fairmot_commands(PAGES["gpu.md"], "text"), ids=" ".join)
def test_commands_for_other_devices_parse(words):
    command = get_command(app).commands[words[0]]
    context = command.make_context(command.name, words[1:])
    if command.name == "train":
        load_config(context.params["config"], tuple(context.params["overrides"] or ()))


def test_installing_is_the_readmes():
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "pip install . && fairmot demo" in readme
    assert "pip install . && fairmot demo" in PAGES["index.md"]
    assert "pip install '.[torch]'" in readme
    assert "&& fairmot demo --frames" in (ROOT / ".ci" / "run").read_text("utf-8")


SET_UP, TEST = PAGES["contributing.md"].split("## Run tests")


@pytest.mark.parametrize("words", commands(SET_UP), ids=" ".join)
def test_continuous_integration_does_what_contributors_are_told(words):
    script = (ROOT / ".ci" / "run").read_text("utf-8")
    line = " ".join(f"'{word}'" if "[" in word else word for word in words)
    own = r"pip install (--no-compile )?--quiet"  # what says less and takes less time
    wanted = re.escape(line).replace(re.escape("pip install"), own)
    assert re.search(rf"(^|&& ){wanted}\"?$", script, re.MULTILINE)


def test_contributors_begin_with_an_editable_install_and_run_one_file_fast():
    assert commands(SET_UP)[0] == ["pip", "install", "-e", ".[dev]"]
    ((program, *options, file),) = commands(TEST.partition("\n## ")[0])
    assert (program, options) == ("pytest", ["-n", "0"])
    assert (ROOT / file).is_file()


def test_the_extras_hold_what_the_site_needs():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.search(r'^test = \[\n    "fairmot\[[a-z,]*docs[a-z,]*\]"', text, re.MULTILINE)

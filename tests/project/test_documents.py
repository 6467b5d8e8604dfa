"""All documents: how long their lines are, where their links lead, and the page that is written from the source."""

import importlib.util
import re
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from fairmot.cli import app

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CHANGELOG.md"])


def load_make_pages():
    spec = importlib.util.spec_from_file_location("make_pages", ROOT / "docs" / "make_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_pages = load_make_pages()


def long_lines(text):
    """Numbers of the lines of 120 characters and more; rows of tables and the targets of links do not count."""
    shown = [re.sub(r"\]\([^)]*\)", "]()", line) for line in text.splitlines()]
    return [index for index, line in enumerate(shown, 1) if len(line) >= 120 and not line.startswith("|")]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_lines_are_under_120_characters(path):
    assert long_lines(path.read_text(encoding="utf-8")) == []


def test_a_long_line_is_found():
    assert long_lines(f"short\n{'word ' * 24}\n| {'cell ' * 40}|\n[link]({'x' * 200})\n") == [2]


@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.parent == ROOT], ids=lambda path: path.name)
def test_links_outside_the_site_lead_somewhere(path):
    """Links among the pages are followed by ``test_site.py``."""
    text = path.read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        assert (ROOT / file).is_file(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}, link


def test_the_architecture_page_and_its_drawing_are_those_of_the_source():
    assert make_pages.PAGE.read_text(encoding="utf-8") == make_pages.page(), "run: python docs/make_pages.py"
    assert make_pages.DRAWING.read_text(encoding="utf-8") == make_pages.drawing(), "run: python docs/make_pages.py"


def test_a_changed_purpose_changes_the_page(tmp_path):
    source = make_pages.PACKAGE / "tracking" / "kalman.py"
    changed = tmp_path / "kalman.py"
    changed.write_text(source.read_text(encoding="utf-8").replace("Constant-velocity", "Constant-acceleration", 1))
    assert make_pages.first_line(changed) != make_pages.first_line(source)
    page = make_pages.PAGE.read_text(encoding="utf-8")
    assert f"| `tracking/kalman.py` | {make_pages.first_line(source)} |" in page
    assert make_pages.first_line(changed) not in page


def test_the_layers_hold_every_room():
    rooms = [room for _, layer, _ in make_pages.LAYERS for room in layer]
    found = {path.stem for path in make_pages.PACKAGE.glob("*.py") if path.stem != "__init__"}
    found |= {path.parent.name for path in make_pages.PACKAGE.glob("*/__init__.py")}
    assert sorted(rooms) == sorted(found)


def test_every_decision_names_what_was_rejected():
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    decisions = re.split(r"^\* ", text, flags=re.MULTILINE)[1:]
    assert len(decisions) > 25
    assert [each.split("\n")[0] for each in decisions if "Rejected" not in each] == []


def test_the_citation_names_this_version_and_the_paper():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project
    assert citation["references"][0]["url"] == "https://arxiv.org/abs/2004.01888"
    assert "https://arxiv.org/abs/2004.01888" in project


def every_option():
    """Command -> its options, as users write them."""

    def walk(command, path=()):
        for name, child in getattr(command, "commands", {}).items():
            yield from walk(child, (*path, name))
        if not hasattr(command, "commands"):
            yield " ".join(path), {o for each in command.params for o in (*each.opts, *each.secondary_opts)}

    return dict(walk(get_command(app)))


OTHER_PROGRAMS = re.compile(
    r"\b(mypy|pip|python benchmarks/\w+\.py|tensorboard|torchrun|msrun|docker|pytest)\b|--node_rank"
)
"""Their options stand in the same span of code."""

OF_BENCHMARKS = {"--networks", "--heights", "--frames", "--rounds"}
"""Named apart from their program."""


def unknown_options(text, options):
    """Pairs of a span of code in the running text and an option in it that its command, or any command, lacks."""
    known = set().union(*options.values()) | OF_BENCHMARKS | {"--help", "--version", "--install-completion"}
    found = []
    for span in re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
        command = re.search(r"fairmot (data \w+|\w+)", span)
        own = options.get(command[1]) if command else None
        allowed = own | {"--help"} if own is not None else known
        if not OTHER_PROGRAMS.search(span):
            found += [(span, each) for each in re.findall(r"(?<![\w-])--[a-z][a-z-]*", span) if each not in allowed]
    return found


@pytest.mark.parametrize(
    "path", [path for path in DOCUMENTS if path.name != "CHANGELOG.md"], ids=lambda path: path.name
)
def test_options_in_the_running_text_exist(path):
    assert unknown_options(path.read_text(encoding="utf-8"), every_option()) == []


def test_an_option_of_another_command_is_found():
    options = every_option()
    assert unknown_options("`fairmot score GT RESULTS --jobs 2` and `--piktures`", options) == [
        ("fairmot score GT RESULTS --jobs 2", "--jobs"),
        ("--piktures", "--piktures"),
    ]

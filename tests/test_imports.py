"""Who may import whom (docs/architecture.md), read off the source files themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fairmot

PACKAGE = Path(fairmot.__file__).parent
BASE = {"errors", "files", "geometry", "detections", "interrupts", "progress"}
FILES_AND_SETTINGS = {"config", "formats", "network"}
PARTS = {"data", "tracking", "evaluation", "media", "street"}
BELOW_WORKFLOWS = BASE | FILES_AND_SETTINGS | PARTS | {"engines", "detector", "weights"}
ALLOWED = {
    **dict.fromkeys(BASE | FILES_AND_SETTINGS, BASE | {"config"}),
    "engines": BASE | {"config", "network"},
    **dict.fromkeys(("detector", "weights"), BASE | FILES_AND_SETTINGS | {"engines"}),
    # Parts never import each other, nor an engine.
    **dict.fromkeys(PARTS, BASE | {"config", "formats"}),
    **dict.fromkeys(("workflows", "benchmark", "report"), BELOW_WORKFLOWS),
    **dict.fromkeys(("training", "serve"), BELOW_WORKFLOWS | {"workflows"}),
    "cli": BELOW_WORKFLOWS | {"workflows", "training", "benchmark", "report", "serve"},
    "__main__": {"cli"},
}
EXCEPTIONS = {
    ("workflows/demo", "workflows/evaluate"): "the demo tracks a rendered street and scores it",
    ("workflows/evaluate", "workflows/track"): "evaluating is tracking and then scoring",
    ("workflows/export", "workflows/evaluate"): "an export is scored before and after",
    ("workflows/tune", "workflows/track"): "a trial tracks saved detections",
    ("serve", "report"): "a finished job is shown as a report",
}
"""Each with its reason: workflows do not know each other, nor do the packages above them."""

SHARED_BY_ENGINES = {"canvases", "capabilities", "choice", "interface", "precision", "training_rules"}
FRAMEWORKS = {"torch", "torchvision", "mindspore", "onnxruntime", "openvino"}


def imported_modules(path, source=None):
    """Full names of everything that a file imports, at any depth in it."""
    for node in ast.walk(ast.parse(source or path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            if node.module == "fairmot":
                yield from (f"fairmot.{alias.name}" for alias in node.names)


def room_of(pieces):
    """Name of the room of a module, given as parts of its path: of a workflow, ``workflows/NAME``."""
    return "/".join(pieces[: 2 if pieces[0] == "workflows" and len(pieces) > 1 else 1])


def violations(path, source=None, used=None):
    pieces = path.relative_to(PACKAGE).with_suffix("").parts
    room = room_of(pieces)
    for module in imported_modules(path, source):
        names = module.split(".")[1:]
        if module.split(".")[0] != "fairmot" or not names:
            continue
        other = room_of(names)
        if (room, other) in EXCEPTIONS:
            if used is not None:
                used.add((room, other))
            continue
        if other != room and (names[0] == "workflows" == pieces[0] or names[0] not in ALLOWED[pieces[0]] | {pieces[0]}):
            yield f"{path.relative_to(PACKAGE)} imports {module}"
        # Everybody but an engine itself knows it by name, protocol and common rules.
        is_inside = names[0] == "engines" and len(names) > 1 and names[1] not in SHARED_BY_ENGINES
        if is_inside and pieces[:2] != ("engines", names[1]):
            yield f"{path.relative_to(PACKAGE)} imports an engine directly: {module}"


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_in_the_decided_directions(path):
    assert list(violations(path)) == []


def test_a_wrong_direction_is_found():
    for file, statement in (
        ("tracking/tracker.py", "from fairmot.engines import load_inference"),
        ("tracking/tracker.py", "from fairmot.media.sources.frames import read_frames"),
        ("engines/torch/loss.py", "import fairmot.engines.mindspore.loss"),
        ("training/loop.py", "from fairmot.engines.torch.training import create_trainer"),
        ("workflows/describe.py", "from fairmot.workflows.export import export"),
        ("report/page.py", "from fairmot.workflows.track.track import track"),
        ("formats/rows.py", "from fairmot import detector"),
    ):
        assert list(violations(PACKAGE / file, statement)), statement


def test_exceptions_are_few_and_each_is_used():
    used = set()
    for path in SOURCES:
        list(violations(path, used=used))
    assert used == set(EXCEPTIONS)
    assert len(EXCEPTIONS) <= 5


def test_the_root_stays_small():
    assert len(list(PACKAGE.glob("*.py"))) <= 10


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_frameworks_are_imported_by_their_engine_alone(path):
    found = {module.split(".")[0] for module in imported_modules(path)} & FRAMEWORKS
    if path.relative_to(PACKAGE).parts[0] == "engines" and path.parent != PACKAGE / "engines":
        own = {"onnx": {"onnxruntime", "openvino"}, "torch": {"torch", "torchvision"}, "mindspore": {"mindspore"}}
        assert found <= own[path.relative_to(PACKAGE / "engines").parts[0]]
    elif path == PACKAGE / "engines" / "choice.py":
        assert found <= {"torch"}  # asks whether there is a CUDA device, inside a function
    else:
        assert not found


@pytest.mark.parametrize("statement", ["import fairmot", "import fairmot.cli"])
def test_importing_loads_no_heavy_library(statement):
    program = f"import sys; {statement}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = FRAMEWORKS | {"onnx", "scipy", "cv2", "av", "supervision", "numpy", "pydantic"}
    assert not heavy & set(loaded)


def test_public_names_can_be_had():
    for name in fairmot.__all__:
        assert getattr(fairmot, name) is not None
    assert fairmot.track.__module__ == "fairmot.workflows.track.track"  # the function, not the package of that name
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = fairmot.absent

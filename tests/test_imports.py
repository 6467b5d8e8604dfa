"""Who may import whom (docs/decisions.md and the design), read off the source files themselves."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fairmot

PACKAGE = Path(fairmot.__file__).parent
BASE = {"errors", "files", "config", "tracker_config", "geometry", "detections"}
JOURNEYS = {
    "train",
    "track",
    "evaluate",
    "convert",
    "describe",
    "demo",
    "export",
    "report",
    "self_check",
    "benchmark",
    "doctor",
}
JOURNEYS |= {"replay", "tune", "tuning_cases", "explain", "contact_sheets"}
SHARED_BY_ENGINES = {"interface", "training_rules"}
FRAMEWORKS = {"torch", "torchvision", "mindspore", "onnxruntime", "openvino"}

ALLOWED = {
    **dict.fromkeys(BASE, BASE),
    "network": BASE | {"network"},
    **{name: BASE | {name} for name in ("data", "tracking", "evaluation", "media")},
    "engines": BASE | {"network", "engines"},
    "detector": BASE | {"network", "engines"},
    "schedule": BASE,
    "launch": BASE | {"cli"},  # the processes that it starts run the command line
    "weight_files": BASE | {"network", "engines"},
    "metrics": BASE,
    "checkpoint": BASE | {"network"},
    # Journeys: everything but each other; evaluating is tracking and then scoring, the demo is both.
    **{
        name: BASE
        | {"detector", "network", "engines", "data", "tracking", "evaluation", "media"}
        | {"checkpoint", "schedule", "metrics", "launch", "weight_files"}
        for name in JOURNEYS
    },
}
# Saved detections are a file format, read with the readers of MOTChallenge text.
ALLOWED["recordings"] = BASE | {"evaluation"}
ALLOWED["source_run"] = ALLOWED["track"] | {"recordings"}
ALLOWED["run_file"] = BASE | {"source_run", "recordings"}
ALLOWED["track"] = ALLOWED["track"] | {"recordings", "source_run", "run_file"}
ALLOWED["job"] = ALLOWED["track"] | {"track"}
ALLOWED["jobs"] = ALLOWED["job"] | {"job"}
ALLOWED["replay"] = ALLOWED["replay"] | {"track", "recordings"}
ALLOWED["tuning_cases"] = ALLOWED["tuning_cases"] | {"replay", "recordings"}
ALLOWED["report"] = ALLOWED["report"] | {"run_file"}
ALLOWED["search_space"] = BASE
ALLOWED["gap_filling"] = BASE | {"evaluation", "tracking"}
ALLOWED["tuning_result"] = ALLOWED["tuning_cases"] | {"tuning_cases"}
ALLOWED["tune"] = ALLOWED["tune"] | {"tuning_cases", "tuning_result", "search_space"}
ALLOWED["evaluation_run"] = ALLOWED["evaluate"] | {"track", "gap_filling"}
ALLOWED["evaluate"] = ALLOWED["evaluate"] | {"track", "evaluation_run"}
ALLOWED["training"] = ALLOWED["train"] | {"evaluate", "evaluation_run"}  # validation
ALLOWED["train"] = ALLOWED["train"] | {"training"}
ALLOWED["self_check"] = ALLOWED["self_check"] | {"training"}
ALLOWED["export"] = ALLOWED["export"] | {"evaluate", "evaluation_run"}  # scores before and after
ALLOWED["demo"] = ALLOWED["demo"] | {"evaluate", "evaluation_run", "track"}
ALLOWED["serve"] = ALLOWED["track"] | {"track", "report"}  # a queue of what track and report do
ALLOWED["console"] = BASE | JOURNEYS | {"network", "evaluation", "training"}
ALLOWED["cli"] = set(ALLOWED) | {"console"}


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


def part_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


def violations(path, source=None):
    part = part_of(path)
    for module in imported_modules(path, source):
        pieces = module.split(".")
        if pieces[0] != "fairmot" or len(pieces) == 1:
            continue
        if pieces[1] not in ALLOWED[part] | {part}:
            yield f"{path.relative_to(PACKAGE)} imports {module}"
        if part == "engines" and pieces[1] == "engines" and len(pieces) > 2 and pieces[2] not in SHARED_BY_ENGINES:
            own = path.relative_to(PACKAGE / "engines").parts[0]
            if pieces[2] != own:
                yield f"{path.relative_to(PACKAGE)} imports another engine: {module}"
        # The rest of the package knows engines only by name, protocol and common rules.
        if part != "engines" and pieces[1] == "engines" and len(pieces) > 2 and pieces[2] not in SHARED_BY_ENGINES:
            yield f"{path.relative_to(PACKAGE)} imports an engine directly: {module}"


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_in_the_decided_directions(path):
    assert list(violations(path)) == []


def test_a_wrong_direction_is_found():
    assert list(violations(PACKAGE / "tracking" / "tracker.py", "from fairmot.engines import load_engine"))
    assert list(violations(PACKAGE / "engines" / "torch" / "loss.py", "import fairmot.engines.mindspore.loss"))
    assert list(violations(PACKAGE / "train.py", "from fairmot.engines.torch import create_trainer"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_frameworks_are_imported_by_their_engine_alone(path):
    found = {module.split(".")[0] for module in imported_modules(path)} & FRAMEWORKS
    if part_of(path) == "engines" and path.parent != PACKAGE / "engines":
        own = {"onnx": {"onnxruntime", "openvino"}, "torch": {"torch", "torchvision"}, "mindspore": {"mindspore"}}
        assert found <= own[path.relative_to(PACKAGE / "engines").parts[0]]
    elif path == PACKAGE / "engines" / "__init__.py":
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
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        _ = fairmot.absent

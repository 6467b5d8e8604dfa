"""The notebooks: run from top to bottom, and lie in the repository without their outputs."""

import ast
import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat", reason="pip install 'fairmot[test]'")
nbclient = pytest.importorskip("nbclient", reason="pip install 'fairmot[test]'")
pytest.importorskip("ipykernel", reason="pip install 'fairmot[test]'")

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


def printed(cell):
    outputs = cell.get("outputs", [])
    return "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in outputs)


def run(notebook, folder):
    # The kernel's own libraries warn; the package's warnings are its other tests' matter.
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env={**os.environ, "OMP_NUM_THREADS": "1"})
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.filterwarnings("default")
def test_first_steps_run_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    (path,) = NOTEBOOKS
    cells = run(nbformat.read(path, as_version=4), tmp_path)
    assert "lite in" in printed(cells[2])
    count, identities = (int(word) for word in printed(cells[3]).replace(" identities", "").split(" rows,"))
    assert count > 30
    assert identities >= 2
    scores = ast.literal_eval(printed(cells[4]))
    assert 0.3 < scores["HOTA"] <= 1
    (image,) = (out["data"]["image/jpeg"] for out in cells[5].outputs if "image/jpeg" in out.get("data", {}))
    assert len(image) > 20_000


@pytest.mark.filterwarnings("default")
def test_a_cell_that_fails_fails_the_test(tmp_path):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("import fairmot\nfairmot.nothing_like_it")])
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="nothing_like_it"):
        run(notebook, tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_committed_notebooks_hold_no_outputs(path):
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None

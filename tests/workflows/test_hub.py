"""Weights as a repository of the Hugging Face hub, written and fetched again from a server on loopback."""

import hashlib
import http.server
import json
import re
import sys
import threading
from pathlib import Path

import pytest
import walkers
import yaml
from clean_shell import call
from small_run import NETWORK
from typer.testing import CliRunner

import fairmot
from fairmot.cli import app
from fairmot.config import NetworkConfig
from fairmot.detector import SHIPPED_WEIGHTS
from fairmot.errors import InputError
from fairmot.formats.hub import fetch_weights, is_hub_address
from fairmot.network.architectures import build_graph
from fairmot.network.initial import initial_weights
from fairmot.network.safetensors import save_weights
from fairmot.workflows.hub import FILES, write_repository

ROOT = Path(__file__).resolve().parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """The part of the hub that a download needs: ``/OWNER/NAME/resolve/REVISION/FILE``."""

    folder = Path()

    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        found = re.fullmatch(r"/me/street/resolve/(main|v1)/([\w.]+)", self.path)
        path = self.folder / found[2] if found else None
        if path is None or not path.is_file():
            self.send_response(404)
            name = "RevisionNotFound" if self.path.startswith("/me/street/resolve/v2") else "RepoNotFound"
            self.send_header("X-Error-Code", name if found is None else "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        content = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(tmp_path):
    """Address of a hub that holds the shipped model as ``me/street``."""
    handler = type("Own", (Hub,), {"folder": write_repository(None, tmp_path / "street").folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


PROGRAM = """
import json, sys
from typer.testing import CliRunner
from fairmot.cli import app
from fairmot.errors import InputError
answers = []
for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    answers.append([result.exit_code, str(result.exception), isinstance(result.exception, InputError)])
print(json.dumps(answers))
"""


def test_weights_come_from_a_repository(endpoint, tmp_path):
    """In a process of its own: huggingface_hub reads its variables when it is imported."""
    pytest.importorskip("huggingface_hub")
    walkers.film(tmp_path / "walk.mp4", 3)
    base = [
        "track",
        "walk.mp4",
        "--no-video",
        "--engine",
        "onnxruntime",
        "--input-size",
        "64x64",
        "--confidence",
        "0.1",
    ]
    names = ("hf:me/street", "hf:me/street@v1", "hf:me/absent", "hf:me/street@v2")
    commands = [[*base, "--output", f"out{n}", "--weights", name] for n, name in enumerate(names)]
    variables = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT), "no_proxy": "*"}
    done = call(sys.executable, "-c", PROGRAM, json.dumps(commands), folder=tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    first, second, absent, other = json.loads(done.stdout.splitlines()[-1])
    assert first[0] == second[0] == 0, (first, second)
    assert absent[1:] == ["hf:me/absent: no such repository, or a private one; HF_TOKEN opens private ones", True]
    assert other[1:] == ["hf:me/street@v2: the repository has no revision v2", True]
    # The very file: run.json holds the digest of the weights.
    detector = json.loads((tmp_path / "out0" / "run.json").read_text())["detector"]
    digest = hashlib.sha256(SHIPPED_WEIGHTS.read_bytes()).hexdigest()[:16]
    assert f"sha256:{digest}" in json.dumps(detector)
    assert (tmp_path / "out0/walk.txt").read_text() == (tmp_path / "out1/walk.txt").read_text()


def front_matter(card):
    return yaml.safe_load(card.split("---\n")[1])


def test_the_shipped_model_as_a_repository(tmp_path):
    result = CliRunner().invoke(app, ["export", "--hub", str(tmp_path / "street")])
    assert result.exit_code == 0, result.output
    folder = tmp_path / "street"
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert (folder / "model.safetensors").read_bytes() == SHIPPED_WEIGHTS.read_bytes()
    card = (folder / "README.md").read_text()
    assert front_matter(card)["library_name"] == "fairmot"
    assert front_matter(card)["tags"] == ["multi-object-tracking", "person-re-identification", "lite"]
    assert "fairmot track street.mp4 --weights hf:OWNER/street" in card
    assert "Apache-2.0" in card.split("## Licence")[1]
    config = json.loads((folder / "config.json").read_text())
    assert (config["network"]["architecture"], config["tracker"]["confirmation_score"]) == ("lite", 0.7)
    assert config["library_version"] == fairmot.__version__
    # The data card holds the table of the page, which has more to say.
    table = re.findall(r"^\|.*\|$", (folder / "DATA.md").read_text(), re.MULTILINE)
    page = (ROOT / "docs" / "models.md").read_text()
    assert len(table) > 8
    assert all(row in page for row in table)
    assert not all(row.replace("128", "129") in page for row in table)
    again = CliRunner().invoke(app, ["export", "--hub", str(folder)])
    assert isinstance(again.exception, InputError)
    assert "exists already" in str(again.exception)
    assert CliRunner().invoke(app, ["export", "--hub", str(folder), "--overwrite"]).exit_code == 0


def test_trained_weights_name_their_sets(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "yard.txt").write_text("a.jpg\nb.jpg\n")
    (tmp_path / "data.json").write_text(json.dumps({"root": ".", "train": {"yard": "yard.txt", "zoo": "zoo.txt"}}))
    description = {"description": str(tmp_path / "data.json"), "sets": []}
    (run / "config.json").write_text(json.dumps({"data": description}))
    network = NetworkConfig(**NETWORK)
    weights = initial_weights(build_graph(network), 0)
    save_weights(run / "weights.safetensors", network, weights, {"licence": "CC BY 4.0", "steps": "7", "HOTA": "0.5"})
    made = write_repository(run / "weights.safetensors", tmp_path / "yard")
    data = (made.folder / "DATA.md").read_text()
    assert "| yard | 2 |" in data
    assert "| zoo |  |" in data
    card = (made.folder / "README.md").read_text()
    assert card.split("## Licence\n")[1].strip() == "CC BY 4.0"
    assert "| Steps | 7 |" in card
    with pytest.raises(InputError, match="no such weight file"):
        write_repository(tmp_path / "absent.safetensors", tmp_path / "other")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", ["hf:street", "hf:/street", "hf:me/", "hf:a/b/c"])
def test_an_address_has_an_owner_and_a_name(name):
    assert is_hub_address(name)
    assert is_hub_address(Path(name))
    with pytest.raises(InputError, match="expected hf:OWNER/NAME"):
        fetch_weights(name)
    assert not is_hub_address("hf/street.safetensors")


def test_without_the_extra_it_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    result = CliRunner().invoke(app, ["track", "a.mp4", "--weights", "hf:me/street"])
    assert isinstance(result.exception, InputError)
    assert "\n" not in str(result.exception)
    assert str(result.exception).startswith("hf:me/street: ")
    assert str(result.exception).endswith("pip install 'fairmot[hub]'")

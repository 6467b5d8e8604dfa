"""The command, its documentation and its end; streams."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import loopback
import pytest
import walkers
from typer.testing import CliRunner

import fairmot.serve.server
from fairmot.cli import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if "fairmot serve" in line]


@pytest.mark.parametrize("line", COMMANDS)
def test_the_documented_commands_start(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    begun = []

    def serve(settings, model, started):
        begun.append(settings)
        started(fairmot.serve.server.page_address(settings))

    monkeypatch.setattr(fairmot.serve.server, "serve", serve)
    words = shlex.split(line.replace("$(", "").replace(")", ""), posix=True)
    words = words[words.index("serve") :]
    environment = {"FAIRMOT_SERVE_TOKEN": "of-sixteen-or-more"} if "FAIRMOT_SERVE_TOKEN" in line else {}
    result = CliRunner().invoke(app, [*words, "--input-size", "64x64", "--engine", "onnxruntime"], env=environment)
    assert result.exit_code == 0, (result.output, result.exception)
    assert re.search(r"http://[\w.-]+:80[08]0/\n", result.stdout)
    (settings,) = begun
    if "--jobs 2" in line:
        assert (settings.jobs, settings.max_upload_bytes, settings.max_seconds) == (2, 512 * 2**20, 600)
        assert (settings.port, settings.folder) == (8080, Path("jobs"))
    assert settings.allow_streams is ("--allow-streams" in line)
    assert settings.allow_paths == (Path("videos") if "--allow-paths" in line else None)
    assert settings.token == (environment.get("FAIRMOT_SERVE_TOKEN"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--host", "0.0.0.0"], "FAIRMOT_SERVE_TOKEN"),
        (["--allow-paths", "absent"], "absent: no such folder"),
        (["--max-minutes", "0"], "max seconds 0"),
        (["--weights", "absent.safetensors"], "absent.safetensors"),
    ],
)
def test_mistakes_are_one_line(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fairmot", "serve", *words])
    with pytest.raises(SystemExit) as ended:
        fairmot.cli.main()
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


def test_a_port_that_is_taken(start, tmp_path):
    from dataclasses import replace

    from fairmot.errors import InputError

    server = start()
    with pytest.raises(InputError, match="cannot listen there"):
        fairmot.serve.server.serve(replace(server.settings, folder=tmp_path / "other"), server.service.model)


@pytest.mark.parametrize("protocol", [socket.IPPROTO_TCP, 0])
def test_answers_come_without_delay(start, monkeypatch, protocol):
    """Small packets do not wait for each other, 40 ms an answer; the twin listens without the protocol stated."""
    if not protocol:
        monkeypatch.setattr(fairmot.serve.server.socket, "IPPROTO_TCP", 0)
    server = start()
    server.client.get("/api/server")
    (connection,) = server.server.server_state.connections
    accepted = connection.transport.get_extra_info("socket")
    assert bool(accepted.getsockopt(6, socket.TCP_NODELAY)) is bool(protocol)


def test_the_command_serves_and_ends_with_ctrl_c(tmp_path, film, wait_until):
    """The documented requests, sent to the real command; then Ctrl-C while a client watches."""
    program = [sys.executable, "-c", "from fairmot.cli import main; main()"]
    options = ["serve", "--port", "0", "--input-size", "64x64", "--engine", "onnxruntime"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen([*program, *options], cwd=tmp_path, env=environment, stdout=-1, stderr=-1, text=True)
    try:
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        if shutil.which("curl"):
            requests = "".join(block for block in BLOCKS if "curl" in block)
            shutil.copy(film, tmp_path / "street.mp4")
            script = "set -euo pipefail\n" + requests.replace("http://127.0.0.1:8000/", address)
            environment = {**environment, "no_proxy": "*"}
            subprocess.run(["bash", "-c", script], cwd=tmp_path, check=True, timeout=60, env=environment)
            assert (tmp_path / "tracks.txt").is_file()
            assert (tmp_path / "tracks.mp4").stat().st_size > 1000
            assert (tmp_path / "first.jpg").read_bytes().startswith(b"\xff\xd8")
            counts = json.loads((tmp_path / "tracks.counts.json").read_text())
            assert [each["name"] for each in counts["lines"] + counts["zones"]] == ["door", "left half"]
        client = httpx.Client(base_url=address, trust_env=False, timeout=10)
        assert client.get("/api/server").json()["detector"] == "lite in onnxruntime at 64x64"
        with client.stream("GET", "/api/events") as events:
            assert next(events.iter_lines()) == "retry: 1000"
            begun = time.monotonic()
            server.send_signal(signal.SIGINT)
            out, errors = server.communicate(timeout=15)
        assert time.monotonic() - begun < 8
        assert (server.returncode, out) == (0, "")
        assert errors.splitlines() == ["lite in onnxruntime at 64x64; Ctrl-C ends"]
        client.close()
    finally:
        server.kill()
        server.communicate()


def test_a_stream_is_watched_and_cancelled(start, slow, wait_until):
    server = start(slow(), allow_streams=True)
    with loopback.RtspServer([walkers.street(index) for index in range(40)]) as camera:
        secret = camera.address.replace("rtsp://", "rtsp://user:password@")
        answer = server.client.post("/api/jobs", json={"stream": secret})
        assert answer.status_code == 201, answer.text
        job_id = answer.json()["id"]
        assert "password" not in answer.text
        wait_until(lambda: server.job(job_id)["state"] == "running")
        images = 0
        with server.client.stream("GET", f"/api/jobs/{job_id}/live") as live:
            for piece in live.iter_bytes():
                images += piece.count(b"Content-Type: image/jpeg")
                if images >= 3:
                    break
        assert server.job(job_id)["frame_total"] is None
    # It is gone now; reconnecting would take half a minute.
    time.sleep(0.3)
    begun = time.monotonic()
    server.client.post(f"/api/jobs/{job_id}/cancel")
    job = server.ended(job_id)
    assert time.monotonic() - begun < 10
    assert (job["state"], job["identities"] >= 1) == ("cancelled", True)
    assert "password" not in json.dumps(job)
    assert "password" not in server.client.get(f"/api/jobs/{job_id}/results/run.json").text
    assert not any(b"password" in path.read_bytes() for path in server.settings.folder.rglob("*") if path.is_file())


def test_a_stream_ends_at_the_limit(start, slow):
    server = start(slow(), allow_streams=True, max_seconds=0.4)
    with loopback.RtspServer([walkers.street(index) for index in range(40)]) as camera:
        job = server.ended(server.client.post("/api/jobs", json={"stream": camera.address}).json()["id"])
    assert (job["state"], job["problem"]) == ("done", "stopped after 0.4 s, the limit of this server")
    assert 0 < job["frames"] < 30

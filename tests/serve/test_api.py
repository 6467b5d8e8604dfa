"""The API over real connections: upload, progress, results, cancelling, refusals."""

import json
import sqlite3

import numpy as np
import pytest

from fairmot.workflows.track.track import track


def test_an_upload_is_tracked_as_the_command_tracks_it(shared, film, tmp_path, slow):
    answer = shared.upload(film)
    assert answer.status_code == 201
    begun = answer.json()
    assert (begun["name"], begun["kind"], begun["frame_total"]) == ("street.mp4", "upload", 24)
    job = shared.ended(begun["id"])
    assert (job["state"], job["problem"], job["frames"], job["identities"]) == ("done", None, 24, 2)
    assert [result["name"] for result in job["results"]] == [
        "tracks.txt",
        "tracks.mp4",
        "report.html",
        "run.json",
        "poster.jpg",
    ]
    (run,) = track(film, slow(), output=tmp_path / "out", video=False)
    rows = shared.client.get(f"/api/jobs/{job['id']}/results/tracks.txt").text
    assert rows == run.text.read_text()
    with pytest.raises(AssertionError):  # the twin: one number differs
        assert rows == run.text.read_text().replace("1,1,", "1,2,", 1)
    made_from = shared.client.get(f"/api/jobs/{job['id']}/results/run.json").json()["sources"]["tracks"]["source"]
    assert made_from == "street.mp4"
    # The upload itself is gone.
    assert list((shared.settings.folder / "sources").iterdir()) == []


def test_results_are_named_after_the_source_and_sent_in_ranges(shared, film):
    job = shared.ended(shared.upload(film, 'two "words" über.mov').json()["id"])
    url = f"/api/jobs/{job['id']}/results/tracks.mp4"
    whole = shared.client.get(url, params={"download": True})
    assert whole.headers["content-disposition"] == "attachment; filename*=utf-8''two%20%22words%22%20%C3%BCber.mp4"
    part = shared.client.get(url, headers={"range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, whole.content[4:8])
    page = shared.client.get(f"/api/jobs/{job['id']}/results/report.html")
    assert page.headers["content-type"].startswith("text/html")
    assert "connect-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for name in ("absent.txt", "..%2F..%2Fjobs.sqlite3", "jobs.sqlite3"):
        assert shared.client.get(f"/api/jobs/{job['id']}/results/{name}").status_code == 404


@pytest.mark.parametrize("name", ["../../evil.mp4", "/etc/passwd", "a\x00b\n.mp4", "..", "C:\\x\\y.mp4", "‮4pm.exe"])
def test_names_of_clients_are_no_paths(shared, film, name):
    before = {path for path in shared.settings.folder.parent.rglob("*") if path.is_file()}
    job = shared.upload(film, name).json()
    assert not set(job["name"]) & set("/\\\0\n‮")
    assert job["name"]
    shared.ended(job["id"])
    made = {path for path in shared.settings.folder.parent.rglob("*") if path.is_file()} - before
    own = {shared.settings.folder / "results" / job["id"], shared.settings.folder / "frames"}
    assert {path.parent for path in made} == own


def test_what_is_no_video_is_refused_and_not_kept(shared, film, tmp_path):
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n{film}\n#EXT-X-ENDLIST\n"
    # FFmpeg opens this one: it would read any file of the server.
    listed = f"ffconcat version 1.0\nfile {film.name}\n"
    for content in (b"", b"hello\n" * 50, playlist.encode(), listed.encode(), film.read_bytes()[:200], b"\x89PNG\r\n"):
        path = tmp_path / "upload.mp4"
        path.write_bytes(content)
        answer = shared.upload(path)
        assert answer.status_code == (422 if content else 400)
        assert str(shared.settings.folder) not in answer.text
        assert "\n" not in answer.json()["detail"]
    assert list((shared.settings.folder / "sources").iterdir()) == []


def test_a_cut_video_is_tracked_as_far_as_it_goes(shared, tmp_path, film):
    import av

    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    with av.open(str(film)) as source, av.open(str(whole), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    job = shared.ended(shared.upload(cut).json()["id"])
    assert job["state"] == "done"
    assert 0 < job["frames"] < 24
    assert job["problem"].startswith("cut.mkv: the video is cut off")


def test_limits(start, film, slow, tmp_path):
    detector = slow()
    server = start(detector, max_upload_bytes=film.stat().st_size, max_waiting=1)
    detector.hold()
    first = server.upload(film).json()["id"]
    assert detector.reached.wait(10)
    second = server.upload(film)
    assert second.status_code == 201
    third = server.upload(film)
    assert (third.status_code, third.headers["retry-after"]) == (429, "60")
    large = tmp_path / "large.mp4"
    large.write_bytes(film.read_bytes() + b"\0")
    assert server.upload(large).status_code == 413
    # Also where no length is stated.
    unstated = server.client.post("/api/uploads", content=(large.read_bytes() for _ in range(1)))
    assert unstated.status_code == 413
    assert len(list((server.settings.folder / "sources").iterdir())) == 2
    detector.go_on.set()
    assert server.ended(first)["state"] == server.ended(second.json()["id"])["state"] == "done"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ({"max_seconds": 0.5}, "at most 0.5 s"),
        ({"max_frames": 20}, "at most 20 are"),
        ({"max_pixels": 320 * 239}, "too large"),
    ],
)
def test_long_and_large_videos_are_refused(start, film, limit, words):
    answer = start(**limit).upload(film)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_full_disk_refuses_uploads(start, film):
    assert start(min_free_bytes=2**60).upload(film).status_code == 507


def test_cancelling_keeps_what_was_tracked(start, film, slow):
    detector = slow(0.02)
    server = start(detector)
    running = server.upload(film).json()["id"]
    assert detector.reached.wait(10)
    detector.hold()
    waiting = server.upload(film).json()["id"]
    assert server.client.delete(f"/api/jobs/{running}").status_code == 409
    assert server.client.post(f"/api/jobs/{waiting}/cancel").json()["state"] == "cancelled"
    assert server.client.post(f"/api/jobs/{running}/cancel").status_code == 200
    detector.go_on.set()
    job = server.ended(running)
    assert job["state"] == "cancelled"
    assert 0 < job["frames"] < 24
    rows = np.loadtxt(
        server.client.get(f"/api/jobs/{running}/results/tracks.txt").text.splitlines(), delimiter=",", ndmin=2
    )
    assert rows[:, 0].max() == job["frames"]
    assert server.client.post(f"/api/jobs/{running}/cancel").status_code == 409
    assert server.client.delete(f"/api/jobs/{running}").status_code == 204
    assert server.client.get(f"/api/jobs/{running}").status_code == 404
    assert not (server.settings.folder / "results" / running).exists()


def test_live_images_and_events(start, film, slow, wait_until):
    detector = slow(0.06)
    server = start(detector)
    with server.client.stream("GET", "/api/events") as events:
        lines = events.iter_lines()
        job_id = server.upload(film).json()["id"]
        wait_until(lambda: server.job(job_id)["state"] == "running")
        with server.client.stream("GET", f"/api/jobs/{job_id}/live") as live:
            assert live.headers["content-type"] == "multipart/x-mixed-replace; boundary=fairmot-frame"
            body = b"".join(live.iter_bytes())  # it ends with the job
        received = []
        for line in lines:
            if line.startswith("data: "):
                received.append(json.loads(line.removeprefix("data: ")))
                if received[-1]["state"] == "done":
                    break
    images = [part.partition(b"\r\n\r\n")[2] for part in body.split(b"--fairmot-frame\r\n")[1:-1]]
    assert len(set(images)) >= 4
    assert all(image.startswith(b"\xff\xd8") and image.endswith(b"\xff\xd9\r\n") for image in images)
    counts = [job["frames"] for job in received]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3
    assert server.client.get(f"/api/jobs/{job_id}/live").status_code == 409


def test_a_job_that_breaks_does_not_stop_the_next(start, film, slow):
    detector = slow()
    server = start(detector)
    detector.seconds = -1  # time.sleep refuses
    broken = server.ended(server.upload(film).json()["id"])
    assert (broken["state"], broken["problem"]) == ("failed", "internal error (ValueError)")
    assert broken["can_restart"] is False
    detector.seconds = 0
    assert server.ended(server.upload(film).json()["id"])["state"] == "done"


def test_a_full_disk_does_not_stop_the_queue(start, film, monkeypatch, wait_until):
    server = start()
    write, failed = server.service.store.change, []

    def change(job_id, *states, **values):
        if not failed:
            failed.append(job_id)
            raise sqlite3.OperationalError("database or disk is full")
        return write(job_id, *states, **values)

    monkeypatch.setattr(server.service.store, "change", change)
    lost = server.upload(film).json()["id"]
    wait_until(lambda: failed)
    assert server.ended(server.upload(film).json()["id"])["state"] == "done"
    server.stop()
    assert start().job(lost)["state"] == "interrupted"


def test_the_description_names_every_route_and_its_refusals(shared):
    description = shared.client.get("/api/openapi.json").json()
    routes = {(method, path) for path, methods in description["paths"].items() for method in methods}
    assert routes == {
        ("get", "/api/server"),
        ("post", "/api/uploads"),
        ("get", "/api/jobs"),
        ("post", "/api/jobs"),
        ("get", "/api/jobs/{job_id}"),
        ("delete", "/api/jobs/{job_id}"),
        ("post", "/api/jobs/{job_id}/cancel"),
        ("post", "/api/jobs/{job_id}/start"),
        ("post", "/api/jobs/{job_id}/restart"),
        ("get", "/api/jobs/{job_id}/frame"),
        ("get", "/api/jobs/{job_id}/results/{name}"),
        ("get", "/api/jobs/{job_id}/live"),
        ("get", "/api/events"),
    }
    assert {"413", "422", "429", "507"} <= description["paths"]["/api/uploads"]["post"]["responses"].keys()
    assert shared.client.get("/api/server").json()["limits"]["max_seconds"] == 3600


def test_every_refusal_is_one_line(shared):
    requests = {
        "/api/jobs": ({"content": b"{"}, 422, "body.1: JSON decode error"),
        "/api/jobs/absent/cancel": ({}, 404, "no such job"),
        "/api/jobs/0123456789abcdef/cancel": ({}, 404, "no such job"),
        f"/api/uploads?name={'x' * 501}": ({}, 422, "query.name: String should have at most 500 characters"),
    }
    for address, (content, code, message) in requests.items():
        answer = shared.client.post(address, headers={"content-type": "application/json"}, **content)
        assert (answer.status_code, answer.json()) == (code, {"detail": message})
    schemas = shared.client.get("/api/openapi.json").text
    assert "HTTPValidationError" not in schemas

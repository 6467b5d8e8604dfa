"""What outlives a server: jobs, results, the queue; what a crash leaves behind."""

import sqlite3

import pytest

from fairmot.errors import InputError
from fairmot.serve.store import Job, JobStore, new_id
from fairmot.serve.views import can_restart


def test_results_and_the_queue_survive(start, film, slow):
    detector = slow(0.02)
    server = start(detector)
    done = server.ended(server.upload(film).json()["id"])
    rows = server.client.get(done["results"][0]["url"]).text
    detector.reached.clear()
    running = server.upload(film).json()["id"]
    waiting = server.upload(film).json()["id"]
    assert detector.reached.wait(10)
    server.stop()

    again = start(slow())
    assert again.job(done["id"]) == done
    assert again.client.get(done["results"][0]["url"]).text == rows
    interrupted = again.job(running)
    assert (interrupted["state"], interrupted["can_restart"]) == ("interrupted", True)
    # Stopped properly: the files are whole up to there.
    assert 0 < interrupted["frames"] < 24
    assert "tracks.mp4" in [result["name"] for result in interrupted["results"]]
    assert again.ended(waiting)["state"] == "done"
    assert again.client.post(f"/api/jobs/{running}/restart").status_code == 200
    assert again.client.post(f"/api/jobs/{running}/restart").status_code == 409
    assert again.ended(running)["frames"] == 24
    assert again.client.get(f"/api/jobs/{running}/results/tracks.txt").text == rows


def test_permissions_are_those_of_the_server_that_runs_the_job(start, film, slow, tmp_path):
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "street.mp4").write_bytes(film.read_bytes())
    detector = slow()
    server = start(detector, allow_paths=folder)
    detector.hold()
    server.upload(film)
    assert detector.reached.wait(10)
    waiting = [server.client.post("/api/jobs", json={"path": "street.mp4"}).json()["id"] for _ in range(2)]
    server.stop()
    again = start(slow(), folder=server.settings.folder)
    for job_id in waiting:
        job = again.ended(job_id)
        assert (job["state"], "paths are not permitted" in job["problem"]) == ("failed", True)


def test_a_crash_leaves_an_interrupted_job(tmp_path):
    store = JobStore(tmp_path)
    ids = [new_id() for _ in range(2)]
    for number, job_id in enumerate(ids):
        assert store.add(Job(job_id, "a.mp4", "upload", "x", created=float(number)), 9)
        store.source_file(job_id).write_bytes(b"video")
    assert store.take().id == ids[0]
    store.result_folder(ids[0]).mkdir()
    (store.result_folder(ids[0]) / ".tracks.1.part.txt").write_text("half")
    store.source_file(new_id()).write_bytes(b"an upload that was under way")
    (tmp_path / "sources" / "notes").write_text("not a job's")
    store.close()  # a crash would do no more

    store = JobStore(tmp_path)
    assert store.recover() == [ids[0]]
    assert [job.state for job in store.all()] == ["interrupted", "queued"]
    assert list(store.result_folder(ids[0]).iterdir()) == []
    assert sorted(path.name for path in (tmp_path / "sources").iterdir()) == sorted([*ids, "notes"])
    assert store.recover() == []
    store.close()


SECRET = "rtsp://camera/live?token=unforgotten"


def test_secrets_of_addresses_are_not_written(tmp_path):
    """A server keeps them in memory; after it the job asks for the address again. Plain addresses stay."""
    store = JobStore(tmp_path)
    secret, waiting, plain = (new_id() for _ in range(3))
    for number, (job_id, address) in enumerate([(secret, SECRET), (waiting, SECRET), (plain, "rtsp://camera/live")]):
        assert store.add(Job(job_id, "live", "stream", address, created=float(number)), 9)
    assert store.take().source == store.get(secret).source == SECRET
    assert store.change(secret, state="interrupted")
    assert can_restart(store.get(secret), store)
    assert not written(tmp_path, "unforgotten")
    assert written(tmp_path, "rtsp://camera/live")
    store.close()

    store = JobStore(tmp_path)
    store.recover()
    assert not can_restart(store.get(secret), store)
    assert (store.get(waiting).state, can_restart(store.get(waiting), store)) == ("failed", False)
    assert store.get(waiting).problem.endswith("addresses with passwords are not stored: add the stream again")
    assert store.take().source == "rtsp://camera/live"
    store.close()


def test_secrets_that_an_earlier_version_wrote_are_removed(tmp_path):
    JobStore(tmp_path).close()
    database = sqlite3.connect(tmp_path / "jobs.sqlite3")
    database.execute(
        "INSERT INTO jobs VALUES "
        "('0123456789abcdef', 'a', 'stream', ?, 'failed', 1, 1, 1, 0, 0, 0, 0, 0, 0, NULL, '{}')",
        (SECRET,),
    )
    database.commit()
    database.close()
    assert written(tmp_path, "unforgotten")
    JobStore(tmp_path).close()
    assert not written(tmp_path, "unforgotten")


def written(folder, text):
    """Whether any file holds a text."""
    return any(text.encode() in path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_two_servers_do_not_share_a_folder(tmp_path):
    first = JobStore(tmp_path)
    with pytest.raises(InputError, match="another server uses this folder"):
        JobStore(tmp_path)
    first.close()
    JobStore(tmp_path).close()


def test_a_folder_that_cannot_be_used(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be stored here"):
        JobStore(tmp_path / "file")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "jobs.sqlite3").write_bytes(b"no database " * 100)
    with pytest.raises(InputError, match="not a job database"):
        JobStore(tmp_path / "broken")
    JobStore(tmp_path / "newer").close()
    database = sqlite3.connect(tmp_path / "newer" / "jobs.sqlite3")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(InputError, match="newer version"):
        JobStore(tmp_path / "newer")


@pytest.mark.parametrize("job_id", ["", "..", "0123456789abcde/", "0123456789ABCDEF", "0123456789abcdef\n"])
def test_only_ids_of_jobs_become_paths(tmp_path, job_id):
    store = JobStore(tmp_path)
    try:
        with pytest.raises(ValueError, match="not the id of a job"):
            store.result_folder(job_id)
    finally:
        store.close()

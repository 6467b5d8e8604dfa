"""Options of a job: they mean what they mean for ``fairmot track``; jobs that are held until lines are drawn."""

import json
import sqlite3

import av
import cv2
import numpy as np
import pytest

from fairmot.config import load_tracker_config
from fairmot.media.outputs.outputs import Outputs
from fairmot.media.outputs.places import Line, Zone
from fairmot.serve.store import JobStore
from fairmot.workflows.track.track import track

ZONES = {"yard": [[0, 0], [200, 0], [200, 239], [0, 239]]}
QUERY = {
    "name": "street.mp4",
    "tracker": "byte",
    "confidence": 0.5,
    "blur": True,
    "line": ["door=160,0,160,239", "gate=60,0,60,239"],
    "zones": json.dumps(ZONES),
    "anchor": "centre",
}


def frames_of(path):
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)])


def test_a_job_is_tracked_as_the_command_tracks_it(shared, film, tmp_path, slow):
    answer = shared.client.post("/api/uploads", params=QUERY, content=film.read_bytes())
    assert answer.status_code == 201, answer.text
    assert answer.json()["options"] == {
        "tracker": "byte",
        "confidence": 0.5,
        "blur": True,
        "lines": QUERY["line"],
        "zones": ZONES,
        "anchor": "centre",
    }
    job = shared.ended(answer.json()["id"])
    assert (job["state"], job["problem"]) == ("done", None)
    zone = Zone("yard", tuple((float(x), float(y)) for x, y in ZONES["yard"]))
    lines = (Line("door", (160.0, 0.0), (160.0, 239.0)), Line("gate", (60.0, 0.0), (60.0, 239.0)))
    outputs = Outputs(lines=lines, zones=(zone,), anchor="centre", blur=True)
    (run,) = track(film, slow(), load_tracker_config("byte", 0.5), output=tmp_path / "out", outputs=outputs)
    for ending in (".txt", ".lines.csv", ".zones.csv", ".counts.json"):
        own = shared.client.get(f"/api/jobs/{job['id']}/results/tracks{ending}")
        assert own.status_code == 200
        assert own.text == (tmp_path / "out" / f"street{ending}").read_text()
    assert run.counts is not None
    shown = {(each["name"], each["came_in"], each["went_out"]) for each in job["counts"] if each["kind"] == "line"}
    assert shown == {(each["name"], each["in"], each["out"]) for each in run.counts["lines"]}
    assert any(came_in or went_out for _, came_in, went_out in shown)
    film_of_job = tmp_path / "job.mp4"
    film_of_job.write_bytes(shared.client.get(f"/api/jobs/{job['id']}/results/tracks.mp4").content)
    drawn = frames_of(film_of_job)
    np.testing.assert_array_equal(drawn, frames_of(run.video))
    # The twin: other options, another video and other parameters.
    (plain,) = track(film, slow(), output=tmp_path / "plain")
    assert not np.array_equal(drawn, frames_of(plain.video))
    parameters = json.loads(shared.client.get(f"/api/jobs/{job['id']}/results/run.json").text)["tracker"]
    assert (parameters["confidence"], parameters["second_pass"]) == (0.5, load_tracker_config("byte").second_pass)


def test_blurred_people_are_shown_nowhere(shared, film):
    """The live view and the poster are made of the drawn frames; the first frame is not kept."""
    job = shared.client.post("/api/uploads", params={"blur": True}, content=film.read_bytes()).json()
    assert job["frame"] is None
    assert shared.client.get(f"/api/jobs/{job['id']}/frame").status_code == 404
    held = shared.client.post("/api/uploads", params={"blur": True, "hold": True}, content=film.read_bytes()).json()
    assert shared.client.get(held["frame"]).status_code == 200  # whoever draws has to see it
    shared.client.post(f"/api/jobs/{held['id']}/start")
    plain = shared.upload(film).json()
    sharp = []
    for each in (job, held, plain):
        ended = shared.ended(each["id"])
        assert (ended["frame"] is None) is (each is not plain)
        image = shared.client.get(f"/api/jobs/{each['id']}/results/poster.jpg").content
        grey = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_GRAYSCALE)
        sharp.append((grey > 230).mean())  # the brighter person
    assert max(sharp[:2]) < sharp[2] / 2


def test_a_held_job_waits_for_its_start(start, film):
    server = start()
    held = server.client.post(
        "/api/uploads", params={"hold": True, "tracker": "byte"}, content=film.read_bytes()
    ).json()
    assert held["state"] == "held"
    image = cv2.imdecode(np.frombuffer(server.client.get(held["frame"]).content, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (240, 320, 3)
    assert server.ended(server.upload(film).json()["id"])["state"] == "done"
    assert server.job(held["id"])["state"] == "held"
    assert server.client.delete(f"/api/jobs/{held['id']}").status_code == 409
    server.stop()

    again = start()  # it outlives the server
    address = f"/api/jobs/{held['id']}/start"
    far = again.client.post(address, json={"lines": ["door=5000,0,5000,10"]})
    assert (far.status_code, far.json()["detail"].startswith("door: a point lies far outside")) == (422, True)
    assert again.client.post(address, json={"tracker": "byte", "lines": ["door=160,0,160,239"]}).status_code == 200
    job = again.ended(held["id"])
    assert (job["state"], [each["name"] for each in job["counts"]]) == ("done", ["door"])
    assert again.client.post(address).status_code == 409
    other = again.client.post("/api/uploads", params={"hold": True}, content=film.read_bytes()).json()
    assert again.client.post(f"/api/jobs/{other['id']}/cancel").json()["state"] == "cancelled"
    assert again.client.delete(f"/api/jobs/{other['id']}").status_code == 204
    assert again.client.get(other["frame"]).status_code == 404


def test_paths_take_options_too(shared, film):
    (shared.settings.allow_paths / "yard.mp4").write_bytes(film.read_bytes())
    body = {"path": "yard.mp4", "options": {"confidence": 0.3, "lines": ["160,0,160,239"]}}
    job = shared.ended(shared.client.post("/api/jobs", json=body).json()["id"])
    assert (job["state"], job["options"]["confidence"], job["counts"][0]["name"]) == ("done", 0.3, "line 1")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (
            {"tracker": "/etc/hosts.yaml"},
            "query.tracker: unknown tracker preset '/etc/hosts.yaml'; there are: fairmot,",
        ),
        ({"confidence": 2}, "query.confidence: Input should be less than or equal to 1"),
        ({"line": "door"}, "query: line door: expected x1,y1,x2,y2"),
        ({"zones": "{"}, "query.zones: Input should be a valid dictionary"),
        ({"zones": '{"yard": [[0, 0], [1, 1]]}'}, "query: zones: yard: expected three points or more"),
        ({"anchor": "head"}, "query.anchor: Input should be 'feet' or 'centre'"),
        ({"line": "door=9000,0,9000,9"}, "door: a point lies far outside of the frame"),
    ],
)
def test_options_that_cannot_be_used_are_refused(shared, film, query, message):
    before = len(shared.client.get("/api/jobs").json())
    answer = shared.client.post("/api/uploads", params=query, content=film.read_bytes())
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(message), answer.json()
    assert len(shared.client.get("/api/jobs").json()) == before


def test_a_queue_of_an_earlier_version_is_taken_over(tmp_path):
    JobStore(tmp_path).close()
    database = sqlite3.connect(tmp_path / "jobs.sqlite3")
    database.execute("ALTER TABLE jobs DROP COLUMN options")
    database.execute(
        "INSERT INTO jobs VALUES ('0123456789abcdef', 'a.mp4', 'path', 'a', 'queued', 1, 1, 1, 0, 0, 0, 0, 0, 0, NULL)"
    )
    database.execute("PRAGMA user_version = 1")
    database.commit()
    database.close()
    store = JobStore(tmp_path)
    job = store.get("0123456789abcdef")
    assert (job.name, job.state, job.options) == ("a.mp4", "queued", "{}")
    store.close()

"""Access control: host, origin, token; what clients may name."""

import http.client
import json
import urllib.parse

import pytest

from fairmot.errors import InputError
from fairmot.serve.settings import Settings

TOKEN = "a-secret-of-enough-letters"


def send(server, method, path, headers=None, body=None):
    """Send a raw request with exactly these headers; return status and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.settings.port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("192.168.0.7", 421),
        ("", 421),
        ("[", 421),
        ("localhost@evil.example", 421),
    ],
)
def test_a_name_that_was_made_to_lead_here_is_refused(shared, host, status):
    assert send(shared, "GET", "/api/server", {"Host": host})[0] == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 404),
        ({"Origin": "{own}"}, 404),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),  # another server of this machine
        ({"Sec-Fetch-Site": "same-origin"}, 404),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}, 403),  # a form
    ],
)
def test_pages_of_other_sites_cannot_act(shared, headers, status):
    headers = {name: value.replace("{own}", shared.url) for name, value in headers.items()}
    assert send(shared, "POST", "/api/jobs/0123456789abcdef/cancel", headers)[0] == status


def test_pages_of_other_sites_cannot_look_but_link(shared):
    looking = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert send(shared, "GET", "/api/jobs", looking)[0] == 403
    assert send(shared, "GET", "/", {**looking, "Sec-Fetch-Mode": "navigate"})[0] == 200


def test_every_answer_binds_the_browser(shared):
    for path in ("/", "/docs", "/api/jobs", "/assets/page.js", "/assets/absent.js", "/absent"):
        _, headers = send(shared, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_other_bodies_are_small(shared):
    body = b'{"path": "' + b"a" * 70_000 + b'"}'
    assert send(shared, "POST", "/api/jobs", {"Content-Type": "application/json"}, body)[0] == 413
    assert send(shared, "POST", "/login", {"Transfer-Encoding": "chunked"}, b"0\r\n\r\n")[0] == 413


def test_the_token_is_demanded_everywhere(start, film):
    server = start(token=TOKEN)
    closed = ("/", "/docs", "/api/jobs", "/api/events", "/api/openapi.json", "/assets/page.js")
    for path in closed:
        assert send(server, "GET", path)[0] == 401
        for wrong in (f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", f"Basic {TOKEN}", "Bearer \xff"):
            assert send(server, "GET", path, {"Authorization": wrong})[0] == 401
    assert send(server, "POST", "/api/uploads", {}, film.read_bytes())[0] == 401
    assert send(server, "GET", "/api/jobs", {"Authorization": f"Bearer {TOKEN}"})[0] == 200
    assert send(server, "GET", "/", {"Accept": "text/html"})[1]["location"] == "/login"


def test_a_browser_changes_the_token_for_a_cookie(start):
    server = start(token=TOKEN)
    post = {"Content-Type": "application/json", "Origin": server.url}
    assert send(server, "POST", "/login", post, json.dumps({"token": TOKEN + "x"}))[0] == 401
    status, headers = send(server, "POST", "/login", post, json.dumps({"token": TOKEN}))
    assert status == 204
    cookie = headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    given = cookie.split(";")[0]
    assert send(server, "GET", "/api/jobs", {"Cookie": given})[0] == 200
    assert send(server, "GET", "/api/jobs", {"Cookie": given[:-1] + "x"})[0] == 401
    assert send(server, "GET", "/api/jobs", {"Cookie": given.replace(given.split("=")[1], TOKEN)})[0] == 401


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "fairmot.example"])
def test_beyond_loopback_a_token_is_needed(host):
    with pytest.raises(InputError, match="FAIRMOT_SERVE_TOKEN"):
        Settings(host=host)
    with pytest.raises(InputError, match="16 or more"):
        Settings(host=host, token="short")
    assert Settings(host=host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_on_loopback_none_is_needed(host):
    assert Settings(host=host).token is None


def test_paths_lead_nowhere_else(shared, film):
    videos = shared.settings.allow_paths
    (videos / "yard").mkdir(exist_ok=True)
    (videos / "yard" / "monday.mp4").write_bytes(film.read_bytes())
    (videos / "out.mp4").symlink_to(film)
    (videos / "notes.txt").write_text("secret")
    answers = {
        path: shared.client.post("/api/jobs", json={"path": path})
        for path in ("out.mp4", "../jobs/jobs.sqlite3", str(film), "/etc/passwd", "yard", "absent", "a\0b", "", "~")
    }
    # The same answer for all, so that clients cannot learn what exists.
    assert {answer.status_code for answer in answers.values()} == {422}
    for path, answer in answers.items():
        assert answer.json()["detail"] == f"{path}: no such file in the permitted folder"
    assert shared.client.post("/api/jobs", json={"path": "notes.txt"}).status_code == 422
    made = shared.client.post("/api/jobs", json={"path": "yard/monday.mp4"})
    assert made.status_code == 201
    assert shared.ended(made.json()["id"])["state"] == "done"
    assert (videos / "yard" / "monday.mp4").is_file()  # what was not uploaded is not removed


def test_what_is_not_permitted_is_refused(start, shared, film):
    server = start()
    assert server.client.post("/api/jobs", json={"path": str(film)}).status_code == 403
    assert server.client.post("/api/jobs", json={"stream": "rtsp://127.0.0.1/x"}).status_code == 403
    assert shared.client.post("/api/jobs", json={"stream": "rtsp://127.0.0.1/x"}).status_code == 403
    assert server.client.post("/api/jobs", json={}).status_code == 422
    assert server.client.post("/api/jobs", json={"path": "a", "folder": "b"}).status_code == 422


def test_streams_are_addresses_of_streams(start, film):
    server = start(allow_streams=True)
    quoted = urllib.parse.quote(str(film))
    here = [f"file://{quoted}", f"file://localhost{quoted}", str(film), f"concat:{film}", f"subfile,,start,0,,:{film}"]
    for address in [*here, "0", "-", "video=Camera", "http://", "rtsp://a b/", "http://[", "data://x"]:
        answer = server.client.post("/api/jobs", json={"stream": address})
        assert (address, answer.status_code) == (address, 422)
        assert "expected the address of a stream" in answer.json()["detail"]
    # Nothing listens there, and a password is not repeated.
    answer = server.client.post("/api/jobs", json={"stream": "http://user:password@127.0.0.1:9/live"})
    assert answer.status_code == 422
    assert "password" not in answer.text

"""Servers on loopback that speak the real protocols: a transport stream or images over HTTP, RTSP over TCP."""

import contextlib
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av


@contextlib.contextmanager
def http_stream(bodies, kind="video/mp2t", pause=0.0, second_half=None):
    """Serve one chunked body a connection, the last of them again and again; yield its address and the connections.

    A body that is cut leaves its connection in the middle of a chunk, as a dying server does. The second half of each
    body waits for the event ``second_half``, if there is one.
    """
    connections = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            number = len(connections)
            connections.append(time.monotonic())
            body, is_whole = bodies[min(number, len(bodies) - 1)]
            if body is None:
                self.send_error(503)
                return
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with contextlib.suppress(OSError):
                for begin in range(0, len(body), 188 * 20):
                    if second_half is not None and 2 * begin > len(body):
                        second_half.wait(60)
                    piece = body[begin : begin + 188 * 20]
                    last = begin + len(piece) >= len(body)
                    size = len(piece) if is_whole or not last else len(piece) + 100
                    self.wfile.write(b"%x\r\n" % size + piece + (b"\r\n" if is_whole or not last else b""))
                    time.sleep(pause)
                if is_whole:
                    self.wfile.write(b"0\r\n\r\n")
            self.close_connection = True

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live", connections
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class RtspServer:
    """A server with one stream, motion JPEG, packets interleaved in the TCP connection (RFC 2326, RFC 2435).

    FFmpeg's own RTP muxer makes the packets; this hands them on.

    Args:
        images: BGR frames, sent again and again.
        rate: frames/s.
        dies_after: frames after which the first connection is cut, in the middle of a packet.
    """

    def __init__(self, images, rate=25, dies_after=None):
        self._images, self._rate, self._dies_after = images, rate, dies_after
        self._server = socket.create_server(("127.0.0.1", 0))
        self._stopped = threading.Event()
        self.requests = []
        self.address = f"rtsp://127.0.0.1:{self._server.getsockname()[1]}/street"
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._thread.join()
        self._server.close()

    def _serve(self):
        self._server.settimeout(0.05)
        number = 0
        while not self._stopped.is_set():
            try:
                client, _ = self._server.accept()
            except TimeoutError:
                continue
            with client, contextlib.suppress(OSError):
                client.settimeout(1)
                self._talk(client)
                self._play(client, self._dies_after if number == 0 else None)
            number += 1

    def _talk(self, client):
        sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=street\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:track1\r\n"
        sdp += f"a=framerate:{self._rate}\r\n"
        bodies = {"DESCRIBE": ("Content-Type: application/sdp\r\n", sdp)}
        heads = {
            "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
            "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
            "PLAY": "Session: 1\r\n",
        }
        text = b""
        while not self._stopped.is_set():
            received = client.recv(4096)
            if not received:
                raise ConnectionError
            text += received
            while b"\r\n\r\n" in text:
                request, text = text.split(b"\r\n\r\n", 1)
                lines = request.decode().split("\r\n")
                method = lines[0].split()[0]
                self.requests.append(method)
                sequence = next(line for line in lines if line.lower().startswith("cseq"))
                head, body = bodies.get(method, (heads.get(method, ""), ""))
                answer = f"RTSP/1.0 200 OK\r\n{sequence}\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}"
                client.sendall(answer.encode())
                if method == "PLAY":
                    return

    def _play(self, client, dies_after):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as packets:
            packets.bind(("127.0.0.1", 0))
            packets.setblocking(False)
            target = f"rtp://127.0.0.1:{packets.getsockname()[1]}"
            with av.open(target, "w", format="rtp", options={"rtcpport": "1", "pkt_size": "1400"}) as container:
                stream = container.add_stream("mjpeg", rate=self._rate, options={"huffman": "default"})
                stream.height, stream.width = self._images[0].shape[:2]
                stream.pix_fmt = "yuvj420p"
                count = 0
                while not self._stopped.is_set():
                    image = self._images[count % len(self._images)]
                    frame = av.VideoFrame.from_ndarray(image, format="bgr24")
                    frame.pts = count
                    container.mux(stream.encode(frame))
                    count += 1
                    time.sleep(1 / self._rate)
                    with contextlib.suppress(BlockingIOError):
                        while True:
                            packet = packets.recv(65536)
                            if count == dies_after:
                                client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet[: len(packet) // 2])
                                return
                            client.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)

"""HTTP/1.1 itself, octet by octet: what is none is refused and the connection closed,
nobody keeps one for ever, and no answer goes to another's request.
"""

import socket
import time
import uuid
from urllib.parse import urlsplit

import pytest

from paycore.api.wire import MAX_HEAD_OCTETS, WITHIN_S

MARK = b"zq7Xcanary"


@pytest.fixture
def speak(stack):
    """Send octets to the node on a connection of their own; all that comes back."""
    place = urlsplit(stack.nodes[0].info.api)

    def sent(*pieces: bytes, pause_s: float = 0.0, within_s: float = 5.0) -> bytes:
        with socket.create_connection((place.hostname, place.port)) as connection:
            connection.settimeout(within_s)
            heard = b""
            try:
                for piece in pieces:
                    connection.sendall(piece)
                    time.sleep(pause_s)
                while octets := connection.recv(65_536):
                    heard += octets
            except TimeoutError:
                return heard + b"<still open>"
            except ConnectionError:
                return heard + b"<reset>"
            return heard

    return sent


def head(method: bytes, path: bytes, *lines: bytes) -> bytes:
    """A request's head."""
    return b"\r\n".join(
        [method + b" " + path + b" HTTP/1.1", b"Host: x", *lines, b"", b""]
    )


CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    "octets",
    [
        b"\x00" * 100,
        MARK + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + MARK,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        head(b"GET", b"/healthz", b"Bad Header: " + MARK),
        head(b"GET", b"/healthz", b"X: a\x00b"),
        head(b"GET", b"/healthz", b" folded: " + MARK),
        head(b"GET", b"/heal thz"),
        head(b"POST", b"/v1/cards", b"Content-Length: x"),
        head(b"POST", b"/v1/cards", b"Content-Length: -1"),
        head(b"POST", b"/v1/cards", b"Content-Length: +1"),
        head(b"POST", b"/v1/cards", b"Content-Length: 1, 2"),
        head(b"POST", b"/v1/cards", b"Content-Length: 1", b"Content-Length: 2"),
        head(b"POST", b"/v1/cards", b"Content-Length: 2", b"Content-Length: 2"),
        head(b"POST", b"/v1/cards", b"Content-Length: 5", CHUNKED) + b"0\r\n\r\n",
        head(b"POST", b"/v1/cards", CHUNKED, b"Content-Length: 5") + b"0\r\n\r\n",
        head(b"POST", b"/v1/cards", b"Transfer-Encoding: chunked, x") + b"0\r\n\r\n",
        head(b"POST", b"/v1/cards", b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
        head(b"POST", b"/v1/cards", b"Content-Length: " + b"9" * 40),
    ],
)
def test_what_is_no_http_is_400_and_closed(speak, octets):
    """A problem document, `Connection: close`, nothing repeated, and the end."""
    heard = speak(octets)

    assert heard.startswith(b"HTTP/1.1 400 "), heard
    assert b"application/problem+json" in heard
    assert b'"code":"BAD_REQUEST"' in heard
    assert b"connection: close" in heard
    assert 1 == heard.count(b"HTTP/1.1 ")
    assert MARK not in heard
    assert b"<still open>" not in heard


@pytest.mark.parametrize(
    "pieces",
    [
        [head(b"GET", b"/" + b"a" * (MAX_HEAD_OCTETS + 1))],
        [head(b"GET", b"/healthz", b"X: " + b"a" * (MAX_HEAD_OCTETS + 1))],
        [head(b"GET", b"/healthz", *[b"X-%d: a" % n for n in range(6000)])],
        [b"GET /healthz HTTP/1.1\r\nX: ", *[b"a" * 8192] * 8],
        [b"GET /" + b"a" * 8192, *[b"a" * 8192] * 8],
    ],
)
def test_a_head_without_end_is_refused(speak, pieces):
    """Whether it comes at once or in pieces: 400 and closed."""
    heard = speak(*pieces, pause_s=0.01)

    assert heard.startswith(b"HTTP/1.1 400 ") or heard == b"<reset>", heard
    assert b"<still open>" not in heard


def test_a_head_of_a_fair_length_is_read(speak):
    """A long cookie or a long key is nobody's fault."""
    heard = speak(
        head(b"GET", b"/healthz", b"X: " + b"a" * 16_000, b"Connection: close")
    )

    assert heard.startswith(b"HTTP/1.1 200 "), heard


def test_a_chunk_that_is_none_ends_its_request(speak):
    """The body breaks in its middle: 400, and nothing of it was processed."""
    opened = head(b"POST", b"/v1/cards", CHUNKED)
    heard = speak(opened + b"zz\r\n" + MARK + b"\r\n0\r\n\r\n")

    assert heard.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ")), heard
    assert 1 == heard.count(b"HTTP/1.1 ")
    assert b"<still open>" not in heard


def test_the_answer_of_a_request_is_its_own(speak, payer):
    """Garbage behind a good request: its own answer comes, and then the end."""
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    no = payer.open().json()["pay_order_no"].encode()
    payer.stack.fault("bank.quick_*.enquire", "slow:0.5")
    close = head(
        b"POST",
        b"/v1/payments/" + no + b"/close",
        auth,
        b"Idempotency-Key: " + uuid.uuid4().hex.encode(),
        b"Content-Length: 2",
    )
    heard = speak(close + b"{}" + MARK + b" garbage\r\n\r\n")

    assert heard.startswith(b"HTTP/1.1 200 "), heard
    assert b'"biz_status":"CLOSED"' in heard
    assert 1 == heard.count(b"HTTP/1.1 ")
    assert b"<still open>" not in heard


def test_pipelined_requests_are_answered_in_order(speak):
    """Two behind one another, each with its own answer."""
    heard = speak(
        head(b"GET", b"/healthz") + head(b"GET", b"/nothing", b"Connection: close")
    )

    assert heard.startswith(b"HTTP/1.1 200 ")
    assert 2 == heard.count(b"HTTP/1.1 ")
    assert b"HTTP/1.1 404 " in heard


@pytest.mark.parametrize(
    "path",
    [b"//x/v1/payments", b"/x/../v1/payments", b"/v1/./payments", b"http://x/v1/cards"],
)
def test_a_path_is_what_it_says(speak, path):
    """Nothing is folded away: such a path is not ours, and asks for nothing."""
    heard = speak(head(b"GET", path, b"Connection: close"))

    assert heard.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 400 ", b"HTTP/1.1 401 "))


def test_no_other_protocol_is_spoken(speak):
    """An upgrade is not taken: the request is answered as what it is."""
    lines = (b"Upgrade: websocket", b"Connection: upgrade, close")
    heard = speak(head(b"GET", b"/healthz", *lines))

    assert heard.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 400 ")), heard
    assert b"101" not in heard.split(b"\r\n")[0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"", b""),
        (b"GET /healthz HTTP/1.1\r\nX: ", b"HTTP/1.1 408 "),
        (head(b"POST", b"/v1/cards", b"Content-Length: 9") + b"{", b"HTTP/1.1 "),
    ],
    ids=["nothing", "half a head", "half a body"],
)
def test_nobody_keeps_a_connection_for_ever(speak, said, status):
    """Who says nothing, or not all, is cut off after 15 s; what drips too."""
    began = time.monotonic()
    heard = speak(said, within_s=WITHIN_S + 5)

    assert b"<still open>" not in heard
    assert heard.startswith(status)
    assert time.monotonic() - began < WITHIN_S + 3


@pytest.mark.long
def test_a_dripping_body_is_cut_off(speak, payer):
    """A byte now and then does not buy more time; nothing is processed."""
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    one = b"Idempotency-Key: " + uuid.uuid4().hex.encode()
    opened = head(b"POST", b"/v1/cards", auth, one, b"Content-Length: 900")
    began = time.monotonic()
    heard = speak(opened, *[b" "] * 17, pause_s=1.0)

    assert time.monotonic() - began < WITHIN_S + 6
    assert heard == b"<reset>" or heard.startswith(b"HTTP/1.1 408 "), heard

"""HTTP/1.1 itself, octet by octet: what is none is refused and the connection closed,
nobody keeps one for ever, and no answer goes to another's request.
"""

import json
import re
import socket
import time
import uuid
from contextlib import ExitStack
from functools import partial
from urllib.parse import urlsplit

import pytest
from waiting import until

from paycore.api.wire import MAX_AHEAD, MAX_HEAD_OCTETS, WITHIN_S

MARK = b"zq7Xcanary"
SOON_S = WITHIN_S - 5
"""What is refused for what it is ends before what is cut off for its slowness would."""


@pytest.fixture
def speak(stack):
    """Send octets to the node on a connection of their own; all that comes back."""
    place = urlsplit(stack.nodes[0].info.api)

    def sent(*pieces: bytes, pause_s: float = 0.0, within_s: float = SOON_S) -> bytes:
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


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 8, 13])
def test_a_heads_length_is_the_same_however_it_comes(speak, pieces):
    """Just below the bound it is read and just above it is not, in one piece or in
    many: octets are counted once.
    """
    line = head(b"GET", b"/healthz", b"Connection: close", *[b"X: " + b"a" * 990] * 32)
    fair = line.replace(
        b"Host: x", b"Host: " + b"x" * (MAX_HEAD_OCTETS - 64 - len(line))
    )
    long = line.replace(
        b"Host: x", b"Host: " + b"x" * (MAX_HEAD_OCTETS + 64 - len(line))
    )
    good, refused = (b"HTTP/1.1 200 ",), (b"HTTP/1.1 400 ", b"<reset>")
    for octets, first in ((fair, good), (long, refused)):
        step = -(-len(octets) // pieces)
        parts = [octets[at : at + step] for at in range(0, len(octets), step)]

        assert speak(*parts, pause_s=0.02).startswith(first)


def test_half_a_head_behind_a_large_body_is_read(speak):
    """What came before in the same packet is none of the head's length."""
    body = b" " * (MAX_HEAD_OCTETS + 8192)
    first = head(b"POST", b"/v1/cards", b"Content-Length: %d" % len(body)) + body
    rest = b": x\r\nConnection: close\r\n\r\n"
    heard = speak(first + b"GET /healthz HTTP/1.1\r\nHost", rest, pause_s=0.2)

    assert heard.startswith(b"HTTP/1.1 401 "), heard
    assert b"HTTP/1.1 200 " in heard


def test_trailers_are_no_headers(speak, payer):
    """Who is not named in the head is nobody, whatever stands behind the body, in one
    packet or in several; and the next request has nothing of it either.
    """
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    one = b"Idempotency-Key: " + uuid.uuid4().hex.encode()
    body = json.dumps(payer.order()).encode()
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    opened = head(b"POST", b"/v1/quick-payments", CHUNKED)
    trailers = auth + b"\r\n" + one + b"\r\n\r\n"
    asked = head(b"GET", b"/v1/payments", b"Connection: close")
    for pieces in (
        [opened + chunks + trailers + asked],
        [opened, chunks, trailers, asked],
        [opened + chunks + auth, b"\r\n" + one + b"\r\n\r\n" + asked],
    ):
        heard = speak(*pieces, pause_s=0.05)

        assert heard.startswith(b"HTTP/1.1 401 "), heard
        assert 2 == heard.count(b"HTTP/1.1 401 ") == heard.count(b"HTTP/1.1 ")
    assert [] == payer.codes()


def test_a_trailer_does_not_take_the_place_of_a_header(speak, payer):
    """A good request with trailers is processed as its head says, and once."""
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    one = b"Idempotency-Key: " + uuid.uuid4().hex.encode()
    body = json.dumps(payer.order()).encode()
    chunks = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    lines = (auth, one, CHUNKED, b"Connection: close")
    opened = head(b"POST", b"/v1/quick-payments", *lines)
    trailers = b"Idempotency-Key: other\r\nPayer-Address: junk\r\n\r\n"
    heard = speak(opened + chunks + trailers)

    assert heard.startswith(b"HTTP/1.1 201 "), heard
    assert one.lower() in heard


@pytest.mark.parametrize("tail", [b"X: ", b"1;"], ids=["trailer", "chunk extension"])
def test_what_is_behind_a_body_has_an_end(speak, tail):
    """A trailer or a chunk's line without end is cut off as a head is."""
    chunks = b"0\r\n" if tail == b"X: " else b""
    opened = head(b"POST", b"/v1/cards", CHUNKED) + chunks + tail
    heard = speak(opened, *[b"a" * 8192] * 8, pause_s=0.01)

    assert heard.startswith(b"HTTP/1.1 401 ") or heard == b"<reset>", heard
    assert 1 >= heard.count(b"HTTP/1.1 ")
    assert b"<still open>" not in heard


@pytest.mark.parametrize(
    "name",
    [b"Host", b"Authorization", b"Idempotency-Key", b"Payer-Address", b"Content-Type"],
)
def test_what_is_there_once_is_not_there_twice(speak, payer, name):
    """400, whichever of the two is good: a proxy may have looked at the other."""
    lines = {
        b"Authorization": payer.api.headers["Authorization"].encode(),
        b"Idempotency-Key": uuid.uuid4().hex.encode(),
        b"Payer-Address": b"192.0.2.1",
        b"Content-Type": b"application/json",
    }
    said = [one + b": " + value for one, value in lines.items()]
    body = json.dumps(payer.order()).encode()
    said.append(b"Content-Length: %d" % len(body))
    for twice in ([name + b": other", *said], [*said, name.upper() + b": other"]):
        heard = speak(head(b"POST", b"/v1/quick-payments", b"Host: x", *twice) + body)

        assert heard.startswith(b"HTTP/1.1 400 "), heard
        assert b"is there twice" in heard
        assert b"<still open>" not in heard
    assert [] == payer.codes()


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


def test_who_asks_far_ahead_is_answered_so_far(speak):
    """Of requests without end in one packet the first are answered, and no more are
    worked on.
    """
    heard = speak(head(b"GET", b"/healthz") * 200)

    assert MAX_AHEAD == heard.count(b"HTTP/1.1 200 ") == heard.count(b"HTTP/1.1 ")
    assert b"<still open>" not in heard


def test_a_node_holds_so_many_connections(stack):
    """The next is told 503 and closed, and counted; who has one goes on with it; and
    one that ends makes room.
    """
    node = stack.start_node(connections=4)
    place = urlsplit(node.info.api)
    with ExitStack() as ends:

        def connected() -> socket.socket:
            made = socket.create_connection((place.hostname, place.port), timeout=60)
            return ends.enter_context(made)

        def figures() -> bytes:
            said = asked(held[0], b"/metrics")
            return said if b"paycore_http_connections 4.0" in said else b""

        held = [connected() for _ in range(4)]
        refused = b"".join(iter(partial(connected().recv, 65_536), b""))
        counted = until(figures)
        held.pop().close()
        # The node hears of its end a moment later; until then there is no room.
        until(lambda: asked(connected(), b"/healthz").startswith(b"HTTP/1.1 200 "))

        assert refused.startswith(b"HTTP/1.1 503 "), refused
        assert b'"code":"UNAVAILABLE"' in refused
        assert b"retry-after: 1" in refused
        assert counted.startswith(b"HTTP/1.1 200 ")
        assert b"paycore_http_connections_refused_total 1.0" in counted
    stack.nodes.remove(node)
    node.stop()


def asked(connection: socket.socket, path: bytes) -> bytes:
    """The answer on a connection that stays, or what came until it was ended."""
    heard = b""
    try:
        connection.sendall(head(b"GET", path))
        while octets := connection.recv(65_536):
            heard += octets
            said, _, body = heard.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", said)
            if length and len(body) >= int(length[1]):
                break
    except ConnectionError:
        pass
    return heard


@pytest.mark.parametrize(
    "path",
    [
        *(b"//x/v1/payments", b"/x/../v1/payments", b"/v1/./payments"),
        *(b"/v1//payments", b"/v1/payments/", b"/v1/%70ayments", b"/v1%2Fpayments"),
        *(b"//v1/desk/cases", b"/v1/desk//cases", b"/v1/%64esk/cases"),
        *(b"//metrics", b"/metrics/", b"/%6detrics", b"/%2Fmetrics", b"/metrics%2f"),
        *(b"//readyz", b"/readyz/", b"//healthz", b"/./healthz", b"//docs"),
    ],
)
def test_a_path_is_what_it_says(speak, payer, path):
    """Nothing is folded away: such a path is nobody's, whoever asks, as a proxy in
    front will think of it too.
    """
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    heard = speak(head(b"GET", path, auth, b"Connection: close"))

    assert heard.startswith(b"HTTP/1.1 404 "), heard
    assert b'"code":"NOT_FOUND"' in heard


def test_an_absolute_address_is_its_path(speak):
    """As RFC 9112 has it; and of no spelling but one there either."""
    close = b"Connection: close"

    assert speak(head(b"GET", b"http://x/healthz", close)).startswith(b"HTTP/1.1 200 ")
    assert speak(head(b"GET", b"http://x//healthz", close)).startswith(b"HTTP/1.1 404 ")


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
    heard = speak(said, within_s=4 * WITHIN_S)

    assert b"<still open>" not in heard
    assert heard.startswith(status)
    assert time.monotonic() - began < 3 * WITHIN_S


@pytest.mark.long
def test_a_dripping_body_is_cut_off(speak, payer):
    """A byte now and then does not buy more time; nothing is processed."""
    auth = b"Authorization: " + payer.api.headers["Authorization"].encode()
    one = b"Idempotency-Key: " + uuid.uuid4().hex.encode()
    opened = head(b"POST", b"/v1/cards", auth, one, b"Content-Length: 900")
    began = time.monotonic()
    heard = speak(opened, *[b" "] * 17, pause_s=1.0)

    # Had each octet bought as much again, it would have been open for twice as long.
    assert time.monotonic() - began < 2 * WITHIN_S
    assert heard == b"<reset>" or heard.startswith(b"HTTP/1.1 408 "), heard


@pytest.mark.long
def test_empty_lines_keep_nothing_open(stack):
    """What is no request holds a connection no longer than silence does."""
    place = urlsplit(stack.nodes[0].info.api)
    with socket.create_connection((place.hostname, place.port)) as connection:
        connection.sendall(head(b"GET", b"/healthz"))
        heard = b""
        while not heard.endswith(b'{"status":"ok"}'):
            heard += connection.recv(65_536)
        began = time.monotonic()
        connection.settimeout(4.0)
        for _ in range(15):
            try:
                connection.sendall(b"\r\n")
                assert b"" == connection.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            break

        assert time.monotonic() - began < 3 * WITHIN_S

"""The SMPP server over real TCP, by a client who packs his PDUs himself."""

import json
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest

SYSTEM, PASSWORD = "paycore", "secret12"
TRX, TX, RX = 0x09, 0x02, 0x01
SUBMIT, DELIVER, UNBIND, LINK = 0x04, 0x05, 0x06, 0x15
PHONE = "8613800138000"
TARGET = "carrier.smpp.send"


@pytest.fixture(scope="module")
def vendors() -> dict[str, Any]:
    return {"smpp": {"system_id": SYSTEM, "password": PASSWORD}}


class Client:
    """One connection."""

    def __init__(self, sandbox: Any) -> None:
        where = urlsplit(sandbox.info["carriers"]["smpp"])
        assert "smpp" == where.scheme
        self.socket = socket.create_connection((where.hostname, where.port), 60)
        self.sequence = 0
        self.delivered: list[tuple[int, bytes]] = []

    def close(self) -> None:
        """Leave without a word."""
        self.socket.close()

    def send(self, command: int, body: bytes = b"", *, sequence: int = 0) -> int:
        """Send one; the number that its answer will have."""
        self.sequence += 1
        number = sequence or self.sequence
        self.socket.sendall(
            struct.pack(">IIII", 16 + len(body), command, 0, number) + body
        )
        return number

    def octets(self, count: int) -> bytes:
        """So many, or what there was before the end."""
        taken = b""
        while len(taken) < count and (more := self.socket.recv(count - len(taken))):
            taken += more
        return taken

    def receive(self) -> tuple[int, int, int, bytes]:
        """Command, status, number and body of the next one."""
        length, command, status, number = struct.unpack(">IIII", self.octets(16))
        return command, status, number, self.octets(length - 16)

    def ask(self, command: int, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer; what is delivered meanwhile is kept."""
        wanted = self.send(command, body)
        while True:
            answer, status, number, said = self.receive()
            if answer == DELIVER:
                self.delivered.append((number, said))
                continue
            assert (command | 0x80000000, wanted) == (answer, number)
            return status, said

    def bind(
        self, how: int = TRX, system: str = SYSTEM, password: str = PASSWORD
    ) -> int:
        """The status of a bind."""
        names = f"{system}\0{password}\0\0".encode()
        return self.ask(how, names + b"\x34\0\0" + b"\0")[0]

    def submit(self, message: bytes, **more: Any) -> tuple[int, str]:
        """Status and message id."""
        status, said = self.ask(SUBMIT, submit_body(message, **more))
        return status, said.rstrip(b"\0").decode()

    def receipt(self, *, status: int = 0) -> dict[str, Any]:
        """The next one, taken apart, and answered."""
        if not self.delivered:
            command, _, number, said = self.receive()
            assert DELIVER == command
            self.delivered.append((number, said))
        number, said = self.delivered.pop(0)
        self.socket.sendall(
            struct.pack(">IIII", 17, DELIVER | 0x80000000, status, number) + b"\0"
        )
        return taken_apart(said)


def submit_body(
    message: bytes,
    *,
    coding: int = 8,
    esm: int = 0,
    registered: int = 0,
    phone: str = PHONE,
    ton: int = 1,
    more: bytes = b"",
) -> bytes:
    """A submit_sm's."""
    addresses = b"\0\x05\0PAYCORE\0" + bytes((ton, 1)) + phone.encode() + b"\0"
    flags = bytes((esm, 0, 0)) + b"\0\0" + bytes((registered, 0, coding, 0))
    return b"".join((addresses, flags, bytes((len(message),)), message, more))


def taken_apart(body: bytes) -> dict[str, Any]:
    """A receipt's fields."""
    at = body.index(b"\0") + 3
    source, _, rest = body[at:].partition(b"\0")
    destination, _, rest = rest[2:].partition(b"\0")
    esm, size = rest[0], rest[9]
    text, left = rest[10 : 10 + size].decode(), rest[10 + size :]
    tlvs = {}
    while left:
        tag, length = struct.unpack(">HH", left[:4])
        tlvs[tag], left = left[4 : 4 + length], left[4 + length :]
    words = {"source": source.decode(), "destination": destination.decode()}
    return {**words, "esm": esm, "text": text, "tlvs": tlvs}


def ucs2(text: str) -> bytes:
    return text.encode("utf-16-be")


@pytest.fixture
def client(sandbox: Any) -> Iterator[Client]:
    with closing(Client(sandbox)) as client:
        yield client


def last_text(sandbox: Any, phone: str = PHONE) -> dict[str, Any]:
    text: dict[str, Any] = sandbox.control(f"sms?phone=%2B{phone}")[-1]
    return text


def test_a_text_is_delivered_and_its_receipt_follows(
    sandbox: Any, client: Client
) -> None:
    """Yes with a message id; words and code at the control; a receipt by that id."""
    words = "【付芯】验证码 123456，五分钟内有效"
    bound = client.bind()
    status, number = client.submit(ucs2(words), registered=1)
    receipt = client.receipt()

    assert (0, 0) == (bound, status)
    assert (words, "123456", "smpp", f"+{PHONE}") == tuple(
        last_text(sandbox)[name] for name in ("text", "code", "carrier", "phone")
    )
    assert (PHONE, "PAYCORE", 0x04) == (
        receipt["source"],
        receipt["destination"],
        receipt["esm"],
    )
    assert receipt["text"].startswith(f"id:{number} sub:001 dlvrd:001 submit date:")
    assert " stat:DELIVRD err:000 text:" in receipt["text"]
    assert {0x001E: number.encode() + b"\0", 0x0427: b"\x02"} == receipt["tlvs"]


def test_no_receipt_comes_unasked(sandbox: Any, client: Client) -> None:
    """Neither without registered_delivery, nor of a good end where only a bad one is
    asked for.
    """
    client.bind()
    client.submit(ucs2("1111"))
    client.submit(ucs2("1111"), registered=2)
    sandbox.fault(TARGET, "undelivered", count=1)
    _, number = client.submit(ucs2("1111"), registered=2)
    receipt = client.receipt()

    assert number.encode() + b"\0" == receipt["tlvs"][0x001E]
    assert b"\x05" == receipt["tlvs"][0x0427]
    assert " stat:UNDELIV err:001 " in receipt["text"]


def test_receipts_wait_for_who_can_receive(sandbox: Any) -> None:
    """A transmitter gets none; they come to the next bind, and again until heard."""
    with closing(Client(sandbox)) as sender:
        assert 0 == sender.bind(TX)
        _, number = sender.submit(ucs2("2222"), registered=1)
        assert 0 == sender.ask(LINK)[0]
        time.sleep(0.3)
        assert 0 == sender.ask(UNBIND)[0]
        assert [] == sender.delivered
    with closing(Client(sandbox)) as deaf:
        deaf.bind(RX)
        command = deaf.receive()[0]
    with closing(Client(sandbox)) as receiver:
        receiver.bind(RX)
        refused = receiver.receipt(status=0x64)
        heard = receiver.receipt()

    assert DELIVER == command
    assert number in refused["text"]
    assert refused == heard


def parts_of(words: str, *, wide: bool = False) -> list[bytes]:
    """A text cut into parts of 67 (66) letters, each behind its header."""
    size = 66 if wide else 67
    cut = [words[at : at + size] for at in range(0, len(words), size)]
    head = b"\x06\x08\x04\x01\x07" if wide else b"\x05\x00\x03\x07"
    return [
        head + bytes((len(cut), n)) + ucs2(part) for n, part in enumerate(cut, start=1)
    ]


@pytest.mark.parametrize("wide", [False, True])
def test_parts_become_one_text(sandbox: Any, client: Client, wide: bool) -> None:  # noqa: FBT001
    """In whatever order they come; each part has its own receipt."""
    words = "验" * 100 + "345678" + "码" * 60
    client.bind()
    before = len(sandbox.control("sms"))
    numbers = []
    for part in reversed(parts_of(words, wide=wide)):
        status, number = client.submit(part, esm=0x40, registered=1)
        assert 0 == status
        numbers.append(number)
    told = [client.receipt()["tlvs"][0x001E] for _ in numbers]
    text = last_text(sandbox)

    assert 3 == len(set(numbers))
    assert [number.encode() + b"\0" for number in numbers] == told
    assert (before + 1, words, "345678") == (
        len(sandbox.control("sms")),
        text["text"],
        text["code"],
    )


def test_other_alphabets_and_ways(sandbox: Any, client: Client) -> None:
    """GSM 7-bit with its escapes, ASCII, a payload, parts by optional parameters."""
    client.bind()
    told = []
    payload = ucs2("长" * 200 + "4444")
    for message, more in (
        (b"\x02\x00 {1}"[:3] + b"1234 \x1b\x65\x1b\x28", {"coding": 0}),
        (b"code 2345", {"coding": 1}),
        (b"", {"more": struct.pack(">HH", 0x0424, len(payload)) + payload}),
    ):
        assert 0 == client.submit(message, **more)[0]
        told.append(last_text(sandbox)["text"])
    for n, word in ((1, "one "), (2, "two")):
        sar = struct.pack(">HHH", 0x020C, 2, 9)
        sar += struct.pack(">HHB", 0x020E, 1, 2) + struct.pack(">HHB", 0x020F, 1, n)
        client.submit(ucs2(word), more=sar)
    told.append(last_text(sandbox)["text"])

    assert ["$@ 1234 €{", "code 2345", payload.decode("utf-16-be"), "one two"] == told


@pytest.mark.parametrize(
    ("system", "password", "status"),
    [("other", PASSWORD, 0x0F), (SYSTEM, "wrong", 0x0E), (SYSTEM, "", 0x0E)],
)
def test_binds_are_checked(
    client: Client, system: str, password: str, status: int
) -> None:
    """0x0F for another system, 0x0E for another password, and the line is cut."""
    assert status == client.bind(system=system, password=password)
    assert b"" == client.octets(1)


def test_nothing_goes_before_a_bind(client: Client) -> None:
    """0x04 for a submission and for an unbind; a link may be asked after."""
    assert 0x04 == client.submit(ucs2("1234"))[0]
    assert 0x04 == client.ask(UNBIND)[0]
    assert 0 == client.ask(LINK)[0]
    assert 0 == client.bind(RX)
    assert 0x05 == client.bind(TX)
    assert 0x04 == client.submit(ucs2("1234"))[0]


@pytest.mark.parametrize(
    ("message", "more", "status"),
    [
        (b"", {}, 0x01),
        (ucs2("长" * 71), {}, 0x01),
        (b"\x05\x00\x03\x07\x02\x01" + ucs2("长" * 68), {"esm": 0x40}, 0x01),
        (b"\x05\x00\x03\x07\x02\x03" + ucs2("长"), {"esm": 0x40}, 0x45),
        (b"a" * 161, {"coding": 0}, 0x01),
        (b"\x80", {"coding": 0}, 0x45),
        (b"\xd8", {}, 0x45),
        (ucs2("1234"), {"coding": 4}, 0x45),
        (ucs2("1234"), {"phone": "+8613800138000"}, 0x0B),
        (ucs2("1234"), {"phone": "13800138000x"}, 0x0B),
        (ucs2("1234"), {"phone": PHONE, "ton": 2}, 0x0B),
        (ucs2("1234"), {"more": b"\x04\x24\x00"}, 0xC0),
        (ucs2("1234"), {"phone": "1" * 30}, 0x02),
    ],
)
def test_submissions_are_checked(
    sandbox: Any, client: Client, message: bytes, more: dict[str, Any], status: int
) -> None:
    """What is too long, no text, or to nobody is refused and not delivered."""
    client.bind()
    before = len(sandbox.control("sms"))

    assert status == client.submit(message, **more)[0]
    assert before == len(sandbox.control("sms"))


def test_a_national_number_is_one(sandbox: Any, client: Client) -> None:
    """Eleven digits with the type that says so."""
    client.bind()

    assert 0 == client.submit(ucs2("national"), phone="13800138009", ton=2)[0]
    assert "national" == last_text(sandbox, "8613800138009")["text"]


def test_what_is_no_pdu_is_told(client: Client) -> None:
    """An unknown command is a generic_nack; a length that is none ends the line."""
    sequence = client.send(0x00000021)
    unknown = client.receive()
    client.socket.sendall(struct.pack(">IIII", 7, LINK, 0, 9))
    broken = client.receive()

    assert (0x80000000, 0x03, sequence, b"") == unknown
    assert (0x80000000, 0x02) == broken[:2]
    assert b"" == client.octets(1)


def test_faults_of_an_answer(sandbox: Any, client: Client) -> None:
    """A status by name or number; a system error; the answer late."""
    client.bind()
    before = len(sandbox.control("sms"))
    told = {}
    for fault in (
        "decline:THROTTLED",
        "decline:ESME_RMSGQFUL",
        "decline:0x0B",
        "decline:FANCY",
        "http_500",
        "slow:0.3",
    ):
        sandbox.fault(TARGET, fault, count=1)
        told[fault] = client.submit(ucs2("1234"))[0]

    assert [0x58, 0x14, 0x0B, 0x45, 0x08, 0] == list(told.values())
    assert before + 1 == len(sandbox.control("sms"))


@pytest.mark.parametrize(
    ("fault", "texts"), [("timeout_before", 0), ("timeout_after", 1)]
)
def test_faults_of_the_way(
    sandbox: Any, client: Client, fault: str, texts: int
) -> None:
    """One answer never comes, others do; before: nothing was done. After: it was."""
    client.bind()
    before = len(sandbox.control("sms"))
    sandbox.fault(TARGET, fault, count=1)
    client.send(SUBMIT, submit_body(ucs2("1234")))
    client.ask(LINK)
    client.socket.settimeout(0.3)
    with pytest.raises(TimeoutError):
        client.receive()

    assert before + texts == len(sandbox.until("sms", before + texts))


def test_garbage_is_no_pdu(sandbox: Any, client: Client) -> None:
    """A length that no PDU has; the text went out."""
    client.bind()
    sandbox.fault(TARGET, "garbage")
    client.send(SUBMIT, submit_body(ucs2("9876")))

    assert 7 == struct.unpack(">I", client.octets(4))[0]
    assert "9876" == last_text(sandbox)["code"]


def test_a_part_that_was_refused_may_come_again(sandbox: Any, client: Client) -> None:
    """The other parts are not forgotten."""
    words = "再" * 80
    first, last = parts_of(words)
    client.bind()
    client.submit(first, esm=0x40)
    sandbox.fault(TARGET, "decline:THROTTLED", count=1)

    assert 0x58 == client.submit(last, esm=0x40)[0]
    assert 0 == client.submit(last, esm=0x40)[0]
    assert words == last_text(sandbox)["text"]


def test_the_server_may_refuse_everybody(sandbox: Any, client: Client) -> None:
    """Who is there is cut off, nobody else comes in, and the address comes back."""
    client.bind()
    sandbox.fault(TARGET, "refuse_connection")
    with pytest.raises(ConnectionRefusedError):
        Client(sandbox)
    with pytest.raises((ConnectionError, struct.error)):
        client.ask(LINK)
    sandbox.clear()
    with closing(Client(sandbox)) as again:
        assert 0 == again.bind()


def test_receipts_may_name_ids_otherwise(own_sandbox: Any) -> None:
    """In decimal, where the answer had it in hexadecimal."""
    own_sandbox.end()
    keys = {"system_id": SYSTEM, "password": PASSWORD, "receipt_ids": "decimal"}
    own_sandbox.vendors = {"smpp": keys}
    own_sandbox.start()
    with closing(Client(own_sandbox)) as client:
        client.bind()
        _, number = client.submit(ucs2("1234"), registered=1)
        receipt = client.receipt()

    assert f"id:{int(number, 16)} " in receipt["text"]
    assert (
        json.loads(
            own_sandbox.http("GET", f"{own_sandbox.info['control']}/control/stats").raw
        )["sms"]
        == 1
    )

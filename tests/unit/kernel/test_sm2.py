"""SM2 by the standard's own example, by `openssl`, and by another implementation."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import gmalg
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from paycore.cli.channels import app
from paycore.kernel import sm2
from paycore.kernel import sm2_curve as curve
from paycore.kernel.sm2 import DEFAULT_IDENTITY, PrivateKey, PublicKey

# GB/T 32918.5-2017 (GM/T 0003.5), annex A: keys, a signature and what is sealed.
NUMBER = bytes.fromhex(
    "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
)
X = 0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020
Y = 0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13
ONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
R = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
S = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
C1 = (
    "0404ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
    "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
)
C2 = "21886ca989ca9c7d58087307ca93092d651efa"
C3 = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
SIGNED, SEALED = b"message digest", b"encryption standard"

KEY = PrivateKey.of_octets(NUMBER)
WHOSE = b"123456789012"


@pytest.fixture
def once(monkeypatch):
    """The number that the standard's example uses once."""
    monkeypatch.setattr(sm2.secrets, "randbelow", lambda _: ONCE - 1)


def test_the_standards_key():
    """A number has the point that the standard says."""
    assert (X, Y) == (KEY.public.x, KEY.public.y)
    assert KEY.public == PublicKey.of_octets(KEY.public.octets)


def test_the_standards_hash():
    """GM/T 0004, annex A."""
    told = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"

    assert told == sm2.sm3(b"abc").hex()


def test_the_standards_signature(once):
    """Both numbers of it, from the message and the default name."""
    made = KEY.sign(SIGNED, DEFAULT_IDENTITY)

    assert R + S == made.hex()
    assert KEY.public.verifies(made, SIGNED, DEFAULT_IDENTITY)


def test_what_the_standard_seals(once):
    """All three parts of it."""
    assert C1 + C3 + C2 == KEY.public.sealed(SEALED).hex()


@given(st.integers(1, curve.ORDER - 1), st.integers(0, curve.ORDER - 1))
def test_multiples_are_those_of_another_implementation(number, other):
    """Of the base point, of another one, and the sum of both."""
    theirs = gmalg.sm2._ecdlp
    point = theirs.kG(number)

    assert point == curve.times_base(number)
    assert theirs.ec.mul(ONCE, point) == curve.times(ONCE, point)
    if other:
        summed = theirs.ec.add(theirs.kG(other), theirs.ec.mul(number, (X, Y)))
        assert summed == curve.sum_of(other, number, (X, Y))


def test_the_ends_of_the_curve():
    """Nothing, one, and all of its points but one; the sum of what cancels out."""
    negative = (curve.BASE[0], curve.P - curve.BASE[1])

    assert curve.BASE == curve.times_base(1) == curve.times(1, curve.BASE)
    assert negative == curve.times_base(curve.ORDER - 1)
    assert curve.times(curve.ORDER, curve.BASE) is None
    assert curve.sum_of(0, 0, curve.BASE) is None
    assert curve.sum_of(5, 5, negative) is None
    assert curve.times_base(10) == curve.sum_of(5, 5, curve.BASE)
    assert curve.times_base(5) == curve.sum_of(0, 5, curve.BASE)


@given(st.binary(max_size=300), st.binary(max_size=40))
def test_another_implementation_believes_it_and_is_believed(message, whose):
    """Signatures of both, whoever signs."""
    peer = gmalg.SM2(NUMBER, whose or WHOSE, KEY.public.octets)
    made = KEY.sign(message, whose or WHOSE)
    theirs = b"".join(one.rjust(32, b"\0") for one in peer.sign(message))

    assert peer.verify(message, made[:32], made[32:])
    assert KEY.public.verifies(theirs, message, whose or WHOSE)


@given(st.binary(min_size=1, max_size=300))
def test_another_implementation_opens_what_is_sealed(clear):
    """Of any length but none."""
    assert clear == gmalg.SM2(NUMBER).decrypt(KEY.public.sealed(clear))


def test_nothing_cannot_be_sealed():
    """The standard has no form for it."""
    with pytest.raises(ValueError, match="nothing"):
        KEY.public.sealed(b"")


@pytest.mark.parametrize("at", range(64))
def test_a_signature_with_one_bit_changed(at):
    """Every octet of it matters."""
    made = bytearray(KEY.sign(b"a", WHOSE))
    made[at] ^= 1

    assert not KEY.public.verifies(bytes(made), b"a", WHOSE)


def test_signatures_that_are_none():
    """Numbers that no signature has, too short, too long; another message or name."""
    good, zero = KEY.sign(b"a", WHOSE), bytes(32)
    over = curve.ORDER.to_bytes(32, "big")
    r, s = good[:32], good[32:]
    minus = (curve.ORDER - int.from_bytes(r, "big")).to_bytes(32, "big")
    for made in (zero + s, r + zero, over + s, r + over, r + minus, b"", good[:-1]):
        assert not KEY.public.verifies(made, b"a", WHOSE)

    assert not KEY.public.verifies(good + b"\0", b"a", WHOSE)
    assert not KEY.public.verifies(good, b"b", WHOSE)
    assert not KEY.public.verifies(good, b"a", WHOSE + b"0")
    assert KEY.public.verifies(good, b"a", WHOSE)


def test_a_signature_in_der_has_one_spelling():
    """A number that is padded, another length, what follows: none of them."""
    good = KEY.sign(b"a", WHOSE)
    der = sm2.in_der(good)

    assert good == sm2.out_of_der(der)
    assert b"\1".rjust(64, b"\0") == sm2.out_of_der(bytes.fromhex("3006020100020101"))
    for bad in (
        der + b"\0",
        der[:-1],
        b"",
        good,
        bytes.fromhex("300702020001020101"),  # padded
        bytes.fromhex("3006020100 0201ff".replace(" ", "")),  # below nothing
        bytes.fromhex("302602210100" + "00" * 31 + "020101"),  # 33 octets
    ):
        assert sm2.out_of_der(bad) is None, bad.hex()


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        KEY.public.octets[1:],
        b"\2" + KEY.public.octets[1:33],
        b"\6" + KEY.public.octets[1:],
        KEY.public.octets[:-1] + b"\0",
        KEY.public.octets + b"\0",
        b"\4" + bytes(64),
        b"\4" + (X + curve.P).to_bytes(33, "big")[-32:] + KEY.public.octets[33:],
    ],
)
def test_points_that_are_none(octets):
    """Of the curve, in full, and in range."""
    with pytest.raises(ValueError, match="no point"):
        PublicKey.of_octets(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        bytes(32),
        NUMBER[1:],
        NUMBER + b"\0",
        curve.ORDER.to_bytes(32, "big"),
        (curve.ORDER - 1).to_bytes(32, "big"),
    ],
)
def test_numbers_that_are_no_keys(octets):
    """Nothing, too many, too few; one less than the order signs nothing."""
    with pytest.raises(ValueError, match="no number"):
        PrivateKey.of_octets(octets)


def test_a_key_is_never_shown():
    """By whatever prints it."""
    shown = repr(KEY)

    assert str(int.from_bytes(NUMBER, "big")) not in shown
    assert NUMBER.hex() not in shown
    assert str(KEY._inverse) not in shown


# --- openssl --------------------------------------------------------------------------

OPENSSL = shutil.which("openssl")


def run(*words: str, within: Path, stdin: bytes = b"") -> bytes:
    """What `openssl` says, in a folder."""
    done = subprocess.run(
        [OPENSSL, *words], cwd=within, input=stdin, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With a key of openssl's making: key.pem, sec1.pem and public.pem."""
    if OPENSSL is None:
        pytest.skip("openssl is not there")
    made = tmp_path_factory.mktemp("openssl")
    listed = run("list", "-public-key-algorithms", within=made)
    if b"SM2" not in listed:
        pytest.skip("this openssl has no SM2")
    run("genpkey", "-algorithm", "SM2", "-out", "key.pem", within=made)
    run("ec", "-in", "key.pem", "-out", "sec1.pem", within=made)
    run("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem", within=made)
    return made


@pytest.fixture(scope="module")
def key(folder) -> PrivateKey:
    """That key, read here."""
    return sm2.private_key((folder / "key.pem").read_text())


def named(whose: bytes) -> tuple[str, ...]:
    return "-pkeyopt", f"distid:{whose.decode()}"


RAW = ("-rawin", "-digest", "sm3")


@pytest.mark.parametrize("whose", [WHOSE, DEFAULT_IDENTITY, b"0"])
def test_openssl_believes_what_is_signed_here(folder, key, whose):
    """In its own form, and with the signer's name; with another's it does not."""
    (folder / "message").write_bytes(b"a message")
    (folder / "made").write_bytes(sm2.in_der(key.sign(b"a message", whose)))
    words = ("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", *RAW)
    words += ("-in", "message", "-sigfile", "made")

    assert b"Success" in run(*words, *named(whose), within=folder)
    with pytest.raises(AssertionError):
        run(*words, *named(b"somebody"), within=folder)


@pytest.mark.parametrize("whose", [WHOSE, DEFAULT_IDENTITY, b"0"])
def test_what_openssl_signs_is_believed_here(folder, key, whose):
    """Its form is GM/T 0009's."""
    (folder / "message").write_bytes(b"a message")
    words = ("pkeyutl", "-sign", "-inkey", "key.pem", *RAW, "-in", "message")
    der = run(*words, *named(whose), within=folder)
    made = sm2.out_of_der(der)

    assert made is not None
    assert key.public.verifies(made, b"a message", whose)
    assert not key.public.verifies(made, b"a message", b"somebody")


def test_a_key_is_read_in_every_form_of_openssls(folder, key):
    """PKCS#8, and SEC 1 as it was before; the parameters may stand before it."""
    old = (folder / "sec1.pem").read_text()
    former = old.replace("SM2 PRIVATE KEY", "EC PRIVATE KEY")
    curve_only = run("ecparam", "-name", "SM2", within=folder).decode()

    for pem in (old, former, curve_only + former):
        assert key == sm2.private_key(pem)


def test_keys_that_are_not_read(folder):
    """Of another curve or kind, behind a password, cut off: in words that tell nothing
    of them.
    """
    words = ("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    other = run(*words, within=folder)
    locked = ("-aes128", "-passout", "pass:secret")
    good = (folder / "key.pem").read_text()
    for pem in (
        other,
        run("ec", within=folder, stdin=other),
        run("pkey", "-in", "key.pem", *locked, within=folder),
        run("ec", "-in", "key.pem", *locked, within=folder),
        run("genpkey", "-algorithm", "ED25519", within=folder),
        good[:100].encode(),
        good.replace("MIG", "MIH").encode(),
        b"",
    ):
        with pytest.raises(ValueError, match="no SM2 key in PEM") as refused:
            sm2.private_key(pem.decode())

        assert good[60:80] not in str(refused.value)


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / name).read_bytes())


DEFAULT = f"distid:{DEFAULT_IDENTITY.decode()}"


@pytest.fixture(scope="module")
def chain(folder):
    """A root and what it issued, both of openssl's making, and of another root."""
    for root in ("root", "other"):
        run("genpkey", "-algorithm", "SM2", "-out", f"{root}.key", within=folder)
        words = ("req", "-new", "-x509", "-key", f"{root}.key", "-sm3")
        words += ("-sigopt", DEFAULT, "-subj", "/CN=a root", "-out", f"{root}.pem")
        run(*words, within=folder)
    words = ("req", "-new", "-key", "key.pem", "-sm3", "-sigopt", DEFAULT)
    run(*words, "-subj", "/CN=a leaf", "-out", "leaf.csr", within=folder)
    for no, distid in (("leaf", DEFAULT), ("odd", "distid:odd")):
        words = ("x509", "-req", "-in", "leaf.csr", "-vfyopt", DEFAULT, "-sm3")
        words += ("-CA", "root.pem", "-CAkey", "root.key", "-set_serial", "123456")
        run(*words, "-sigopt", distid, "-out", f"{no}.pem", within=folder)
    return folder


def test_a_chain_of_openssls(chain, key):
    """Who issued a certificate is who signed it, under the default name."""
    root, other, leaf, odd = (
        certificate(chain, f"{name}.pem") for name in ("root", "other", "leaf", "odd")
    )

    assert key.public == sm2.key_of(leaf)
    assert sm2.has_issued(root, leaf)
    assert sm2.has_issued(root, root)
    assert not sm2.has_issued(other, leaf)
    assert not sm2.has_issued(leaf, leaf)
    assert not sm2.has_issued(root, odd)


def test_a_certificate_of_another_key(folder, key):
    """Of RSA there is no point in it, and nothing that it could have issued."""
    words = ("req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "rsa")
    run(*words, "-subj", "/CN=a root", "-out", "rsa.pem", within=folder)
    found = certificate(folder, "rsa.pem")

    with pytest.raises(ValueError, match="no certificate of an SM2 key"):
        sm2.key_of(found)
    assert not sm2.has_issued(found, found)


def test_a_key_is_written_as_openssl_writes_it(folder, key):
    """PKCS#8, with its point."""
    assert (folder / "key.pem").read_text() == key.pem


def element(tag: int, *parts: bytes) -> bytes:
    held = b"".join(parts)
    size = bytes([0x82]) + len(held).to_bytes(2, "big")
    return bytes([tag]) + (size if len(held) > 127 else bytes([len(held)])) + held


def der_of(chain, name: str) -> bytes:
    return run("x509", "-in", name, "-outform", "DER", within=chain)


@pytest.fixture(scope="module")
def file(chain, key) -> bytes:
    """That key and its certificate as a `.sm2`."""
    return as_file(chain, key, der_of(chain, "leaf.pem"))


def as_file(chain, key, der: bytes) -> bytes:
    """A key, locked by openssl, and a certificate."""
    word = b"secret\0\0\0\1"
    made = run("dgst", "-sm3", "-r", within=chain, stdin=word).decode().split()[0]
    words = ("enc", "-sm4-cbc", "-iv", made[:32], "-K", made[32:])
    locked = run(*words, within=chain, stdin=key.number.to_bytes(32, "big"))
    data = bytes.fromhex("060a2a811ccf550601040201")
    sm4 = bytes.fromhex("06072a811ccf550168")
    whole = element(
        0x30,
        element(2, b"\1"),
        element(0x30, data, sm4, element(4, locked)),
        element(0x30, data, element(4, der)),
    )
    return base64.encodebytes(whole)


def test_a_file_of_a_certifiers_is_opened(file, chain, key):
    """By its password, and by no other; cut off or changed it is none."""
    assert (key, certificate(chain, "leaf.pem")) == sm2.opened(file, "secret")
    third, sixth = bytes.fromhex("a003020102"), bytes.fromhex("a003020105")
    root = der_of(chain, "root.pem")
    assert third in root
    for octets, word in (
        (as_file(chain, key, root.replace(third, sixth, 1)), "secret"),
        (file, "Secret"),
        (file, ""),
        (file[:-20], "secret"),
        (b"", "secret"),
        (b"MAA=", "secret"),
        (base64.b64encode(b"\x30\x03\2\1\1"), "secret"),
        (b"%" + file, "secret"),
    ):
        with pytest.raises(ValueError, match=r"no \.sm2"):
            sm2.opened(octets, word)


def test_a_file_is_unlocked_for_an_account(file, tmp_path, key):
    """By the command line, as the fields of the credentials."""
    (tmp_path / "merchant.sm2").write_bytes(file)
    words = ["unlock", str(tmp_path / "merchant.sm2")]
    said = CliRunner().invoke(app, words, input="secret\n")
    found = json.loads(said.stdout.splitlines()[-1])

    assert key == sm2.private_key(found["signing_key"])
    assert "signing_certificate" in found
    assert 0 == said.exit_code
    assert 0 != CliRunner().invoke(app, words, input="other\n").exit_code


@given(st.binary(min_size=1, max_size=200))
def test_sealed_is_opened_by_the_point_alone(clear):
    """What differs from message to message is C1; both parts after it follow."""
    first, second = KEY.public.sealed(clear), KEY.public.sealed(clear)

    assert first != second
    assert 65 + 32 + len(clear) == len(first) == len(second)

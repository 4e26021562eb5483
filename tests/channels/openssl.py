"""The `openssl` program as a third opinion on SM2: it knows nothing of ours, and we use
nothing of its in the channel or the simulator.
"""

import base64
import shutil
import subprocess
from pathlib import Path

import pytest

DEFAULT = "1234567812345678"
PROGRAM = shutil.which("openssl")


class OpenSsl:
    """The program, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        if PROGRAM is None:
            pytest.skip("openssl is not there")
        self.folder = folder
        if b"SM2" not in self.run("list", "-public-key-algorithms"):
            pytest.skip("this openssl has no SM2")

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """What it says; an AssertionError where it says no."""
        done = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert 0 == done.returncode, done.stderr.decode()
        return done.stdout

    def write(self, name: str, content: bytes | str) -> str:
        """A file for it."""
        octets = content.encode() if isinstance(content, str) else content
        (self.folder / name).write_bytes(octets)
        return name

    def text(self, name: str) -> str:
        """A file of its."""
        return (self.folder / name).read_text()

    # Hashes, signatures, what is sealed: in DER, which is its only form.

    def sm3(self, octets: bytes) -> str:
        """In hexadecimal."""
        return self.run("dgst", "-sm3", "-r", stdin=octets).decode().split()[0]

    def sign(self, key: str, message: bytes, whose: str) -> bytes:
        """By the key in a file."""
        name = self.write("message", message)
        words = ("pkeyutl", "-sign", "-inkey", key, "-rawin", "-digest", "sm3")
        return self.run(*words, "-in", name, "-pkeyopt", f"distid:{whose}")

    def believes(self, cert: str, message: bytes, made: bytes, whose: str) -> bool:
        """Whether the key in a certificate's file has signed it."""
        words = ("pkeyutl", "-verify", "-certin", "-inkey", cert, "-rawin")
        words += ("-digest", "sm3", "-in", self.write("message", message))
        words += ("-sigfile", self.write("made", made), "-pkeyopt", f"distid:{whose}")
        try:
            return b"Success" in self.run(*words)
        except AssertionError:
            return False

    def seal(self, cert: str, clear: bytes) -> bytes:
        """For the key in a certificate's file."""
        words = ("pkeyutl", "-encrypt", "-certin", "-inkey", cert)
        return self.run(*words, "-in", self.write("clear", clear))

    def unseal(self, key: str, sealed: bytes) -> bytes:
        """By the key in a file."""
        words = ("pkeyutl", "-decrypt", "-inkey", key)
        return self.run(*words, "-in", self.write("sealed", sealed))

    # Keys and certificates.

    def issue(self, name: str, subject: str, by: str = "") -> None:
        """`name.key` and `name.pem`, whose number is random; without `by` its own."""
        key, cert = f"{name}.key", f"{name}.pem"
        id_of = f"distid:{DEFAULT}"
        self.run("genpkey", "-algorithm", "SM2", "-out", key)
        words = ("req", "-new", "-key", key, "-sm3", "-sigopt", id_of)
        if not by:
            words += ("-x509", "-days", "30", "-subj", f"/CN={subject}")
            self.run(*words, "-out", cert)
            return
        self.run(*words, "-subj", f"/CN={subject}", "-out", "request")
        words = ("x509", "-req", "-in", "request", "-vfyopt", id_of, "-sm3")
        words += ("-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial")
        self.run(*words, "-days", "30", "-sigopt", id_of, "-out", cert)

    def leads_to(self, cert: str, issuer: str) -> bool:
        """Whether one file's certificate is issued by the other's."""
        words = ("verify", "-partial_chain", "-CAfile", issuer)
        try:
            self.run(*words, "-vfyopt", f"distid:{DEFAULT}", cert)
        except AssertionError:
            return False
        return True


# --- the two forms, as GM/T 0009 has them, by hand ------------------------------------


def numbers(der: bytes) -> bytes:
    """R and s, 32 octets each, of a SEQUENCE of two INTEGERs."""
    assert b"\x30" == der[:1]
    r, rest = der[4 : 4 + der[3]], der[4 + der[3] :]
    s = rest[2 : 2 + rest[1]]
    return b"".join(one.lstrip(b"\0").rjust(32, b"\0") for one in (r, s))


def in_der(*parts: tuple[int, bytes]) -> bytes:
    """A SEQUENCE of elements, with no more zeros in an INTEGER than it needs."""
    held = b""
    for tag, octets in parts:
        bare = _integer(octets) if tag == 2 else octets
        held += bytes([tag]) + _length(bare) + bare
    return b"\x30" + _length(held) + held


def _integer(octets: bytes) -> bytes:
    bare = octets.lstrip(b"\0")
    return b"\0" + bare if bare[0] & 0x80 else bare


def _length(octets: bytes) -> bytes:
    size = len(octets)
    return bytes([size]) if size < 128 else bytes([0x81, size])


def sealed_in_der(bare: bytes) -> bytes:
    """What is bare with its 04, as openssl opens it."""
    x, y, told, text = bare[1:33], bare[33:65], bare[65:97], bare[97:]
    assert b"\4" == bare[:1]
    return in_der((2, x), (2, y), (4, told), (4, text))


def pem_of(text: str) -> bytes:
    """The octets between a PEM's lines."""
    return base64.b64decode("".join(text.split("-----")[2].split()))

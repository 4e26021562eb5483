"""A UnionPay of the tests' own: certificates, replies, notices and statement files.

Written from the protocol's description, with nothing of the adapter's: what it signs
and packs is what the adapter must believe and read.
"""

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_plus

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

MER_ID = "777290058110097"
SIGNER = "00040000:SIGN"
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pair:
    """A key and its certificate."""

    key: rsa.RSAPrivateKey
    cert: x509.Certificate

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """The key, not encrypted."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()


def issue(
    common_name: str,
    by: Pair | None = None,
    *,
    key: rsa.RSAPrivateKey | None = None,
    begin: datetime = BEGIN,
    end: datetime = END,
) -> Pair:
    """A certificate; without `by` its own issuer."""
    key = key or rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    cert = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.cert.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .sign(key if by is None else by.key, hashes.SHA256())
    )
    return Pair(key, cert)


class Peer:
    """UnionPay with its certificates, and the merchant that it knows."""

    def __init__(self) -> None:
        self.root = issue("a root")
        self.middle = issue("a middle", self.root)
        self.signing = issue(f"041@Z2026-1@{SIGNER}@00000001", self.middle)
        self.sealing = issue("041@Z2026-2@00040000:ENC@00000001", self.middle)
        self.merchant = issue("a merchant", self.middle)

    def signature(self, values: Mapping[str, str], by: Pair | None = None) -> str:
        """Over everything but a signature, sorted by name."""
        rest = {name: value for name, value in values.items() if name != "signature"}
        text = "&".join(f"{name}={rest[name]}" for name in sorted(rest))
        digest = hashlib.sha256(text.encode()).hexdigest()
        key = (by or self.signing).key
        made = key.sign(digest.encode(), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(made).decode()

    def signed(
        self, values: Mapping[str, str], by: Pair | None = None
    ) -> dict[str, str]:
        """With the signer's certificate, whose lines end as UnionPay's do."""
        by = by or self.signing
        full = {**values, "signPubKeyCert": by.pem.strip().replace("\n", "\r\n")}
        return {**full, "signature": self.signature(full, by)}

    def reply(self, values: Mapping[str, str], by: Pair | None = None) -> bytes:
        """A reply's body, not escaped."""
        return raw(self.signed(values, by))

    def notice(self, values: Mapping[str, str], by: Pair | None = None) -> bytes:
        """The body of a notice: a form."""
        return form(self.signed(values, by))

    def opened(self, text: str) -> str:
        """What was sealed for us."""
        octets = base64.b64decode(text)
        return self.sealing.key.decrypt(octets, padding.PKCS1v15()).decode()


def raw(values: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={value}" for name, value in values.items()).encode()


def form(values: Mapping[str, str]) -> bytes:
    return "&".join(f"{n}={quote_plus(v)}" for n, v in values.items()).encode()


# --- statements -----------------------------------------------------------------------

COLUMNS = (
    ("trade_code", 3),
    ("acquirer", 11),
    ("forwarder", 11),
    ("trace_no", 6),
    ("trace_time", 10),
    ("account", 19),
    ("amount", 12),
    ("mcc", 4),
    ("terminal_type", 2),
    ("query_id", 21),
    ("old_mode", 2),
    ("order_id", 32),
    ("card_type", 2),
    ("orig_trace", 6),
    ("orig_time", 10),
    ("fee", 13),
    ("settle", 13),
    ("mode", 4),
    ("group", 15),
    ("txn_type", 2),
    ("sub_type", 2),
    ("biz_type", 6),
    ("account_type", 2),
    ("bill_type", 4),
    ("bill_no", 32),
    ("interaction", 1),
    ("orig_query_id", 21),
    ("mer_id", 15),
    ("split_mode", 1),
    ("sub_mer_id", 15),
    ("sub_name", 32),
    ("split_amount", 13),
    ("net", 13),
    ("terminal", 8),
    ("custom", 32),
    ("discount", 13),
    ("invoice", 13),
    ("instalment_fee", 12),
    ("periods", 2),
    ("medium", 1),
    ("orig_order_id", 32),
    ("reserved", 98),
)


def row(**cells: str) -> bytes:
    """One line of 607 octets; what is not said is blank, a name is padded in GBK."""
    cells = {"mer_id": MER_ID} | cells
    assert cells.keys() <= {name for name, _ in COLUMNS}, cells
    parts = [cells.get(name, "").encode("gbk").ljust(width) for name, width in COLUMNS]
    made = b" ".join(parts)
    assert len(made) == 607, len(made)
    return made


def packed(members: Mapping[str, Sequence[bytes]]) -> str:
    """`fileContent`: a zip of lines that end in CR LF, deflated, in base64."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, rows in members.items():
            file.writestr(name, b"".join(line + b"\r\n" for line in rows))
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()

"""Certificates that anybody may send: whatever their octets are, nothing breaks."""

import base64
import warnings

from cryptography.hazmat.primitives.serialization import Encoding
from unionpay_calls import account_of, an_ask, answer, notify, read
from unionpay_peer import Peer, form, raw

from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE


def test_every_octet_of_a_certificate_may_be_wrong():
    """What cannot be read is a signature that is not UnionPay's, and no more than that:
    a key of no kind, a version that there is not, a date of no calendar.
    """
    peer = Peer()
    account = account_of(peer)
    nobodys = base64.b64encode(b"x" * 256).decode()
    good = peer.signing.cert.public_bytes(Encoding.DER)
    for at in range(len(good)):
        for other in {good[at] ^ 1, good[at] ^ 0x80, 0, 0xFF} - {good[at]}:
            octets = good[:at] + bytes([other]) + good[at + 1 :]
            text = base64.encodebytes(octets).decode()
            pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----"
            told = answer(Operation.CONFIRM, "00") | {"signPubKeyCert": pem}
            signed = told | {"signature": nobodys}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert notify(account, form(signed)) is None, (at, other)
                reply = read(account, an_ask(Operation.CONFIRM), raw(signed))
            assert BAD_SIGNATURE == reply.resp_code, (at, other)

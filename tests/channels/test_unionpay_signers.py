"""A signer of UnionPay's whom the adapter knows is believed as the first time."""

from datetime import timedelta

import pytest
from unionpay_peer import BEGIN, END, SIGNER, Pair, Peer, issue

from paycore.gateway.unionpay_keys import Rsa
from paycore.gateway.unionpay_trust import MOST_SIGNERS, Trust
from paycore.gateway.unionpay_wire import Message

NAME = f"041@Z2026-1@{SIGNER}@00000001"
DAY = timedelta(days=1)
NOW = BEGIN + 100 * DAY


@pytest.fixture(scope="module")
def peer() -> Peer:
    return Peer()


def trusting(*anchors: Pair) -> Trust:
    return Trust(anchors=tuple(one.cert for one in anchors), signer=SIGNER)


def said(peer: Peer, by: Pair | None = None, **values: str) -> Message:
    """A message of theirs."""
    message = Message.of_reply(peer.reply({"respCode": "00", **values}, by))
    assert message is not None
    return message


def test_a_known_signer_is_not_looked_into_again(peer, monkeypatch):
    """His way to the root is followed once, and every signature of his is checked."""
    trust, message = trusting(peer.middle, peer.root), said(peer)
    changed = Message(values={**message.values, "respCode": b"01"})

    assert trust.fault(message, NOW) is None
    monkeypatch.setattr(Trust, "_way", None)
    assert trust.fault(message, NOW) is None
    assert trust.fault(said(peer, txnAmt="1"), NOW + DAY) is None
    assert "the signature is wrong" == trust.fault(changed, NOW)


@pytest.mark.parametrize("ends", ["root", "middle", "leaf"])
def test_a_known_signer_is_believed_no_longer_than_all_above_him(peer, ends):
    """The dates of the whole way are looked at every time, both of them."""
    begin, end = NOW - DAY, NOW + DAY
    short = {"begin": begin, "end": end}
    root = issue("a root", **(short if ends == "root" else {}))
    middle = issue("a middle", root, **(short if ends == "middle" else {}))
    leaf = issue(NAME, middle, **(short if ends == "leaf" else {}))
    trust, message = trusting(middle, root), said(peer, leaf)

    for _ in range(2):
        assert trust.fault(message, NOW) is None
        assert trust.fault(message, begin) is None
        assert trust.fault(message, end) is None
        for moment in (begin - timedelta(seconds=1), end + timedelta(seconds=1)):
            fault = trust.fault(message, moment)
            assert fault is not None
            assert fault.endswith("or too old")


def test_who_was_refused_is_refused_again(peer):
    """A stranger, and one of the same issuer with another name, are never known."""
    trust, named = trusting(peer.middle, peer.root), "041@Z@00040000@1"
    stranger, other = issue(NAME), issue(named, peer.middle)
    for _ in range(2):
        for liar in (stranger, other, peer.merchant):
            assert trust.fault(said(peer, liar), NOW) is not None

    assert {} == trust._known


def test_who_only_has_their_certificate_is_not_known(peer):
    """It is no secret, and may be written in as many ways as there are blanks."""
    trust, message = trusting(peer.middle, peer.root), said(peer)
    pem = message.values["signPubKeyCert"]
    assert trust.fault(message, NOW) is None

    for blanks in range(1, MOST_SIGNERS + 2):
        values = {**message.values, "signPubKeyCert": pem + b"\n" * blanks}
        assert "the signature is wrong" == trust.fault(Message(values=values), NOW)

    assert [pem] == list(trust._known)


class Counted(Rsa):
    """Counts the steps of ways that are followed: with SM2 one takes a millisecond."""

    steps = 0

    def has_issued(self, issuer, issued) -> bool:
        """As ever."""
        self.steps += 1
        return super().has_issued(issuer, issued)


def test_a_stranger_has_no_way_followed_twice(peer):
    """Neither UnionPay's own, written in other ways, nor that of another's certificate
    of the same issuer.
    """
    anchors, kind = (peer.middle.cert, peer.root.cert), Counted()
    trust, message = Trust(anchors=anchors, signer=SIGNER, kind=kind), said(peer)
    pem = message.values["signPubKeyCert"]
    trust.fault(message, NOW)
    followed = kind.steps
    for blanks in range(1, MOST_SIGNERS + 2):
        values = {**message.values, "signPubKeyCert": pem + b"\n" * blanks}
        assert "the signature is wrong" == trust.fault(Message(values=values), NOW)
    trust.fault(said(peer, peer.merchant), NOW)

    assert followed
    assert kind.steps == followed


def test_a_certificate_of_one_octet_more_is_another(peer):
    """Known are the octets, not the certificate that they spell."""
    trust = trusting(peer.middle, peer.root)
    message = said(peer)
    pem = message.values["signPubKeyCert"]
    assert trust.fault(message, NOW) is None
    longer = Message(values={**message.values, "signPubKeyCert": pem + b"\n"})

    assert "the signature is wrong" == trust.fault(longer, NOW)


def test_few_are_remembered(peer):
    """The oldest gives way, and is believed all the same when it comes again."""
    trust, key = trusting(peer.middle, peer.root), peer.signing.key
    leaves = [issue(NAME, peer.middle, key=key) for _ in range(MOST_SIGNERS + 1)]
    for leaf in (*leaves, leaves[0]):
        assert trust.fault(said(peer, leaf), NOW) is None

        assert len(trust._known) <= MOST_SIGNERS
    assert END > NOW


def test_settings_that_differ_share_nothing(peer):
    """Who is known by some issuers is nobody to others."""
    message, elsewhere = said(peer), issue("a root")

    assert trusting(peer.middle, peer.root).fault(message, NOW) is None
    assert trusting(elsewhere).fault(message, NOW) is not None

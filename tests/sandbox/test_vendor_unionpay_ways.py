"""UnionPay's simulator by SM2 and by a shared key: what its configuration must have."""

import sys
from datetime import UTC, datetime

import msgspec
import pytest

from paycore.dev import vendors
from paycore.sandbox.found import NoVendor, keys
from paycore.sandbox.vendors.unionpay_contract import Contract, UnionPayConfig
from paycore.sandbox.vendors.unionpay_forms import Refused

WAYS = ("01", "11", "12", "21")


def config(way: str, **changes: object) -> UnionPayConfig:
    """A configuration that is good, but for what is changed."""
    made = vendors.with_unionpay(datetime.now(UTC), sign_method=way).sandbox | changes
    return keys("unionpay", {"unionpay": msgspec.json.encode(made)}, UnionPayConfig)


@pytest.mark.parametrize("way", WAYS)
def test_each_way_is_believed_by_itself_alone(way):
    """Whatever says that it is signed otherwise is a malformed message."""
    contract = Contract(config(way))
    for other in WAYS:
        fields = {"merId": contract.config.mer_id, "signMethod": other}
        with pytest.raises(Refused) as refused:
            contract.check_signature(fields)

        assert ("11" if other == way else "10") == refused.value.code


@pytest.mark.parametrize("way", WAYS)
def test_an_answer_names_a_certificate_where_there_is_one(way):
    """With a key of both sides there is none to be named."""
    contract = Contract(config(way))
    said = contract.signed({"respCode": "00"})
    by_certificate = way in ("01", "21")

    assert by_certificate == ("signPubKeyCert" in said)
    assert by_certificate == ("accNo" in contract.told_card("6226388000000095"))
    assert said["signature"] != contract.keys.way.spoilt()
    assert len(said["signature"]) == len(contract.keys.way.spoilt())


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        ("11", {"shared_key": ""}),
        ("21", {"signing_key": ""}),
        ("21", {"merchant_certificate": ""}),
        ("01", {"signing_certificate": ""}),
        ("21", {"sign_method": "01"}),
        ("01", {"sign_method": "21"}),
    ],
)
def test_keys_that_cannot_be_read(way, changes):
    """None, and of another way."""
    with pytest.raises(NoVendor, match="a key cannot be read"):
        Contract(config(way, **changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"sign_method": "22"},
        {"sm2_signature": "bare"},
        {"sm2_identity": ""},
        {"sm2_sealed": "c1c2c3"},
    ],
)
def test_a_configuration_of_no_way(changes):
    """What it can be is in the form of the configuration."""
    with pytest.raises(NoVendor, match=r"vendors\.unionpay"):
        config("21", **changes)


def test_what_sm2_needs_is_said(monkeypatch):
    """It is an extra."""
    made = config("21")
    monkeypatch.delitem(
        sys.modules, "paycore.sandbox.vendors.unionpay_sm2", raising=False
    )
    monkeypatch.setitem(sys.modules, "gmalg", None)

    with pytest.raises(NoVendor, match=r"pip install 'paycore\[sm2\]'"):
        Contract(made)

"""What Huifu's adapter believes of answers that are made by hand."""

import json

import pytest
from huifu_peer import (
    HUIFU,
    NEXT,
    NO,
    account,
    answer,
    ask,
    config,
    enquiry,
    notify,
    public_pem,
    to,
)
from msgspec.structs import replace

from paycore.gateway import huifu_verdict as verdict
from paycore.gateway.call import Operation
from paycore.gateway.channel import BAD_SIGNATURE
from paycore.gateway.channels.huifu import Huifu
from paycore.gateway.huifu_config import NOT_TO_BLAME
from paycore.kernel.http import Answered
from paycore.kernel.outcome import Blame, Outcome
from paycore.kernel.terms import VerifyStatus

DRIVER, ACCOUNT = Huifu(), account()
S, F, P, U = Outcome.SUCCEEDED, Outcome.DECLINED, Outcome.PENDING, Outcome.UNKNOWN
CONFIRM, DEDUCT, REFUND = Operation.CONFIRM, Operation.DEDUCT, Operation.REFUND
SEND, SIGN = Operation.SEND_CODE, Operation.SIGN
DAY = "20261128"


def heard(asked, data, at=ACCOUNT, **changed):
    return DRIVER.read(at, asked, answer(data, **changed))


def numbered(asked):
    """The number that a question after cards has."""
    return json.loads(DRIVER.assemble(ACCOUNT, asked).http.body)["data"]["req_seq_id"]


# --- what is believed -----------------------------------------------------------------

CLASSES = [
    # operation, what is said, outcome, blame
    (CONFIRM, {"trans_stat": "S", "trans_amt": "10.00"}, S, None),
    (CONFIRM, {"trans_stat": "F"}, F, Blame.REQUEST),
    (CONFIRM, {"trans_stat": "P"}, P, None),
    (CONFIRM, {"trans_stat": "I"}, P, None),
    (CONFIRM, {"trans_stat": "X"}, U, None),
    (CONFIRM, {"trans_stat": "S"}, P, None),  # no amount: asked after
    (CONFIRM, {"resp_code": "00000100"}, P, None),
    (CONFIRM, {}, P, None),
    (CONFIRM, {"resp_code": "90000000", "trans_stat": "P"}, P, None),
    (
        CONFIRM,
        {"resp_code": "99999999", "trans_stat": "S", "trans_amt": "10.00"},
        S,
        None,
    ),
    (DEDUCT, {"trans_stat": "S", "trans_amt": "10.00"}, S, None),
    (DEDUCT, {}, P, None),
    (REFUND, {"trans_stat": "S", "ord_amt": "10.00"}, S, None),
    (REFUND, {"trans_stat": "S", "trans_amt": "10.00"}, P, None),
    (SEND, {}, S, None),
    (SEND, {"sms_send_stat": "S", "trans_stat": "P"}, S, None),
    (SEND, {"sms_send_stat": "F"}, F, Blame.REQUEST),
    (SEND, {"resp_code": "00000100", "trans_stat": "P"}, P, None),
    (SIGN, {}, S, None),
    (Operation.REVOKE, {}, S, None),
    (Operation.REVOKE, {"trans_status": "F"}, F, Blame.REQUEST),
    (Operation.REVOKE, {"trans_status": "P"}, P, None),
    *(
        (operation, {"resp_code": code}, F, Blame.REQUEST)
        for operation in (CONFIRM, DEDUCT, REFUND, SEND, SIGN)
        for code in (
            *("10000000", "21000000", "22000000", "22000002", "22000004"),
            *("90000000", "90000001"),
        )
    ),
    (DEDUCT, {"resp_code": "90000000", "hf_seq_id": "HF1"}, U, None),
    *(
        (operation, {"resp_code": code}, U, None)
        for operation in (CONFIRM, DEDUCT, REFUND, SEND)
        for code in (
            *("20000000", "20000004", "23000001", "98888888", "99999999"),
            *("30000000", "E_NEW_2031", ""),
        )
    ),
    *(
        (operation, {"resp_code": code}, *expected)
        for operation, *expected in (
            (SEND, F, Blame.CHANNEL),
            (SIGN, F, Blame.CHANNEL),
            (CONFIRM, U, None),
            (DEDUCT, U, None),
            (REFUND, U, None),
        )
        for code in ("20000001", "911", "914")
    ),
    (DEDUCT, {"resp_code": "921"}, F, Blame.CHANNEL),
    (REFUND, {"resp_code": "10000001"}, U, None),
    *(
        (REFUND, {"resp_code": code}, F, Blame.REQUEST)
        for code in ("10000002", "23000003", "10000009")
    ),
    (DEDUCT, {"resp_code": "10000002"}, U, None),
]


@pytest.mark.parametrize(("operation", "said", "outcome", "blame"), CLASSES)
def test_the_status_decides(operation, said, outcome, blame):
    """A code only where no status is there, and what nobody knows is unknown."""
    asked = ask(operation)
    reply = heard(asked, to(asked, **said))

    assert (outcome, blame, False) == (reply.outcome, reply.blame, reply.not_found)
    assert reply.alarm is None


ENQUIRIES = [
    (CONFIRM, {"trans_stat": "S", "trans_amt": "10.00"}, S, False),
    (CONFIRM, {"trans_stat": "F"}, F, False),
    (CONFIRM, {"trans_stat": "P"}, P, False),
    (CONFIRM, {"trans_stat": "I"}, P, False),
    (SEND, {"trans_stat": "I"}, U, True),  # the code is out: no money leg
    (SEND, {"trans_stat": "P"}, P, False),
    (SEND, {"trans_stat": "S", "trans_amt": "10.00"}, S, False),
    (SEND, {"trans_stat": "S"}, P, False),
    (DEDUCT, {}, U, False),
    (DEDUCT, {"resp_code": "00000100"}, P, False),
    (DEDUCT, {"resp_code": "20000004"}, U, True),
    (REFUND, {"resp_code": "23000001"}, U, True),
    (REFUND, {"trans_stat": "S", "ord_amt": "10.00"}, S, False),
    # Of the asking, not of the order.
    *(
        (DEDUCT, {"resp_code": code}, U, False)
        for code in ("10000000", "90000000", "20000001", "921", "99999999")
    ),
]


@pytest.mark.parametrize(("about", "said", "outcome", "not_found"), ENQUIRIES)
def test_an_enquiry_says_what_became_of_it(about, said, outcome, not_found):
    """A code alone says no of the enquiry at the most, and never of the order."""
    asked = enquiry(about)
    reply = heard(asked, to(asked, **said))

    assert (outcome, not_found) == (reply.outcome, reply.not_found)


def test_a_yes_has_its_amount_and_reference():
    """Both are kept, and their reference of an enquiry is that of the order."""
    asked = ask(DEDUCT)
    said = {"trans_stat": "S", "trans_amt": "10.00", "hf_seq_id": "HF1"}
    reply = heard(asked, to(asked, **said))
    found = heard(enquiry(DEDUCT), to(enquiry(DEDUCT), **said, org_hf_seq_id="HF2"))

    assert (1000, "CNY", "HF1") == (reply.amount, reply.currency, reply.channel_ref)
    assert "HF2" == found.channel_ref


@pytest.mark.parametrize(
    ("asked", "said", "amount", "alarm"),
    [
        (ask(DEDUCT), {"trans_amt": "10.01"}, 1001, "amount differs"),
        (ask(DEDUCT), {"trans_amt": "-10.00"}, -1000, "amount differs"),
        (ask(DEDUCT), {"trans_amt": "10.000"}, None, "amounts contradict"),
        (ask(SEND), {"trans_amt": "1.00", "sms_send_stat": "S"}, 100, "amount differs"),
        (enquiry(CONFIRM), {"trans_amt": "1000"}, 100_000, "amount differs"),
        (
            ask(REFUND),
            {"ord_amt": "10.00", "actual_ref_amt": "9.00"},
            900,
            "amounts contradict",
        ),
    ],
)
def test_a_yes_to_another_amount_is_none(asked, said, amount, alarm):
    """A person looks, and sees which amount it was (F32)."""
    reply = heard(asked, to(asked, trans_stat="S", **said))

    assert (U, amount, alarm) == (reply.outcome, reply.amount, reply.alarm)


@pytest.mark.parametrize("asked", [ask(DEDUCT), enquiry(DEDUCT), enquiry(REFUND)])
@pytest.mark.parametrize("wrong", ["no", "day", "huifu_id", "missing"])
def test_an_answer_about_another_order_proves_nothing(asked, wrong):
    """Genuine, and of another number, day or merchant: unknown, and somebody looks."""
    prefix = "org_" if asked.operation is Operation.ENQUIRE else ""
    said = to(asked, trans_stat="S", trans_amt="10.00", ord_amt="10.00")
    change = {
        "no": {f"{prefix}req_seq_id": f"{NO}02"},
        "day": {f"{prefix}req_date": "20261129"},
        "huifu_id": {"huifu_id": "6666000100000003"},
        "missing": {f"{prefix}req_seq_id": ""},
    }[wrong]
    reply = heard(asked, said | change)

    assert (U, "OTHER_ORDER") == (reply.outcome, reply.resp_code)
    assert reply.alarm
    assert not reply.not_found


def test_every_field_of_an_answer_is_signed():
    """One that is changed, added or taken away after the signature is believed by
    nobody.
    """
    asked = ask(DEDUCT)
    said = to(asked, trans_stat="F", trans_amt="10.00", hf_seq_id="HF1")
    for name, value in said.items():
        flipped = value[:-1] + chr(ord(value[-1]) ^ 1)
        reply = heard(asked, said, **{name: flipped})

        assert (U, BAD_SIGNATURE) == (reply.outcome, reply.resp_code), name
        assert reply.alarm
    assert BAD_SIGNATURE == heard(asked, said, more="x").resp_code
    assert BAD_SIGNATURE == heard(asked, said, whose="somebody").resp_code


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b"[]",
        b'{"data":"x","sign":"y"}',
        b'{"sign":"y"}',
        b"\xff",
        b'{"data":' * 2000,
    ],
)
def test_what_is_no_envelope_says_nothing(body):
    """Garbage is unknown."""
    reply = DRIVER.read(
        ACCOUNT, ask(DEDUCT), Answered(status=200, headers={}, body=body)
    )

    assert (U, "GARBAGE") == (reply.outcome, reply.resp_code)


def test_an_answer_that_nobody_signed_says_nothing():
    """Not even a plain refusal of ours; its code is shown to whoever sets it up."""
    said = to(ask(DEDUCT), resp_code="921", resp_desc="验签失败")
    body = json.dumps({"data": said}).encode()
    reply = DRIVER.read(
        ACCOUNT, ask(DEDUCT), Answered(status=200, headers={}, body=body)
    )

    assert (U, BAD_SIGNATURE, "921 验签失败") == (
        reply.outcome,
        reply.resp_code,
        reply.resp_msg,
    )
    assert "private key" in DRIVER.explain(ACCOUNT, reply)


@pytest.mark.parametrize("status", [412, 500, 502, 301, 404, 911, 921])
def test_another_status_is_unknown(status):
    """Whatever its body says, signed or not; a refusal of ours alarms."""
    said = to(ask(DEDUCT), trans_stat="S", trans_amt="10.00")
    genuine = replace(answer(said), status=status)
    reply = DRIVER.read(ACCOUNT, ask(DEDUCT), genuine)

    assert (U, f"HTTP_{status}") == (reply.outcome, reply.resp_code)
    assert (status == 921) == bool(reply.alarm)


def test_credentials_that_are_replaced_are_still_believed():
    """An answer by Huifu's key of before, while the new one is tried."""
    former = account(huifu_public_key=public_pem("before"))
    both = account()
    object.__setattr__(both, "former", former)
    genuine = answer(to(ask(DEDUCT), trans_stat="P"), "before")

    assert U is DRIVER.read(both, ask(DEDUCT), genuine).outcome
    assert P is DRIVER.believed(both, ask(DEDUCT), genuine).outcome


def test_an_account_says_whom_a_refusal_blames():
    """By Huifu's code or the bank's, the code that the payer typed above all."""
    blames = {"B1": Blame.PAYER, "C1": Blame.CODE, "C2": Blame.CODE}
    at = account(blames=blames, expired_codes=("C2",))
    asked = ask(CONFIRM)
    poor = heard(asked, to(asked, trans_stat="F", bank_code="B1"), at)
    wrong = heard(asked, to(asked, resp_code="C1"), at)
    old = heard(asked, to(asked, resp_code="C2"), at)
    begun = heard(asked, to(asked, resp_code="C1", hf_seq_id="HF1"), at)
    by_bank = heard(asked, to(asked, resp_code="90000000", bank_code="C1"), at)

    assert (F, Blame.PAYER, "B1") == (poor.outcome, poor.blame, poor.resp_code)
    assert (F, Blame.CODE, VerifyStatus.WRONG) == (
        wrong.outcome,
        wrong.blame,
        wrong.verify_status,
    )
    assert (F, Blame.CODE, "C1") == (
        by_bank.outcome,
        by_bank.blame,
        by_bank.resp_code,
    )
    assert VerifyStatus.WRONG is by_bank.verify_status
    assert VerifyStatus.EXPIRED is old.verify_status
    assert U is begun.outcome


@pytest.mark.parametrize("numbering", ["as_send", "fresh"])
def test_the_word_on_one_try_of_a_code_ends_no_other(numbering):
    """Only the answer to a try says what became of it: a notify and an enquiry are of
    the order, whose tries have one number.
    """
    at = account(blames={"C1": Blame.CODE}, confirm_numbering=numbering)
    number = f"{NO}01" + ("C" if numbering == "fresh" else "")
    wrong = {"trans_stat": "F", "bank_code": "C1"}
    asked, later = ask(CONFIRM), enquiry(CONFIRM)
    theirs = {"req_seq_id": number, "trans_type": "QUICK_PAY"}
    told = json.dumps(to(asked, **(theirs | wrong)))
    notified = DRIVER.callback(at, "/", {}, notify(told), now=NEXT)
    found = heard(later, to(later, **wrong, org_req_seq_id=number), at)

    own = heard(asked, to(asked, **wrong, req_seq_id=number), at)

    assert (F, Blame.CODE) == (own.outcome, own.blame)
    assert (U, None, False) == (
        *(notified.reply.outcome, notified.reply.blame, notified.reply.not_found),
    )
    assert (U, None, True) == (found.outcome, found.blame, found.not_found)


def test_no_account_makes_a_refusal_of_what_is_none():
    """A code that is open by the papers cannot be made a definite no."""
    still_open = {
        code
        for code, (outcome, _) in verdict.CODES.items()
        if outcome is Outcome.UNKNOWN
    }

    assert {*still_open, "00000000", "00000100"} == NOT_TO_BLAME
    with pytest.raises(ValueError, match="no refusal"):
        config(blames={"20000000": Blame.CODE})


# --- agreements -----------------------------------------------------------------------


def test_a_signing_gives_both_identifiers_as_one():
    """A payment takes the payer's and the card's; a yes without them is none."""
    asked = ask(Operation.SIGN_CONFIRM)
    sent = json.loads(DRIVER.assemble(ACCOUNT, asked).http.body)["data"]
    said = to(asked, req_seq_id=sent["req_seq_id"], user_huifu_id="U1")
    signed = heard(asked, {**said, "token_no": "T1", "bind_card_stat": "S"})
    nothing = heard(asked, said)
    refused = heard(asked, {**said, "bind_card_stat": "F"})
    later = heard(asked, {**said, "bind_card_stat": "P"})

    assert (S, "U1/T1", VerifyStatus.PASS) == (
        signed.outcome,
        signed.agreement,
        signed.verify_status,
    )
    assert (U, "NO_TOKEN") == (nothing.outcome, nothing.resp_code)
    assert (F, P) == (refused.outcome, later.outcome)


@pytest.mark.parametrize("as_text", [True, False])
def test_a_signing_is_found_in_its_customers_list(as_text):
    """Each signing is a customer of its own there, so the one card is the one. An
    answer repeats the question's number, and perhaps whose cards it lists.
    """
    asked = enquiry(SIGN)
    number = numbered(asked)
    card = {"token_no": "T1", "user_huifu_id": "U1", "card_no": "6222**7894"}

    def said(cards, **more):
        listed = json.dumps(cards) if as_text else cards
        told = {"resp_code": "00000000", "req_seq_id": number, "huifu_id": HUIFU}
        return heard(asked, told | {"card_list": listed} | more)

    assert (S, "U1/T1") == (said([card]).outcome, said([card]).agreement)
    assert P is said([]).outcome
    assert P is said([card | {"bind_card_stat": "F"}]).outcome
    assert "SEVERAL_CARDS" == said([card, card]).resp_code
    assert S is said([card], out_cust_id=f"{NO}S01").outcome
    assert "OTHER_ORDER" == said([card], req_seq_id="").resp_code
    assert "OTHER_ORDER" == said([card], req_seq_id=f"{NO}S01").resp_code
    assert "OTHER_ORDER" == said([card], out_cust_id="X").resp_code
    assert "OTHER_ORDER" == said([card | {"out_cust_id": "X"}]).resp_code
    assert U is said([card], card_list="[").outcome
    assert said([], resp_code="23000001").not_found


def test_an_agreement_is_gone_when_no_list_has_it():
    """Until then its end was not heard, and is asked for again."""
    asked = enquiry(Operation.REVOKE)
    number = numbered(asked)
    said = {"resp_code": "00000000", "req_seq_id": number, "huifu_id": HUIFU}
    card = {"token_no": "T1", "user_huifu_id": "U1"}
    standing = heard(asked, said | {"card_list": [card]})

    assert S is heard(asked, said | {"card_list": []}).outcome
    assert (U, True) == (standing.outcome, standing.not_found)
    assert not heard(asked, said).not_found


@pytest.mark.parametrize("code", ["90000000", "911", "914", "921", "922", "923"])
def test_a_refusal_is_explained(code):
    """Whoever sets an account up reads what to do."""
    asked = enquiry(DEDUCT)
    signed = heard(asked, to(asked, resp_code=code))
    bare = DRIVER.read(
        ACCOUNT, asked, Answered(status=int(code) % 1000 or 200, headers={}, body=b"")
    )

    assert DRIVER.explain(ACCOUNT, signed)
    if len(code) == 3:
        assert DRIVER.explain(ACCOUNT, bare) == DRIVER.explain(ACCOUNT, signed)
    assert "" == DRIVER.explain(ACCOUNT, heard(asked, to(asked, trans_stat="P")))

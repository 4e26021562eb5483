"""The code, typed right and wrong: the article's three checks, tries, and new codes."""

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from facts import DEDUCT_BANKS, QUICK_BANKS, agreed, events, paid_once, took_nothing
from inside import answered, inside, rows
from sql import ask
from stack import SHOP, TICKETS, Payer, Stack, key

from paycore.core import service as core
from paycore.core.rows import OutBizNoRow, PaymentRow
from paycore.core.service import ATTEMPTS_A_PASSAGE, KeyClaim
from paycore.kernel.ids import MAX_ATTEMPTS, pay_order_no
from paycore.kernel.node import Node
from paycore.sms.rows import CodeRow

BOTH_WAYS = pytest.mark.parametrize(
    ("line", "banks"), [(SHOP, QUICK_BANKS), (TICKETS, DEDUCT_BANKS)]
)
"""A code that the bank counts, and one that is ours."""


@pytest.fixture(scope="module")
def patient(running: Stack) -> Iterator[Callable[..., Payer]]:
    """Payers at a node that waits long for a code to be sent."""
    node = running.start_node(send_code_timeout_s=30)
    place = len(running.nodes) - 1

    def payer(line: int = SHOP, **card: object) -> Payer:
        return running.payer(line, node=place, **card)

    yield payer
    node.stop()


def opened(payer: Payer, **changes: object) -> str:
    """The number of an order whose code is out."""
    answer = payer.open(**changes)
    assert "DOING" == answer.json()["biz_status"], answer.text
    return answer.json()["pay_order_no"]


def other_than(code: str) -> str:
    """A code that is not this one."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


def wrong(payer: Payer, no: str):
    """The answer to a wrong code."""
    return payer.confirm(no, other_than(payer.codes()[-1]))


def resend(payer: Payer, no: str):
    """Ask for another code; the answer."""
    return payer.api.post(f"/v1/quick-payments/{no}/codes", headers=key())


def in_words(answer) -> tuple[int, str, str]:
    """Status, code and message of a problem document."""
    problem = answer.json()
    return answer.status_code, problem["code"], problem["detail"]


# --- the article's three checks -------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh-CN", "支付订单已完成"), ("en-GB", "The payment is already finished.")],
)
def test_a_finished_payment_is_refused_first(payer: Payer, language: str, words: str):
    """F26: a confirm on a final order is BIZ_CHECK_ERROR and has no effect."""
    no = opened(payer)
    payer.confirm(no)

    answer = payer.confirm(no, **{"Accept-Language": language})

    assert (409, "BIZ_CHECK_ERROR", words) == in_words(answer)
    paid_once(payer, no, at=QUICK_BANKS)


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "快捷支付详单不存在"), ("en", "There is no quick-pay detail.")],
)
def test_a_payment_without_a_send_is_refused_second(
    stack: Stack, payer: Payer, language: str, words: str
):
    """Without any attempt to send a code there is nothing to confirm."""
    no = inside(stack, lambda node: _without_attempts(node, payer))

    answer = payer.confirm(no, "123456", **{"Accept-Language": language})

    assert (404, "DATA_NOT_EXIST", words) == in_words(answer)


async def _without_attempts(node: Node, payer: Payer) -> str:
    now = node.now()
    row = PaymentRow(
        pay_order_no=pay_order_no(node.ids, now),
        biz_line=payer.stack.lines[SHOP].biz_line,
        out_biz_no=f"bare-{node.ids.uuid().hex}",
        biz_order_no=None,
        amount=100,
        coupon_no=None,
        coupon_amount=0,
        payable_amount=100,
        currency="CNY",
        card_id=payer.card_id,
        subject="nothing was sent",
        created_at=now,
        expires_at=now + timedelta(minutes=5),
        next_check_at=now + timedelta(minutes=5),
    )
    change = node.change()
    change.insert(row)
    change.insert(
        OutBizNoRow(
            biz_line=row.biz_line,
            out_biz_no=row.out_biz_no,
            pay_order_no=row.pay_order_no,
            content=b"",
        )
    )
    assert await node.journal.commit(change) is None
    return row.pay_order_no


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh", "未成功发送短信"), ("en", "No code was sent successfully.")],
)
def test_a_payment_whose_code_is_not_out_is_refused_third(
    stack: Stack, patient, language: str, words: str
):
    """While no send has succeeded a confirm is BIZ_CHECK_ERROR, and harms nothing."""
    stack.fault("bank.quick_*.send_code", "slow:4")
    payer = patient()
    order = payer.order()
    with ThreadPoolExecutor() as pool:
        opening = pool.submit(payer.open, out_biz_no=order["out_biz_no"])
        no = _found(payer, order["out_biz_no"])

        answer = payer.confirm(no, "123456", **{"Accept-Language": language})

        assert (409, "BIZ_CHECK_ERROR", words) == in_words(answer)
        assert 201 == opening.result().status_code
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]


def _found(payer: Payer, out_biz_no: str) -> str:
    """The number of an order that is being opened."""
    deadline, query = time.monotonic() + 60, {"out_biz_no": out_biz_no}
    while not (items := payer.api.get("/v1/payments", params=query).json()["items"]):
        assert time.monotonic() < deadline, out_biz_no
        time.sleep(0.02)
    return items[0]["pay_order_no"]


def test_an_unknown_order_is_not_there(payer: Payer):
    """A number that names nothing is DATA_NOT_EXIST, whatever its form; what no path of
    ours could be is no order's address at all.
    """
    for no in ("26112214422374" + "8D4X2MS9DH33", "0" * 27, "x", "a" * 300):
        status, code, _ = in_words(payer.confirm(no, "123456"))
        assert (404, "DATA_NOT_EXIST") == (status, code), no
    assert (404, "NOT_FOUND") == in_words(payer.confirm("%00", "123456"))[:2]


def test_another_lines_order_is_not_there(stack: Stack, payer: Payer):
    """I24: a line can neither read, confirm, resend nor close what is not its own."""
    no = opened(payer)
    stranger = stack.payer(TICKETS)
    code = payer.codes()[-1]

    answers = [
        stranger.confirm(no, code),
        resend(stranger, no),
        stranger.api.get(f"/v1/payments/{no}"),
        stranger.api.get(f"/v1/payments/{no}/timeline"),
        stranger.api.post(f"/v1/payments/{no}/close", headers=key()),
    ]

    for answer in answers:
        assert (404, "DATA_NOT_EXIST") == in_words(answer)[:2]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]


# --- tries ----------------------------------------------------------------------------


@BOTH_WAYS
def test_a_wrong_code_is_an_answer_and_the_right_one_still_pays(
    stack: Stack, line: int, banks: tuple[str, ...]
):
    """F20, 9.5: 200 DOING WRONG, nothing moved; then the right code pays once."""
    payer = stack.payer(line)
    no = opened(payer)

    answer = wrong(payer, no)

    result = answer.json()
    assert (200, "DOING", "WRONG", "CODE_WRONG") == (
        answer.status_code,
        result["biz_status"],
        result["verify_status"],
        result["resp_code"],
    )
    assert (None if line == SHOP else 4) == result["tries_left"]
    took_nothing(payer, no)
    right = payer.confirm(no).json()
    assert ("SUCCESS", "PASS") == (right["biz_status"], right["verify_status"])
    paid_once(payer, no, at=banks)


def test_used_up_tries_lock_the_code_and_a_new_one_pays(converted_payer: Payer):
    """F21: after five wrong tries not even the right code counts; a new one does."""
    payer = converted_payer
    no = opened(payer)
    answers = [wrong(payer, no).json() for _ in range(5)]

    locked = payer.confirm(no).json()

    assert [4, 3, 2, 1, 0] == [answer["tries_left"] for answer in answers]
    assert {"WRONG"} == {answer["verify_status"] for answer in answers}
    assert ("DOING", "LOCKED", 0) == (
        locked["biz_status"],
        locked["verify_status"],
        locked["tries_left"],
    )
    took_nothing(payer, no)
    assert "CODE_SENT" == resend(payer, no).json()["resp_code"]
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


def test_an_order_has_ten_tries_whatever_codes_it_gets(converted_payer: Payer):
    """F21, 9.9: two codes' worth of wrong tries lock the order for good, and none is
    texted that could not pass.
    """
    payer = converted_payer
    no = opened(payer)
    for turn in range(2):
        if turn:
            resend(payer, no)
        for _ in range(5):
            wrong(payer, no)

    refused = resend(payer, no)
    answer = payer.confirm(no).json()

    assert used_up(refused)
    assert 2 == len(payer.codes())
    assert ("DOING", "LOCKED") == (answer["biz_status"], answer["verify_status"])
    took_nothing(payer, no)


def used_up(answer) -> bool:
    """Whether it is said that this order comes to nothing any more: not for waiting."""
    status, code, words = in_words(answer)
    assert "Retry-After" not in answer.headers
    return (409, "BIZ_CHECK_ERROR") == (status, code) and "close it" in words


def test_a_bank_is_asked_about_so_many_codes_of_an_order(payer: Payer):
    """An order has room for so many attempts; then no wait is of any use."""
    no = opened(payer)
    answers = [wrong(payer, no) for _ in range(MAX_ATTEMPTS - ATTEMPTS_A_PASSAGE)]

    assert {200} == {answer.status_code for answer in answers}
    assert used_up(payer.confirm(no))
    assert used_up(resend(payer, no))
    took_nothing(payer, no)


def test_a_card_that_is_registered_again_has_no_new_tries(stack: Stack):
    """F21: of one number's day; who is locked by it hears so, and of no tries left."""
    node = stack.start_node(code_wrong_per_card_day=3)
    place = len(stack.nodes) - 1
    card = {"number": "6222020200166677787", "phone": "+8613666777850"}
    first, second = (stack.payer(TICKETS, node=place, **card) for _ in range(2))
    first.phone = second.phone = card["phone"]
    no = opened(first)
    answers = [wrong(first, no).json() for _ in range(3)]
    again = opened(second)

    locked = second.confirm(again).json()

    node.stop()
    assert first.card_id != second.card_id
    assert [4, 3, 2] == [answer["tries_left"] for answer in answers]
    assert ("DOING", "LOCKED", 0) == (
        locked["biz_status"],
        locked["verify_status"],
        locked["tries_left"],
    )
    took_nothing(second, again)


def test_a_code_of_another_order_is_refused(converted_payer: Payer):
    """F22, I8: a code is good for its own order only."""
    payer = converted_payer
    first, second = opened(payer), opened(payer)
    code_of_first, code_of_second = payer.codes()[-2:]

    crossed = payer.confirm(first, code_of_second).json()

    assert "WRONG" == crossed["verify_status"]
    assert "SUCCESS" == payer.confirm(first, code_of_first).json()["biz_status"]
    took_nothing(payer, second)


def test_an_expired_code_is_refused_and_a_new_one_pays(converted_payer: Payer):
    """F22, I27: past its five minutes the right code is refused, by database time."""
    payer = converted_payer
    no = opened(payer)
    code = payer.codes()[-1]

    async def later(node: Node):
        node.clock.ahead = timedelta(seconds=301)
        claim = KeyClaim(scope=node.ids.uuid().bytes * 2, fingerprint=b"f" * 32)
        views = []

        def answer_of(view):
            views.append(view)
            return 200, answered(view.payment)

        line = payer.stack.lines[TICKETS].biz_line
        await core.confirm(node, line, no, code, claim, answer_of)
        return views[-1].payment

    expired = inside(payer.stack, later)

    assert ("DOING", "EXPIRED") == (expired.biz_status, expired.verify_status)
    took_nothing(payer, no)
    resend(payer, no)
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)


@BOTH_WAYS
def test_a_code_that_paid_pays_no_second_time(stack: Stack, line: int, banks):
    """F22, F26: the used code is refused, on its own order and on the next."""
    payer = stack.payer(line)
    first = opened(payer)
    code = payer.codes()[-1]
    payer.confirm(first)
    second = opened(payer)

    assert 409 == payer.confirm(first, code).status_code
    assert "WRONG" == payer.confirm(second, code).json()["verify_status"]
    paid_once(payer, first, at=banks)
    took_nothing(payer, second)


# --- another code ---------------------------------------------------------------------


def test_another_code_too_soon_is_refused(stack: Stack):
    """9.9: 60 s between codes the payer asks for; the refusal says how long to wait."""
    node = stack.start_node(code_gap_s=60)
    payer = stack.payer(node=len(stack.nodes) - 1)
    order = payer.open().json()
    assert 55 < order["code"]["resend_after_s"] <= 60

    answer = resend(payer, order["pay_order_no"])

    assert (429, "TOO_MANY") == in_words(answer)[:2]
    assert 0 < int(answer.headers["Retry-After"]) <= 60
    assert 1 == len(payer.codes())
    node.stop()


@BOTH_WAYS
def test_a_new_code_voids_the_old(stack: Stack, line: int, banks: tuple[str, ...]):
    """I9: only the newest code of an order is accepted."""
    payer = stack.payer(line)
    no = opened(payer)

    answer = resend(payer, no)

    assert (200, "CODE_SENT") == (answer.status_code, answer.json()["resp_code"])
    old, new = payer.codes()
    assert "WRONG" == payer.confirm(no, old).json()["verify_status"]
    assert "SUCCESS" == payer.confirm(no, new).json()["biz_status"]
    paid_once(payer, no, at=banks)


@pytest.mark.parametrize(
    ("line", "target", "fault"),
    [
        (SHOP, "bank.quick_*.send_code", "decline:WRONG_PHONE"),
        (TICKETS, "carrier.*.send", "http_500"),
        (TICKETS, "carrier.*.send", "refuse_connection"),
    ],
)
def test_a_failed_resend_leaves_the_old_code_good(
    stack: Stack, line: int, target: str, fault: str
):
    """A resend that got nothing out takes nothing away from the payer."""
    payer = stack.payer(line)
    no = opened(payer)
    stack.fault(target, fault)

    answer = resend(payer, no).json()

    assert ("DOING", "RESEND_FAILED") == (answer["biz_status"], answer["resp_code"])
    stack.no_faults()
    assert 1 == len(payer.codes())
    assert "SUCCESS" == payer.confirm(no).json()["biz_status"]
    paid_once(payer, no, at=(QUICK_BANKS, DEDUCT_BANKS)[line])


def test_a_resend_that_the_bank_cannot_do_converts(stack: Stack):
    """Before any confirm a resend may convert; then only our own code counts."""
    payer = stack.payer()
    no = opened(payer)
    stack.fault("bank.quick_*.send_code", "http_500")

    answer = resend(payer, no).json()

    assert ("DEDUCT", "DOING") == (answer["pay_type"], answer["biz_status"])
    bank_code, our_code = payer.codes()
    assert "WRONG" == payer.confirm(no, bank_code).json()["verify_status"]
    assert "SUCCESS" == payer.confirm(no, our_code).json()["biz_status"]
    paid_once(payer, no, at=DEDUCT_BANKS)
    assert 1 == events(payer, no).count("CONVERTED")


def test_a_resend_goes_to_whoever_sent_last(stack: Stack):
    """The second code comes from the bank that sent the first."""
    payer = stack.payer(agreements=agreed(*QUICK_BANKS))
    for _ in range(4):
        no = opened(payer)
        resend(payer, no)
        first, second = stack.sms(payer.phone)[-2:]
        assert first["carrier"] == second["carrier"]


def test_codes_are_kept_as_keyed_hashes(converted_payer: Payer):
    """I25, 9.9: what the database holds of a code does not show it."""
    no = opened(converted_payer)
    code = converted_payer.codes()[-1].encode()

    (row,) = rows(converted_payer.stack, CodeRow, no)

    assert code not in row.digest
    assert 32 == len(row.digest)


# --- what the database keeps of it ----------------------------------------------------


def test_a_key_tells_nobody_which_code_was_typed(converted_payer: Payer):
    """I25: who reads the database cannot try all codes against a key's fingerprint."""
    no = opened(converted_payer)
    wrong(converted_payer, no)
    converted_payer.confirm(no)
    found = ask(
        converted_payer.stack,
        "SELECT fingerprint FROM idempotency_key WHERE pay_order_no = $1",
        no,
    )
    kept = {row["fingerprint"] for row in found}
    bodies = (b'{"sms_verify_code":"%06d"}' % code for code in range(10**6))

    assert 3 == len(kept)
    assert not [body for body in bodies if hashlib.sha256(body).digest() in kept]

"""kill -9 around the calls to a coupon system of the user's own: nothing is lost.

Where the node dies is exact: the system holds the call that it must not survive.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2 as httpx
import pytest
from coupon_system import AFTER, BEFORE, SECRET, Coupons, until
from stack import SHOP, Payer, Stack, key, stacked
from test_coupons_elsewhere import fresh, hold, opened

pytestmark = pytest.mark.long

SURVIVOR = 0
BEFORE_AND_AFTER = pytest.mark.parametrize("fault", [BEFORE, AFTER])


@pytest.fixture(scope="module")
def crashing(serving: Coupons) -> Iterator[Stack]:
    """A stack whose first node survives; audited at its end."""
    with stacked(
        coupon_url=serving.url,
        coupon_secret=SECRET,
        coupon_timeout_s=10,
        money_timeout_s=2,
        enquiry_timeout_s=1,
        heartbeat_s=1,
        lease_s=4,
    ) as stack:
        yield stack


class Doomed:
    """A payer at a node that will die, and the same one elsewhere."""

    def __init__(self, stack: Stack, coupons: Coupons) -> None:
        self.stack, self.coupons = stack, coupons
        self.node = stack.start_node(role="api")
        self.payer = stack.payer(SHOP, node=len(stack.nodes) - 1)
        api = stack.client(SHOP, node=SURVIVOR)
        self.elsewhere = Payer(stack, api, self.payer.card_id, self.payer.phone)
        self.coupon_no = fresh(coupons)

    @contextmanager
    def dying(self, operation: str, fault: str, doing) -> Iterator[None]:
        """Inside the block the node waits for this call's answer; then it is dead."""
        self.coupons.held.clear()
        self.coupons.script[operation] = [fault]
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(doing)
            assert self.coupons.held.wait(60)
            yield
            self.node.kill()
            assert isinstance(waiting.exception(), httpx.TransportError)

    def used_once(self, no: str) -> None:
        """Paid once, and the coupon is used once, by this order."""
        assert "SUCCESS" == self.elsewhere.until(no)["biz_status"]
        until(lambda: hold(self.stack, no) == "USED")
        assert ("USED", no) == self.coupons.is_(self.coupon_no)
        assert 1 == self.coupons.uses[self.coupon_no]
        assert [1000] == [charge["amount"] for charge in self.stack.charges(no)]


@pytest.fixture
def doomed(crashing: Stack, serving: Coupons) -> Iterator[Doomed]:
    """A payer whose node will die."""
    made = Doomed(crashing, serving)
    yield made
    serving.script.clear()
    if made.node.alive:
        made.node.kill()
    crashing.nodes.remove(made.node)


@BEFORE_AND_AFTER
def test_a_death_at_the_lock_charges_nothing_and_can_go_on(doomed: Doomed, fault: str):
    """F41, F42: the intent is on record; elsewhere it is asked for again, and paid."""
    no = opened(doomed.payer, doomed.coupon_no)
    with doomed.dying("lock", fault, lambda: doomed.payer.confirm(no)):
        assert "ASKED" == hold(doomed.stack, no)
        assert [] == doomed.stack.charges(no)

    def confirmed() -> bool:
        answer = doomed.elsewhere.confirm(no)
        return answer.status_code == 200

    until(confirmed)
    doomed.used_once(no)


@BEFORE_AND_AFTER
def test_a_death_at_the_lock_of_an_order_that_is_closed_frees_it(
    doomed: Doomed, fault: str
):
    """F42, F49: whether the lock is there nobody knows; it is given back."""
    no = opened(doomed.payer, doomed.coupon_no)
    with doomed.dying("lock", fault, lambda: doomed.payer.confirm(no)):
        pass

    def closed() -> bool:
        url = f"/v1/payments/{no}/close"
        return doomed.elsewhere.api.post(url, headers=key()).status_code == 200

    until(closed)
    assert "CLOSED" == doomed.elsewhere.get(no)["biz_status"]
    until(lambda: hold(doomed.stack, no) == "FREED")
    assert ("AVAILABLE", None) == doomed.coupons.is_(doomed.coupon_no)
    assert [] == doomed.stack.charges(no)


@BEFORE_AND_AFTER
def test_a_deduction_whose_node_died_at_the_lock_goes_on(doomed: Doomed, fault: str):
    """The order is on record with its intent: a worker locks, and takes the money."""
    body = doomed.payer.order(coupon_no=doomed.coupon_no)

    def post(payer: Payer):
        return payer.api.post("/v1/deductions", json=body, headers=key())

    with doomed.dying("lock", fault, lambda: post(doomed.payer)):
        pass
    no = post(doomed.elsewhere).json()["pay_order_no"]
    assert "SUCCESS" == doomed.elsewhere.until(no, within_s=60)["biz_status"]
    doomed.used_once(no)


@BEFORE_AND_AFTER
def test_a_death_while_it_tells_of_the_use_uses_it_once(
    crashing: Stack, serving: Coupons, fault: str
):
    """F45, F51: what it had in hand is told by the next life of a node."""
    payer, coupon_no = crashing.payer(), fresh(serving)
    no = opened(payer, coupon_no)
    serving.held.clear()
    serving.script["use"] = [fault]
    assert "SUCCESS" == payer.pays(no)["biz_status"]
    assert serving.held.wait(60)
    crashing.nodes[SURVIVOR].kill()
    crashing.nodes.remove(crashing.nodes[SURVIVOR])
    crashing.start_node()
    until(lambda: hold(crashing, no) == "USED")

    assert ("USED", no) == serving.is_(coupon_no)
    assert 1 == serving.uses[coupon_no]
    assert 2 == serving.count("use", no) + (fault == BEFORE)

"""What operators do to one payment by itself: close it, have its channel asked, tell
its business line again. Each by the same service as a line or a worker, and entered.
"""

from litestar import post as posted
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, doing_of
from paycore.api.answers import encode, kept
from paycore.api.console.payments_schema import PaymentActed
from paycore.api.console.schema import Because
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain
from paycore.api.payments import number_of
from paycore.core import service as core
from paycore.core.looks import acts
from paycore.core.service import View
from paycore.kernel.errors import BizCheckError, DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.terms import BizStatus
from paycore.operators import service as operators
from paycore.operators.log import Log
from paycore.operators.roles import May

_BECAUSE = Shape(Because)


@posted(
    "/v1/console/payments/{pay_order_no:str}/close",
    status_code=200,
    opt={
        "call": Call(
            name="closeConsolePayment",
            summary="Ask the channel, then close the payment",
            takes=Because,
            gives=((200, PaymentActed),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def close_payment(request: Plain, pay_order_no: str) -> ASGIApp:
    """Ask the channel, then close the payment."""
    doing = await doing_of(request)
    asked, no = _BECAUSE.decode(doing.body), number_of(pay_order_no)
    node, deed = doing.door.node, doing.deed(no, asked.why)
    biz_line, _ = await acts.standing(node, no)

    async def enter(change: Change) -> None:
        log = await Log.of(node)
        log.enter(node, change, await operators.again(node, doing.operator), deed)

    # It is the line's own passage, and asks a channel on the way: the entry is in the
    # change that begins it, the answer under the key in the one that ends it.
    return kept(
        request,
        await core.close(node, biz_line, no, doing.claim(), _closed, also=enter),
    )


def _closed(view: View) -> tuple[int, bytes]:
    closed = view.payment.biz_status is BizStatus.CLOSED
    answer = PaymentActed(
        pay_order_no=view.payment.pay_order_no,
        biz_status=view.payment.biz_status,
        says="closed" if closed else "not closed: its channel has to be asked first",
        says_zh="已关闭" if closed else "未关闭:需先向渠道查询",
    )
    return 200, encode(answer)


@posted(
    "/v1/console/payments/{pay_order_no:str}/enquire",
    status_code=200,
    opt={
        "call": Call(
            name="enquireConsolePayment",
            summary="Have the channel asked at once what became of the money",
            takes=Because,
            gives=((200, PaymentActed),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def enquire_payment(request: Plain, pay_order_no: str) -> ASGIApp:
    """Have the channel asked at once."""
    doing = await doing_of(request)
    asked, no = _BECAUSE.decode(doing.body), number_of(pay_order_no)

    async def stage(change: Change) -> Told:
        now = await acts.stage_enquiry(doing.door.node, change, no)
        return Told.ok(
            PaymentActed(
                pay_order_no=no, biz_status=now, says="asked for", says_zh="已安排查询"
            )
        )

    return await acted(request, doing, doing.deed(no, asked.why), stage)


@posted(
    "/v1/console/payments/{pay_order_no:str}/notices",
    status_code=200,
    opt={
        "call": Call(
            name="notifyConsolePayment",
            summary="Send all notices of the payment again, under their old ids",
            takes=Because,
            gives=((200, PaymentActed),),
            refuses=(DataNotExist, BizCheckError),
            keyed=True,
            may=May.ACT,
        )
    },
)
async def notify_payment(request: Plain, pay_order_no: str) -> ASGIApp:
    """Tell its business line again."""
    doing = await doing_of(request)
    asked, no = _BECAUSE.decode(doing.body), number_of(pay_order_no)

    async def stage(change: Change) -> Told:
        number = await acts.stage_notices(doing.door.node, change, no)
        _, now = await acts.standing(doing.door.node, no)
        return Told.ok(
            PaymentActed(
                pay_order_no=no,
                biz_status=now,
                says=f"{number} on their way",
                says_zh=f"{number} 条通知已重发",
            )
        )

    return await acted(request, doing, doing.deed(no, asked.why), stage)

"""The one tree of refusals.

    Refusal                     our caller asked for what we will not do
    ├── BadRequest              400  the request itself is wrong
    │   └── KeyRequired         400  idempotency_key_required
    ├── Unauthorized            401  who is calling?
    ├── Forbidden               403  not for this caller
    ├── DataNotExist            404  DATA_NOT_EXIST
    ├── BizCheckError           409  BIZ_CHECK_ERROR, the article's
    ├── Duplicate               409  DUPLICATE
    ├── InFlight                409  idempotency_in_flight, retryable
    ├── CouponRefused           409  COUPON
    ├── RefundExceeds           409  REFUND_EXCEEDS
    ├── SecondPerson            409  SECOND_PERSON
    ├── PreviewStale            409  PREVIEW_STALE
    ├── ShownOnce               409  SHOWN_ONCE
    ├── KeyConflict             422  idempotency_conflict
    ├── TooMany                 429  too often, with Retry-After
    ├── CouponAway              503  COUPON_AWAY, retryable
    └── Unavailable             503  not now; nothing was recorded by this try

A refusal changed nothing and is not stored under an idempotency key. What a bank
answered is an outcome, a value, never one of these. A bug is an assertion.
`code` is stable and public (docs/errors.md); `zh` and `en` are the messages, chosen
by Accept-Language. A message never repeats anything of the request.
"""

from typing import ClassVar


class Refusal(Exception):
    """What we will not do, with a stable code, an HTTP status and two languages."""

    code: ClassVar[str] = "REFUSED"
    status: ClassVar[int] = 409
    retryable: ClassVar[bool] = False
    default_zh: ClassVar[str] = "请求被拒绝"
    default_en: ClassVar[str] = "The request is refused."

    def __init__(
        self,
        en: str | None = None,
        zh: str | None = None,
        *,
        retry_after_s: int | None = None,
        field: str | None = None,
    ) -> None:
        """`field` names one of OUR fields, never a name that the caller invented."""
        self.en = en or self.default_en
        self.zh = zh or (self.default_zh if en is None else en)
        self.retry_after_s = retry_after_s
        self.field = field
        super().__init__(self.en)


class BadRequest(Refusal):
    """The request itself is wrong; correct it before the next try."""

    code = "BAD_REQUEST"
    status = 400
    default_zh = "请求参数有误"
    default_en = "The request is not valid."


class KeyRequired(BadRequest):
    """A POST without the Idempotency-Key header."""

    code = "idempotency_key_required"
    default_zh = "缺少 Idempotency-Key 请求头"
    default_en = "This call needs an Idempotency-Key header."


class Unauthorized(Refusal):
    """No key, a wrong key, or a disabled one."""

    code = "UNAUTHORIZED"
    status = 401
    default_zh = "API 密钥缺失或无效"
    default_en = "The API key is missing or not valid."


class Forbidden(Refusal):
    """Known caller, not his to do."""

    code = "FORBIDDEN"
    status = 403
    default_zh = "无权执行此操作"
    default_en = "This caller may not do that."


class DataNotExist(Refusal):
    """Not there, or not this business line's: the two look alike outside."""

    code = "DATA_NOT_EXIST"
    status = 404
    default_zh = "数据不存在"
    default_en = "There is no such record."


class BizCheckError(Refusal):
    """The payment is not in a state for this call."""

    code = "BIZ_CHECK_ERROR"
    status = 409
    default_zh = "业务检查不通过"
    default_en = "The payment is not in a state for this call."


class Duplicate(Refusal):
    """This out_biz_no already names a payment with other content."""

    code = "DUPLICATE"
    status = 409
    default_zh = "外部业务号已用于另一笔内容不同的支付"
    default_en = "This out_biz_no already names a payment with other content."


class InFlight(Refusal):
    """The same work is being done right now."""

    code = "idempotency_in_flight"
    status = 409
    retryable = True
    default_zh = "同一请求正在处理中,请稍后再试"
    default_en = "The same work is in progress; try again shortly."


class CouponRefused(Refusal):
    """The coupon cannot be used for this payment."""

    code = "COUPON"
    status = 409
    default_zh = "优惠券不可用"
    default_en = "The coupon cannot be used for this payment."


class CouponAway(Refusal):
    """A coupon system of the user's own did not say what the coupon is worth."""

    code = "COUPON_AWAY"
    status = 503
    retryable = True
    default_zh = "暂时无法核实优惠券,请稍后用同一幂等键重试"
    default_en = "The coupon cannot be looked at now; try again with the same key."


class RefundExceeds(Refusal):
    """More than what is left to refund of the payment, refunds in flight counted."""

    code = "REFUND_EXCEEDS"
    status = 409
    default_zh = "退款金额超过可退金额"
    default_en = "More than what is left to refund of this payment."


class SecondPerson(Refusal):
    """A cure of the desk that one person alone may not execute, or approve."""

    code = "SECOND_PERSON"
    status = 409
    default_zh = "需要另一人复核批准"
    default_en = "This needs the approval of a second person, who is not the first."


class PreviewStale(Refusal):
    """What a cure of the desk was previewed on is not so any more."""

    code = "PREVIEW_STALE"
    status = 409
    default_zh = "预览已失效,请重新预览"
    default_en = "The preview does not hold any more: preview it again."


class ShownOnce(Refusal):
    """What was made under this key held a secret, which is shown once and not kept."""

    code = "SHOWN_ONCE"
    status = 409
    default_zh = "该请求已完成,其中的密钥只显示一次"
    default_en = "This was done, and its secret is shown once only."


class KeyConflict(Refusal):
    """The idempotency key was used with another body, or is in use with one."""

    code = "idempotency_conflict"
    status = 422
    default_zh = "同一 Idempotency-Key 已用于内容不同的请求"
    default_en = "This Idempotency-Key was used with another request body."


class TooMany(Refusal):
    """Too many codes to send for now; Retry-After is when it is over."""

    code = "TOO_MANY"
    status = 429
    retryable = True
    default_zh = "操作过于频繁,请稍后再试"
    default_en = "Too often; try again later."


class Unavailable(Refusal):
    """Not now. The same key may be used again and goes on from what is recorded."""

    code = "UNAVAILABLE"
    status = 503
    retryable = True
    default_zh = "服务暂时不可用,请稍后用同一幂等键重试"
    default_en = "Not available now; try again with the same key."


class Misconfigured(Exception):
    """A setting, a key or the database is not as it must be; says what to do."""


# The article's three checks of a confirm, in its order (docs/walk.md).
PAYMENT_FINISHED = ("The payment is already finished.", "支付订单已完成")
NO_QUICK_PAY_DETAIL = ("There is no quick-pay detail.", "快捷支付详单不存在")
CODE_NOT_SENT = ("No code was sent successfully.", "未成功发送短信")

# Of a checkout that nobody can pay at any more.
CHECKOUT_EXPIRED = ("The checkout has expired.", "收银台已过期")

# Of a BizCheckError that no waiting ends.
TRIES_USED = (
    "This payment's tries are used up; close it and open a new one.",
    "该支付的尝试次数已用完,请关闭后重新下单",
)

"""What an order's `resp_code` says in words, in the business line's language.

The channel's own words are kept in the message log; a business line shows these.
"""

from types import MappingProxyType

_WORDS = MappingProxyType(
    {
        "SUCCESS": ("支付成功", "Paid."),
        "CODE_SENT": ("验证码已发送", "The code was sent."),
        "RESEND_FAILED": (
            "验证码重发失败,原验证码仍然有效",
            "The code could not be sent again; the earlier one is still good.",
        ),
        "SEND_FAILED": ("验证码发送失败", "No code could be sent."),
        "ROUTE_NONE": ("暂无可用支付渠道", "No channel can take this payment now."),
        "LINE_DEDUCTS": ("暂无可用支付渠道", "No channel can take this payment now."),
        "CONFIRMING": ("支付结果确认中", "The result is being confirmed."),
        "CODE_WRONG": ("验证码错误", "The code is wrong."),
        "CODE_EXPIRED": ("验证码错误或已失效", "The code is wrong or no longer good."),
        "CODE_LOCKED": (
            "验证码错误次数过多,请重新获取",
            "Too many wrong codes; ask for a new one.",
        ),
        "NOT_CHARGED": ("本次未扣款,请重试", "Nothing was charged; try again."),
        "NOT_TAKEN": ("渠道未扣款", "The channel did not take the money."),
        "AGREEMENT_GONE": ("银行卡协议已失效", "The card's agreement is gone."),
        "TOO_MANY": ("发送过于频繁", "Too many texts to this phone."),
        "COUPON": ("优惠券不可用", "The coupon cannot be used."),
        "CLOSED": ("支付已关闭", "The payment was closed."),
        "EXPIRED": ("支付已过期", "The payment expired."),
    }
)
_OTHER = ("支付失败", "The payment failed.")

_REFUND_WORDS = MappingProxyType(
    {
        "REFUNDED": ("退款成功", "Refunded."),
        "REFUNDING": ("退款处理中", "The refund is being processed."),
        "NOT_REFUNDED": ("渠道未退款", "The channel did not give the money back."),
        "REFUND_EXCEEDS": ("超过渠道可退金额", "More than the channel can give back."),
    }
)
_OTHER_REFUND = ("退款失败", "The refund failed.")


def words(code: str, language: str) -> str:
    """The words for a code; one that is a channel's own reads as a failed payment."""
    zh, en = _WORDS.get(code, _OTHER)
    return zh if language == "zh" else en


def refund_words(code: str, language: str) -> str:
    """The words for a refund's code; a channel's own reads as a failed refund."""
    zh, en = _REFUND_WORDS.get(code, _OTHER_REFUND)
    return zh if language == "zh" else en

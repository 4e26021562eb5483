"""What the checkout says, in its two languages. Pure.

A payer is never told by whom a payment's code was sent or how his money is taken: what
he needs to know of it is that the newest code counts.
"""

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGES = ("zh", "en")

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "secure": ("安全支付", "Secure checkout"),
        "skip": ("跳到付款内容", "Skip to payment"),
        "other": ("English", "中文"),
        "pay_to": ("付款给", "Pay to"),
        "price": ("订单金额", "Price"),
        "coupon": ("优惠券", "Coupon"),
        "total": ("应付", "Total"),
        "problem": ("请检查", "Please check"),
        # Which card
        "choose": ("选择银行卡", "Pay with"),
        "tail": ("尾号", "ending in"),
        "DEBIT": ("储蓄卡", "Debit"),
        "CREDIT": ("信用卡", "Credit"),
        "go_on": ("获取验证码", "Send me a code"),
        "next_step": (
            "下一步我们将向银行预留手机发送验证码，输入后才会扣款。",
            (
                "Next, a code is texted to the phone registered with your bank. Nothing"
                " is charged before you enter it."
            ),
        ),
        "new_card": ("使用新银行卡", "Use a new card"),
        "number": ("银行卡号", "Card number"),
        "name": ("持卡人姓名", "Name on the card"),
        "id_no": ("身份证号", "ID number"),
        "phone": ("银行预留手机号", "Phone registered with your bank"),
        "phone_hint": (
            "中国大陆手机号，或带国家代码，如 +85291234567",
            "A mainland number, or with its country code: +85291234567",
        ),
        "agree": (
            "继续即表示您同意{payee}在您确认后使用此卡收款。",
            (
                "By continuing you agree that {payee} may charge this card when you"
                " confirm."
            ),
        ),
        "add": ("添加银行卡", "Add this card"),
        # The codes
        "sign_title": ("验证银行卡", "Add your card"),
        "sign_sent": (
            "银行已向 {phone} 发送验证码。请输入最新收到的一条。",
            "Your bank has texted a code to {phone}. Enter the latest one.",
        ),
        "code_title": ("输入验证码", "Enter the code"),
        "code_sent": (
            "验证码已发送至 {phone}。请输入最新收到的一条，之前的均已失效。",
            (
                "A code was sent to {phone}. Enter the latest one: earlier ones no"
                " longer work."
            ),
        ),
        "code_to_send": (
            "验证码尚未发出，请重新获取。",
            "No code has been sent yet. Ask for one.",
        ),
        "code": ("验证码", "Code"),
        "pay": ("支付 {amount}", "Pay {amount}"),
        "sign": ("验证并继续", "Add card and continue"),
        "other_card": ("修改信息或换一张卡", "Edit details or use another card"),
        "again": ("重新发送", "Send another code"),
        "again_in": ("{s} 秒后可重新发送", "Another code in {s} s"),
        "cancel": ("取消支付", "Cancel payment"),
        "cancel_text": (
            "取消后此页面不能再付款，如需购买须返回商家重新下单。",
            "This link will then be closed. To buy after all, order again at the shop.",
        ),
        "cancel_now": ("确认取消", "Yes, cancel it"),
        "using": ("使用", "Using"),
        # What came of it
        "working": ("正在处理", "One moment"),
        "working_text": (
            "请稍候，页面会自动更新。",
            "This page updates by itself.",
        ),
        "signing": ("正在确认银行卡", "Your card is being confirmed"),
        "confirming": ("正在确认支付结果", "Your payment is being confirmed"),
        "confirming_text": (
            "银行正在处理，请勿重复支付。页面会自动更新；您也可以离开，商家会收到结果。",
            (
                "Your bank is processing it: do not pay again. This page updates by"
                " itself. You can also leave: the shop will be notified."
            ),
        ),
        "paid": ("支付成功", "Paid"),
        "paid_text": ("已向{payee}付款。", "Your payment to {payee} is complete."),
        "late": ("订单未完成", "This order was not completed"),
        "late_text": (
            "银行已扣款，但此订单未完成，款项正在退回或核实中。请勿重复支付，详情请联系{payee}。",
            (
                "Your bank took the money, though. It is being given back or looked"
                " into: do not pay again. {payee} can tell you more."
            ),
        ),
        "late_back": ("订单未完成", "This order was not completed"),
        "late_back_text": (
            "银行的扣款已原路退回，到账时间以银行为准。如需购买，请返回商家重新下单。",
            (
                "What your bank took has been sent back to the card. To buy after all,"
                " order again at the shop."
            ),
        ),
        "failed": ("支付未成功", "Not paid"),
        "failed_text": (
            "没有扣款。请返回商家重新下单，或换一张卡支付。",
            (
                "Nothing was charged. Go back to the shop to try again, or with another"
                " card."
            ),
        ),
        "closed": ("支付已关闭", "Payment closed"),
        "closed_text": (
            "没有扣款。如需付款，请返回商家重新下单。",
            "Nothing was charged. To pay, go back to the shop.",
        ),
        "expired": ("付款链接已过期", "This link has expired"),
        "expired_text": (
            "没有扣款。请返回商家重新发起付款。",
            "Nothing was charged. Go back to the shop to start again.",
        ),
        "taken": ("此订单无法在此支付", "This order cannot be paid here"),
        "taken_text": (
            "此订单已通过其他方式处理。请返回商家查看。",
            "It is being handled in another way. Go back to the shop to see.",
        ),
        "lost": ("找不到此付款页面", "There is no such payment page"),
        "lost_text": (
            "链接不完整或已失效。请返回商家重新发起付款。",
            (
                "The link is incomplete or no longer valid. Go back to the shop to"
                " start again."
            ),
        ),
        "broken": ("暂时无法显示", "This page cannot be shown now"),
        "broken_text": (
            "不会重复扣款。请稍后刷新此页面。",
            "Nothing is charged twice. Load this page again in a moment.",
        ),
        "back": ("返回{payee}", "Back to {payee}"),
        "order": ("订单号", "Order"),
        "status": ("状态", "Status"),
        # What became of a code or a card
        "wrong": ("验证码错误。", "That code is wrong."),
        "tries_left": ("还可尝试\u00a0{n}\u00a0次。", "Tries\u00a0left:\u00a0{n}."),
        "code_over": (
            "验证码错误或已失效，请重新获取。",
            "The code is wrong or no longer valid. Ask for another.",
        ),
        "locked": (
            "错误次数过多，请重新获取验证码。",
            "Too many wrong codes. Ask for another.",
        ),
        "not_added": (
            "未能添加该银行卡，请核对信息或换一张卡。",
            "That card was not added. Check what you entered, or use another.",
        ),
        # What was wrong with a step, by what an address says of it
        "say_code": ("请输入 4-8 位数字验证码。", "The code has 4 to 8 digits."),
        "say_number": ("卡号有误。", "That is not a card number."),
        "say_name": (
            "姓名须与银行预留一致。",
            "The name must be as your bank has it.",
        ),
        "say_id_no": ("证件号有误。", "That is not an ID number."),
        "say_phone": (
            "手机号有误，或无法接收银行短信。",
            "That is not a phone that a bank can text to.",
        ),
        "say_bank": (
            "暂不支持该卡，请换一张。",
            "This card is not known here. Use another.",
        ),
        "say_card": ("请选择一张可用的银行卡。", "Choose one of the cards."),
        "say_coupon": ("优惠券当前不可用。", "The coupon cannot be used now."),
        "say_wait": (
            "操作过于频繁，请稍后再试。",
            "That was tried too often. Wait a while, then try again.",
        ),
        "say_used": (
            "此订单的验证次数已用完，请取消并返回商家重新下单。",
            "This order's tries are used up. Cancel it, and go back to the shop.",
        ),
        "say_twice": (
            "该卡已签约或正在验证，请稍后再试，或换一张卡。",
            (
                "The shop has that card already, or it is being added. Try again in a"
                " few minutes, or use another."
            ),
        ),
        "say_later": (
            "暂时无法处理，请稍后再试。没有扣款。",
            "Not possible at this moment. Nothing was charged; try again.",
        ),
    }
)

_BANKS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "ICBC": ("工商银行", "ICBC"),
        "ABC": ("农业银行", "Agricultural Bank of China"),
        "BOC": ("中国银行", "Bank of China"),
        "CCB": ("建设银行", "China Construction Bank"),
        "CMB": ("招商银行", "China Merchants Bank"),
        "COMM": ("交通银行", "Bank of Communications"),
        "PSBC": ("邮储银行", "Postal Savings Bank"),
        "VISA": ("Visa", "Visa"),
        "MASTERCARD": ("Mastercard", "Mastercard"),
    }
)
"""Names of the banks whose BINs are built in; another is called by its code."""

_SAID = frozenset(name.removeprefix("say_") for name in _WORDS if "say_" in name)


def words_of(language: str) -> dict[str, str]:
    """Everything that is said, in one language."""
    place = LANGUAGES.index(language)
    return {name: both[place] for name, both in _WORDS.items()}


def bank_name(bank: str, language: str) -> str:
    """A bank as people call it."""
    both = _BANKS.get(bank, (bank, bank))
    return both[LANGUAGES.index(language)]


def known(said: str) -> str:
    """What an address says there is to be told; nothing of a stranger's own words."""
    return said if said in _SAID else ""

"""Every chain, as a list: the list is the documentation."""

from paycore.core.chain import CommandChain
from paycore.core.closing import AskBeforeClose, ClosePayment
from paycore.core.commands import (
    CardDeductReceipt,
    CardQuickPayConfirm,
    CouponFree,
    CouponLock,
    CouponModify,
    OpenPayment,
    PayResultNotifyBiz,
    QuickPaySmsVerify,
    UniqueCheck,
)
from paycore.core.deducting import CardDeduct, MandateCheck
from paycore.core.sending import CardQuickPaySend, SmsCentreSend

CARD_QUICK_PAY_SEND = CommandChain(
    "CARD_QUICK_PAY_SEND",
    (
        UniqueCheck,  # one passage at a time
        OpenPayment,  # the order and the line's own number, for ever
        CardQuickPaySend,  # the channel texts its code; else convert
        SmsCentreSend,  # converted: our own code
        PayResultNotifyBiz,  # only where no code could be sent at all
    ),
)
CARD_QUICK_PAY_RESEND = CommandChain(
    "CARD_QUICK_PAY_RESEND",
    (
        UniqueCheck,
        CardQuickPaySend,  # by whoever sent last
        SmsCentreSend,
        CouponFree,  # a confirm before this may have locked it
        PayResultNotifyBiz,
    ),
)
CARD_QUICK_PAY_CONFIRM = CommandChain(
    "CARD_QUICK_PAY_CONFIRM",
    (
        UniqueCheck,  # one confirm at a time
        CouponLock,  # nobody else may spend it meanwhile
        CardQuickPayConfirm,  # ask the channel; the answer may be "unknown"
        CouponModify,  # use it, free it, or leave it locked
        PayResultNotifyBiz,  # accounting and business line
    ),
)
CARD_DEDUCT_RECEIPT = CommandChain(
    "CARD_DEDUCT_RECEIPT",
    (
        UniqueCheck,
        QuickPaySmsVerify,  # our own SMS centre sent this code
        CouponLock,
        CardDeductReceipt,  # route to a deduct channel, then take the money
        CouponModify,
        PayResultNotifyBiz,
    ),
)
CARD_DEDUCT = CommandChain(
    "CARD_DEDUCT",
    (
        UniqueCheck,
        MandateCheck,  # no code stands for the payer's word: a mandate must
        OpenPayment,
        CouponLock,
        CardDeduct,  # route, deduct; elsewhere where surely nothing was taken
        CouponModify,
        PayResultNotifyBiz,
    ),
)
CARD_DEDUCT_ON = CommandChain(
    "CARD_DEDUCT_ON",
    (
        UniqueCheck,
        CouponLock,  # free since the last try ended without money
        CardDeduct,  # by what is left of channels, tries and time
        CouponModify,
        PayResultNotifyBiz,
    ),
)
CLOSE = CommandChain(
    "CLOSE",
    (
        UniqueCheck,
        AskBeforeClose,  # the channel may know of money that we do not
        ClosePayment,
        CouponModify,
        PayResultNotifyBiz,
    ),
)

TAIL = (CouponModify, PayResultNotifyBiz)
"""What follows the last word on a money leg, by whichever door it came."""

CHAINS = (
    CARD_QUICK_PAY_SEND,
    CARD_QUICK_PAY_RESEND,
    CARD_QUICK_PAY_CONFIRM,
    CARD_DEDUCT_RECEIPT,
    CARD_DEDUCT,
    CARD_DEDUCT_ON,
    CLOSE,
)

"""How banks, carriers and business lines misbehave while nodes die: a little of all.

Nothing here is longer than what the channels promise, so every payment must come to
its end by itself. With it a third of the payments meet something; and since many
answers are slow, many calls are under way when somebody is killed.
"""

from paycore.bench.drills import control

_MONEY = (
    ("slow:0.5", 0.25),
    ("timeout_after", 0.04),
    ("timeout_before", 0.02),
    ("http_500", 0.02),
    ("garbage", 0.02),
    ("bad_signature", 0.01),
    ("wrong_amount", 0.01),
    ("decline:INSUFFICIENT_FUNDS", 0.05),
    ("decline:MAINTENANCE", 0.03),
    ("processing:0.8", 0.06),
    ("duplicate_callback:3", 0.15),
    ("callback_before_answer", 0.08),
)
FAULTS = (
    ("bank.quick_*.send_code", "slow:0.4", 0.15),
    ("bank.quick_*.send_code", "timeout_after", 0.03),
    ("bank.quick_*.send_code", "timeout_before", 0.03),
    ("bank.quick_*.send_code", "http_500", 0.04),
    ("bank.quick_*.send_code", "decline:MAINTENANCE", 0.08),
    ("bank.quick_*.send_code", "decline:CARD_LOST", 0.02),
    *(("bank.quick_*.confirm", fault, share) for fault, share in _MONEY),
    *(("bank.deduct_*.deduct", fault, share) for fault, share in _MONEY),
    ("bank.*.enquire", "timeout_before", 0.03),
    ("bank.*.enquire", "http_500", 0.05),
    ("bank.*.enquire", "garbage", 0.02),
    ("carrier.*.send", "slow:0.3", 0.1),
    ("carrier.*.send", "timeout_after", 0.03),
    ("carrier.*.send", "http_500", 0.04),
    ("biz.notice", "slow:0.3", 0.1),
    ("biz.notice", "http_500", 0.05),
)
"""Target, fault, and at which share of the calls."""


async def misbehave(url: str) -> None:
    """From now on."""
    for target, fault, share in FAULTS:
        await control.set_fault(url, target, fault, share=share)


async def behave(url: str) -> None:
    """All of them again."""
    await control.mend(url)

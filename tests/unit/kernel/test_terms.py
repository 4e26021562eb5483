from paycore.kernel.terms import BizStatus, ProcessStatus, TransType


def test_only_doing_is_not_final():
    """A business line waits while an order is DOING, and for nothing else."""
    assert [BizStatus.DOING] == [s for s in BizStatus if not s.final]


def test_an_attempt_is_open_until_its_last_word():
    """INIT and GW_DOING wait for an answer; what failed or succeeded does not."""
    waiting = {s for s in ProcessStatus if s.open}

    assert {ProcessStatus.INIT, ProcessStatus.GW_DOING} == waiting


def test_what_moves_money_of_a_payment():
    """A quick confirm and a deduct are money legs; a code's send and check are not."""
    legs = {t for t in TransType if t.moves_money}

    assert {TransType.QUICK_PAY_CONFIRM, TransType.DEDUCT} == legs

"""`paycore operators`: made, listed without what is secret, revoked."""


def refused(result):
    """Whether a command said no in one line, with status 2."""
    return (2, 1, "") == (result.code, result.err.count("\n"), result.out)


def test_an_operator_is_made_listed_and_revoked(paycore):
    """The token is shown once; no list has it, and a revoked name may be given anew."""
    made = paycore("operators", "add", "anna", "--role", "operator", "--json").told
    again = paycore("operators", "add", "anna", "--role", "viewer")
    revoked = paycore("operators", "revoke", "anna")
    anew = paycore("operators", "add", "anna", "--role", "approver")
    listed = paycore("operators", "list", "--json")

    assert ("anna", "operator") == (made["name"], made["role"])
    assert made["token"].startswith("op_")
    assert refused(again)
    assert (0, 0) == (revoked.code, anew.code)
    found = listed.told["operators"]
    assert ["operator", "approver"] == [one["role"] for one in found]
    assert [True, False] == [one["revoked_at"] is not None for one in found]
    for secret in (made["token"], made["token"].split("_")[2], anew.out.strip()):
        assert secret not in listed.out + paycore("operators", "list").out


def test_what_cannot_be_is_refused_in_one_line(paycore):
    """A role that is none, a name that is none, somebody who is not there."""
    assert refused(paycore("operators", "add", "bert", "--role", "root"))
    assert refused(paycore("operators", "add", "Bert B", "--role", "viewer"))
    assert refused(paycore("operators", "revoke", "nobody"))

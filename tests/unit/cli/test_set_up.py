"""What is set up by hand: refused in one line, and shown without its secrets."""

import json

import pytest

SEND = "QUICK_PAY_SEND_MSG"
URL = "https://bank.example.com"


@pytest.fixture
def shop(paycore):
    """The line "shop", made once."""
    paycore("lines", "add", "shop", "--title", "Shop", "--currency", "CNY")
    return paycore


@pytest.fixture
def account(shop, bank):
    """An account at the channel "bank_a", saved anew for each test."""
    words = ("channels", "add", "bank_a", "--driver", "sandbox", "--base-url", URL)
    saved = shop(*words, "--credentials", "-", typed=json.dumps(bank))
    assert 0 == saved.code, saved.err
    return shop


def refused(result):
    """Whether a command said no in one line, with status 2."""
    return (2, 1, "") == (result.code, result.err.count("\n"), result.out)


def test_a_line_is_made_listed_and_switched_off(paycore):
    """A line is there once; made twice it is refused, switched off it says so."""
    words = ("lines", "add", "tea", "--title", "Tea", "--currency", "CNY")
    made, again = paycore(*words), paycore(*words)
    off = paycore("lines", "disable", "tea")

    listed = {
        one["biz_line"]: one for one in paycore("lines", "list", "--json").told["lines"]
    }
    assert (0, 0) == (made.code, off.code)
    assert refused(again)
    assert (["CNY"], False) == (listed["tea"]["currencies"], listed["tea"]["enabled"])
    assert refused(paycore("lines", "disable", "nobody"))


def test_a_line_is_sold_deduct_as_quick_pay(paycore):
    """Converted always, and again only where it must; a line that is not is refused."""
    words = ("lines", "add", "rent", "--title", "Rent", "--currency", "CNY")
    paycore(*words)
    always = paycore("lines", "convert", "rent", "--json").told
    shown = {
        one["biz_line"]: one for one in paycore("lines", "list", "--json").told["lines"]
    }
    never = paycore("lines", "convert", "rent", "--never", "--json").told

    assert {"biz_line": "rent", "always_converted": True} == always
    assert shown["rent"]["always_converted"]
    assert not never["always_converted"]
    assert refused(paycore("lines", "convert", "nobody"))


def test_credentials_are_never_shown(account, bank):
    """What was given is sealed: no list has it, whatever its form."""
    shown = account("channels", "list").out + account("channels", "list", "--json").out

    assert "bank_a" in shown
    assert bank["secret"] not in shown
    assert bank["encryption_key"] not in shown


def test_credentials_of_another_form_are_not_repeated(shop):
    """Wrong credentials are refused by the fields that are needed, without theirs."""
    words = ("channels", "add", "bank_x", "--driver", "sandbox", "--base-url", URL)
    result = shop(*words, "--credentials", "-", typed='{"merchant": "geheim"}')

    assert refused(result)
    assert "encryption_key" in result.err
    assert "geheim" not in result.err
    assert refused(shop(*words, "--credentials", "-", typed="[geheim"))
    assert refused(shop(*words, "--credentials", "no_such_file.json"))


def test_an_unknown_driver_is_refused(shop):
    """A channel that no file speaks to cannot be saved."""
    result = shop("channels", "add", "x", "--driver", "none", "--base-url", URL)

    assert refused(result)
    assert "none" in result.err


def test_what_is_switched_off_stays_so_when_saved_again(account, bank):
    """New credentials for a channel that is off do not switch it on."""
    account("channels", "disable", "bank_a")
    words = ("channels", "add", "bank_a", "--driver", "sandbox", "--base-url", URL)
    saved = account(*words, "--credentials", "-", "--json", typed=json.dumps(bank))
    on = account("channels", "enable", "bank_a", "--json")

    assert (False, True) == (saved.told["enabled"], on.told["enabled"])
    assert refused(account("channels", "disable", "nowhere"))


def test_carriers_are_listed_in_the_order_of_their_trying(paycore, bank):
    """The lower priority stands first."""
    words = ("--driver", "sandbox", "--base-url", URL, "--credentials", "-")
    for carrier, priority in (("late", "9"), ("early", "1")):
        paycore(
            *("channels", "carriers", "add", carrier, *words),
            *("--priority", priority),
            typed=json.dumps(bank),
        )
    paycore("channels", "carriers", "disable", "late")

    listed = paycore("channels", "carriers", "list", "--json").told["carriers"]
    assert [("early", True), ("late", False)] == [
        (one["carrier"], one["enabled"]) for one in listed
    ]


def test_a_route_needs_an_account_and_a_condition_that_compiles(account):
    """What could never be used, or cannot be asked, is not saved."""
    words = ("routes", "types", "add", "t", "--kind", SEND, "--currency", "CNY")

    assert refused(account(*words, "--channel", "nowhere"))
    assert refused(account(*words, "--channel", "bank_a", "--condition", "amount >"))
    assert refused(account(*words[:-2], "--channel", "bank_a"))
    assert refused(account("routes", "types", "add", "t", "--channel", "bank_a"))
    assert 0 == account(*words, "--channel", "bank_a").code


def test_a_type_may_come_from_a_file(account, tmp_path):
    """Maintenance windows have no option: the whole row may be given as JSON."""
    window = {"from": "2026-12-01T00:00:00Z", "to": "2026-12-01T02:00:00Z"}
    row = {"channel": "bank_a", "account": "main", "trans_type": "DEDUCT"}
    row |= {"currencies": ["CNY"], "maintenance": [window]}
    file = tmp_path / "row.json"
    file.write_text(json.dumps(row))
    saved = account("routes", "types", "add", "f", "--file", str(file))
    file.write_text(json.dumps({**row, "colour": "red"}))

    listed = account("routes", "types", "list", "--json").told["types"]
    assert 0 == saved.code, saved.err
    assert [[window]] == [
        one["maintenance"] for one in listed if one["inst_trans_id"] == "f"
    ]
    assert refused(account("routes", "types", "add", "f", "--file", str(file)))


def test_what_a_line_was_allowed_is_withdrawn(account):
    """Allowed and withdrawn are both shown; an unknown line or account is refused."""
    account("routes", "allow", "shop", "bank_a")
    account("routes", "withdraw", "shop", "bank_a")

    (row,) = account("routes", "list", "--json").told["lines"]
    assert ("shop", "bank_a", False) == (
        row["biz_line"],
        row["channel"],
        row["allowed"],
    )
    assert refused(account("routes", "allow", "nobody", "bank_a"))
    assert refused(account("routes", "allow", "shop", "nowhere"))
    assert refused(account("routes", "withdraw", "shop", "nowhere"))


def test_rules_are_saved_switched_and_refused(account):
    """A rule's effect and condition are looked at; off and on again it is the same."""
    words = ("routes", "rules", "add", "big", "--title", "Big", "--channel", "bank_a")
    bad = account(*words, "--condition", "amount > 1", "--effect", "EXPLODE")
    good = account(*words, "--condition", "amount > 1", "--effect", "DROP")
    account("routes", "rules", "disable", "big")
    (off,) = account("routes", "rules", "list", "--json").told["rules"]
    account("routes", "rules", "enable", "big")
    (on,) = account("routes", "rules", "list", "--json").told["rules"]

    assert refused(bad)
    assert 0 == good.code
    assert {**off, "enabled": True} == on
    assert refused(account("routes", "rules", "enable", "none"))


def test_an_end_points_secret_comes_from_a_file_or_is_shown_once(shop, monkeypatch):
    """A secret that was given is not repeated; one that was made is, once."""
    monkeypatch.setenv("PAYCORE_ALLOW_PRIVATE_ENDPOINTS", "true")
    given = "whsec_" + "A" * 43 + "="
    words = ("endpoints", "add", "--line", "shop", "--url", "http://127.0.0.1:9/x")
    with_given = shop(*words, "--secret-file", "-", "--json", typed=given + "\n")
    with_made = shop(*words, "--json").told
    rotated = shop("endpoints", "rotate", with_made["endpoint_id"], "--json").told
    off = shop("endpoints", "disable", with_made["endpoint_id"])

    listed = shop("endpoints", "list", "--json")
    assert ["endpoint_id"] == list(with_given.told)
    assert with_made["secret"] != rotated["secret"]
    assert with_made["secret"] not in listed.out
    assert 0 == off.code
    assert [True, False] == sorted(
        (one["enabled"] for one in listed.told["endpoints"]), reverse=True
    )


def test_a_private_end_point_is_refused(shop):
    """Where it is not allowed, notices do not go to our neighbours."""
    words = ("endpoints", "add", "--line", "shop")

    assert refused(shop(*words, "--url", "https://10.0.0.1/x"))
    assert refused(shop(*words, "--url", "https://169.254.169.254/x"))


def test_coupons_are_issued_and_listed(shop, tmp_path):
    """So many as asked for, each with a number of its own, of a line that is there."""
    words = ("coupons", "issue", "--amount", "500", "--currency", "CNY")
    file = tmp_path / "numbers"
    made = shop(*words, "--line", "shop", "--count", "5", "--out", str(file), "--json")

    listed = shop("coupons", "list", "--line", "shop", "--json").told["coupons"]
    assert 5 == len(set(made.told["coupons"]))
    assert file.read_text().split() == made.told["coupons"]
    assert set(made.told["coupons"]) == {one["coupon_no"] for one in listed}
    assert refused(shop(*words, "--line", "nobody"))
    assert refused(shop(*words, "--line", "shop", "--valid-until", "2020-01-01"))
    assert refused(shop(*words, "--line", "shop", "--valid-until", "tomorrow"))
    assert refused(shop("coupons", "list", "--status", "LOST"))


def test_nothing_is_sealed_without_the_nodes_keys(shop, bank, monkeypatch):
    """A key that a command made up would shut for ever what it sealed."""
    monkeypatch.delenv("PAYCORE_KEY_RING")
    words = ("channels", "add", "bank_k", "--driver", "sandbox", "--base-url", URL)
    result = shop(*words, "--credentials", "-", typed=json.dumps(bank))

    assert (1, 1) == (result.code, result.err.count("\n"))
    assert "PAYCORE_KEY_RING" in result.err
    assert 0 == shop("lines", "list").code


def test_credentials_are_rotated_and_the_former_retired(account, bank):
    """Both are live in between; the list of keys in use counts both."""
    newer = json.dumps(bank | {"secret": "7e" * 32})
    words = ("channels", "rotate", "bank_a", "--credentials", "-", "--json")
    rotated = account(*words, typed=newer)
    both = account("keyring", "list", "--json").told
    retired = account("channels", "retire", "bank_a", "--json")
    one = account("keyring", "list", "--json").told

    assert {"channel": "bank_a", "account": "main", "former": True} == rotated.told
    assert not retired.told["former"]
    assert sealed_accounts(both) == sealed_accounts(one) + 1
    assert "7e7e" not in rotated.out + rotated.err
    gone = ("channels", "rotate", "nowhere", "--credentials", "-")
    assert refused(account(*gone, typed=newer))


def sealed_accounts(told):
    return sum(key["accounts"] for key in told["keys"])


def test_an_account_is_tried(account):
    """What is wrong is said, and where to look; exit status 1."""
    result = account("channels", "check", "bank_a")
    shown = account("channels", "check", "bank_a", "--json")

    assert (1, 1) == (result.code, shown.code)
    assert "bank_a/main: WRONG (NOT_SENT" in result.out
    assert "base URL" in result.out
    assert not shown.told["good"]
    assert refused(account("channels", "check", "nowhere"))


def test_every_group_helps_with_an_example(paycore):
    """Whoever asks a command for help is shown how it is called."""
    for words in (
        ("lines", "add"),
        ("channels", "add"),
        ("channels", "rotate"),
        ("channels", "check"),
        ("routes", "types", "add"),
        ("routes", "try"),
        ("endpoints", "add"),
        ("coupons", "issue"),
        ("coupons", "holds"),
        ("payments", "find"),
        ("notices", "replay"),
        ("keyring", "rotate"),
    ):
        assert f"paycore {' '.join(words)}" in paycore(*words, "--help").out

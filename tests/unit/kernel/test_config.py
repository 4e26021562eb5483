"""Settings: each declared once, refused by name, and silent about secrets."""

import pytest

from paycore.kernel import config
from paycore.kernel.config import Settings, load
from paycore.kernel.errors import Misconfigured


@pytest.fixture
def environ():
    return {f"PAYCORE_{n.upper()}": v for n, v in config.fresh_keys().items()}


def test_the_defaults_are_the_ones_that_were_decided(environ):
    """Nothing but the keys has to be set, and the numbers are those of the design."""
    settings = load(environ)

    assert (6, 300, 5, 10, 20, 60, 20, 50) == (
        settings.code_digits,
        settings.code_lifetime_s,
        settings.code_tries,
        settings.code_tries_per_payment,
        settings.code_wrong_per_card_day,
        settings.code_gap_s,
        settings.code_per_phone_hour,
        settings.code_per_phone_day,
    )
    assert (3, 3, 10, 5, 1, 15) == (
        settings.send_code_timeout_s,
        settings.sms_timeout_s,
        settings.money_timeout_s,
        settings.enquiry_timeout_s,
        settings.connect_timeout_s,
        settings.answer_within_s,
    )
    assert (10, 50, 30, 5, 2, 6, 900) == (
        settings.breaker_calls,
        settings.breaker_failure_percent,
        settings.breaker_window_s,
        settings.breaker_half_open_s,
        settings.heartbeat_s,
        settings.lease_s,
        settings.expires_in_s,
    )
    assert not settings.allow_private_endpoints


def test_the_environment_wins_over_the_file(environ, tmp_path):
    """A file holds what is the same everywhere, the environment what is not."""
    file = tmp_path / "paycore.toml"
    file.write_text('port = 81\nhost = "::1"\nmoney_timeout_s = 2.5\n')

    settings = load(
        {**environ, "PAYCORE_SETTINGS_FILE": str(file), "PAYCORE_PORT": "82"}
    )

    assert (82, "::1", 2.5) == (settings.port, settings.host, settings.money_timeout_s)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYCORE_PORT", "65536"),
        ("PAYCORE_PORT", "eight"),
        ("PAYCORE_ROLE", "boss"),
        ("PAYCORE_CODE_LIFETIME_S", "601"),
        ("PAYCORE_CODE_DIGITS", "4"),
        ("PAYCORE_MONEY_TIMEOUT_S", "0"),
        ("PAYCORE_ALLOW_PRIVATE_ENDPOINTS", "perhaps"),
        ("PAYCORE_PUBLIC_URL", "ftp://x"),
        ("PAYCORE_LEASE_S", "3"),
        ("PAYCORE_KEY_RING", "k1:c2hvcnQ="),
        ("PAYCORE_KEY_RING", "/no/such/file"),
        ("PAYCORE_CODE_KEY", "geheim"),
        ("PAYCORE_UNHEARD_OF", "1"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(environ, name, value):
    """Start says which setting is wrong, and repeats nothing that may be secret."""
    with pytest.raises(Misconfigured, match=name) as caught:
        load({**environ, name: value})

    assert value not in ("geheim", "boss", "eight") or value not in str(caught.value)


def test_all_that_is_wrong_is_named_at_once(environ):
    """Whoever sets up does not find the mistakes one start at a time."""
    del environ["PAYCORE_SEARCH_KEY"]

    with pytest.raises(Misconfigured, match=r"PORT.*SEARCH_KEY is missing"):
        load({**environ, "PAYCORE_PORT": "-1"})


def test_an_unknown_name_in_the_file_is_refused(environ, tmp_path):
    """A misspelt setting is not left out in silence."""
    file = tmp_path / "paycore.toml"
    file.write_text("prot = 81\n")

    with pytest.raises(Misconfigured, match="prot"):
        load(environ, file)


def test_no_secret_is_in_a_repr(environ):
    """Settings may be logged whole."""
    settings = load({**environ, "DATABASE_URL": "postgresql://u:geheim@h/d"})

    shown = repr(settings)

    assert "geheim" not in shown
    assert all(value not in shown for value in environ.values())
    assert "port=8000" in shown


def test_the_key_ring_may_be_a_file(environ, tmp_path):
    """A ring of several keys, one a line; the first one is active."""
    one = config.fresh_keys()["key_ring"].removeprefix("k1:")
    two = config.fresh_keys()["key_ring"].removeprefix("k1:")
    file = tmp_path / "ring"
    file.write_text(f"k2:{two}\nk1:{one}\n")

    settings = load({**environ, "PAYCORE_KEY_RING": str(file)})

    assert ["k2", "k1"] == list(settings.ring_keys)
    assert {32} == {len(key) for key in settings.ring_keys.values()}


def test_dev_raises_the_limits_per_phone_and_card_and_nothing_else():
    """In development everybody uses one card; tries per code stay as they are."""
    settings = Settings.for_dev(port=0)

    assert {1_000_000} == {
        settings.code_wrong_per_card_day,
        settings.code_per_phone_hour,
        settings.code_per_phone_day,
    }
    assert (5, 10, 60) == (
        settings.code_tries,
        settings.code_tries_per_payment,
        settings.code_gap_s,
    )
    assert Settings.for_dev().key_ring != settings.key_ring


def test_dev_refuses_what_there_is_not():
    """A test that misspells a setting does not pass by accident."""
    with pytest.raises(Misconfigured, match="prot"):
        Settings.for_dev(prot=1)


def test_every_setting_is_described():
    """The page of settings is made of the declarations, whole."""
    rows = config.describe()

    assert len(Settings.__struct_fields__) == len(rows)
    assert all(row.description.endswith(".") for row in rows)
    assert {
        *("database_url", "key_ring", "code_key", "search_key"),
        *("ledger_secret", "coupon_secret"),
    } == {row.name for row in rows if row.secret}

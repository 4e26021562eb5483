"""Whose address it is that texts are counted by."""

import pytest
from litestar.testing import RequestFactory

from paycore.api import forms
from paycore.kernel.config import Settings
from paycore.kernel.errors import Forbidden, Misconfigured


class Door:
    """As much of a door as is looked at."""

    def __init__(self, proxies: str, **settings: str) -> None:
        self.node = self
        self.settings = Settings.for_dev(checkout_proxies=proxies, **settings)


@pytest.mark.parametrize(
    ("proxies", "client", "forwarded", "payer"),
    [
        ("", "9.9.9.9", None, "9.9.9.9"),
        ("", "9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("10.0.0.0/8", "10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.0/8", "10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.0/8", "10.0.0.1", "1.1.1.1, 10.0.0.7", "1.1.1.1"),
        ("10.0.0.0/8", "9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("10.0.0.1, ::1", "::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.1", "10.0.0.1", "who knows", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", "6.6.6.6, 1.1.1.1:4711", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "unix", None, None),
    ],
)
def test_whose_address_it_is(monkeypatch, proxies, client, forwarded, payer):
    """Our own proxies are believed and nobody else; what an outsider wrote before the
    last address counts for nothing; a proxy that says nothing to be read counts itself.
    """
    monkeypatch.setattr(forms, "door_of", lambda _: Door(proxies))
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers)
    request.scope["client"] = (client, 1)
    origin = forms.payer_of(request)

    assert payer == (origin.address if origin else None)
    assert origin is None or origin.told


@pytest.mark.parametrize("forged", ["6.6.6.6", "6.6.6.6, 7.7.7.7"])
def test_a_proxy_that_writes_a_line_of_its_own(monkeypatch, forged):
    """HAProxy puts what it knows into a further header: the last line's last counts."""
    monkeypatch.setattr(forms, "door_of", lambda _: Door("10.0.0.1"))
    request = RequestFactory().get("/")
    request.scope["client"] = ("10.0.0.1", 1)
    request.scope["headers"] = [
        (b"x-forwarded-for", one.encode()) for one in (forged, "1.1.1.1")
    ]

    assert "1.1.1.1" == forms.payer_of(request).address


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("https://pay.example", "pay.example", True),
        ("https://pay.example", "node-1:8000", True),
        ("null", "node-1:8000", True),
        (None, "node-1:8000", True),
        ("https://evil.example", "node-1:8000", False),
        ("https://pay.example.evil.example", "node-1:8000", False),
        ("https://", "node-1:8000", False),
    ],
)
def test_which_origin_is_ours(monkeypatch, origin, host, ours):
    """The address that was asked, or the one that we tell payers: a proxy may ask for
    a node by another name, and a browser may say where its page is from.
    """
    door = Door("", checkout_url="https://pay.example")
    monkeypatch.setattr(forms, "door_of", lambda _: door)
    headers = {"Host": host, **({"Origin": origin} if origin else {})}
    request = RequestFactory().post("/", headers=headers)
    if ours:
        forms.refuse_strangers(request)
    else:
        with pytest.raises(Forbidden):
            forms.refuse_strangers(request)


def test_proxies_that_are_none():
    """A setting that is no address is refused as the node starts."""
    with pytest.raises(Misconfigured, match="CHECKOUT_PROXIES"):
        _ = Settings.for_dev(checkout_proxies="lb.example").proxies

"""Whose address it is that texts are counted by."""

import pytest
from litestar.testing import RequestFactory

from paycore.api import forms
from paycore.kernel.config import Settings
from paycore.kernel.errors import Misconfigured


class Door:
    """As much of a door as is looked at."""

    def __init__(self, proxies: str) -> None:
        self.node = self
        self.settings = Settings.for_dev(checkout_proxies=proxies)


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


def test_proxies_that_are_none():
    """A setting that is no address is refused as the node starts."""
    with pytest.raises(Misconfigured, match="CHECKOUT_PROXIES"):
        _ = Settings.for_dev(checkout_proxies="lb.example").proxies

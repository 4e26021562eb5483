import pytest

from paycore.notify.endpoints import refused


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/notices",
        "https://shop.example:8443/a?b=c",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
    ],
)
def test_public(url: str):
    """A public https address is taken."""
    assert refused(url, allow_private=False) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/notices",
        "ftp://shop.example/",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://a.localhost/",
        "https://printer.local/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0x1/",
        "https://10.0.0.1/",
        "https://192.168.1.1:8443/",
        "https://169.254.169.254/latest/meta-data",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://user@shop.example/",
        "https://shop.example/#x",
        "https://shop.example:99999/",
        "https://shop.exa mple/",
        "https://shop.example/\r\nX: y",
        "https://",
        "https://[",
        "shop.example",
        "",
        "https://shop.example/" + "a" * 2048,
    ],
)
def test_refused(url: str):
    """No address of ours, of our neighbours, or of unclear form is sent to."""
    assert refused(url, allow_private=False) is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9100/notices", "https://localhost/"])
def test_development(url: str):
    """In development an end point may be on this machine."""
    assert refused(url, allow_private=True) is None


def test_development_is_not_everything():
    """Other schemes are refused in development too."""
    assert refused("file:///etc/passwd", allow_private=True) is not None

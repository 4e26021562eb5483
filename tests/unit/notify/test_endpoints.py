import pytest

from paycore.notify.endpoints import refused


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example/notices",
        "https://shop.example:8443/a?b=c",
        "https://8.8.8.8/hook",
        "https://[2606:4700::1111]/hook",
        "https://shop.example./a",
        "https://xn--fiq228c.example/a",
        "HTTPS://SHOP.EXAMPLE:443/a",
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
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1%25eth0]/",
        "https://169.254.169.254./",
        "https://0251.0376.0251.0376/",
        "https://0xa9fea9fe/",
        "https://169.254.43518/",
        "https://metadata.google.internal/",
        "https://%31%32%37.0.0.1/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://127\u30020\u30020\u30021/",
        "https://\u24db\u24de\u24d2\u24d0lhost/",
        "https://商店.example/",
        "https://shop.example/通知",
        "https://shop.example\\@10.0.0.1/",
        "https://shop.example@10.0.0.1/",
        "https://@shop.example/",
        "https://shop.example:22/",
        "https://shop.example:0/",
        "https://shop..example/",
        "https://shop.example/#",
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

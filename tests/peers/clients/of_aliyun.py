"""Aliyun's own kit, as a customer who texts."""

from urllib.parse import urlsplit

from alibabacloud_dysmsapi20170525 import models
from alibabacloud_dysmsapi20170525.client import Client
from alibabacloud_tea_openapi.models import Config
from line import serve

_client: list[Client] = []


def begin(base_url: str, key_id: str, secret: str) -> None:
    """Say who we are, and where Aliyun is."""
    config = Config(
        access_key_id=key_id,
        access_key_secret=secret,
        endpoint=urlsplit(base_url).netloc,
        protocol="http",
    )
    _client[:] = [Client(config)]


def send(**fields: str) -> dict[str, object]:
    """SendSms."""
    said = _client[0].send_sms(models.SendSmsRequest(**fields))
    return {"status": said.status_code, **said.body.to_map()}


def details(**fields: object) -> dict[str, object]:
    """QuerySendDetails."""
    asked = models.QuerySendDetailsRequest(**fields)
    said = _client[0].query_send_details(asked)
    return {"status": said.status_code, **said.body.to_map()}


serve({"begin": begin, "send": send, "details": details})

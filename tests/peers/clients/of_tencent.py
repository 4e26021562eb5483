"""Tencent Cloud's own kit, as a customer who texts."""

import json
from urllib.parse import urlsplit

from line import serve
from tencentcloud.common.credential import Credential
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.sms.v20210111 import models
from tencentcloud.sms.v20210111.sms_client import SmsClient

_client: list[SmsClient] = []


def begin(base_url: str, key_id: str, secret: str) -> None:
    """Say who we are, and where Tencent is."""
    http = HttpProfile(protocol="http", endpoint=urlsplit(base_url).netloc)
    credential = Credential(key_id, secret)
    _client[:] = [
        SmsClient(credential, "ap-guangzhou", ClientProfile(httpProfile=http))
    ]


def call(action: str, **fields: object) -> dict[str, object]:
    """Any of its actions, by its name."""
    asked = getattr(models, f"{action}Request")()
    asked.from_json_string(json.dumps(fields))
    said = getattr(_client[0], action)(asked)
    answer: dict[str, object] = json.loads(said.to_json_string())
    return answer


serve({"begin": begin, "call": call})

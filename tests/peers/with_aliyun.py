"""Aliyun's own kit as a customer of our simulator."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from book import Page
from peer import Peer, client
from stage import Stage, until

from paycore.dev.vendors import SIGN, TEMPLATES

PHONE, OTHER_PHONE = "13900139000", "13900139001"
TEMPLATE, WORDS = TEMPLATES["aliyun"]


def talk(python: Path, stage: Stage, page: Page) -> None:
    """Texts, what became of them, and what is refused."""
    with client(python, "of_aliyun") as kit:
        customer = Customer(kit, stage, page)
        customer.texts()
        customer.late()
        customer.refusals()


class Customer:
    """Who texts by the kit, and looks at what the simulator recorded."""

    def __init__(self, kit: Peer, stage: Stage, page: Page) -> None:
        self.kit, self.stage, self.page = kit, stage, page
        self.ours = stage.ours("aliyun")
        self.begin(str(self.ours["access_key_secret"]))
        self.hook = f"/receipts/aliyun/{self.ours['receipt_token']}"
        stage.box.answers[self.hook] = lambda _: b'{"code":0,"msg":"ok"}'

    def begin(self, secret: str, key_id: str = "") -> None:
        """Have the kit sign by this secret."""
        url = self.stage.carrier("aliyun")
        key_id = key_id or str(self.ours["access_key_id"])
        self.kit.said("begin", base_url=url, key_id=key_id, secret=secret)

    def send(self, phone: str = PHONE, **changes: str) -> dict[str, Any]:
        """SendSms of a code."""
        fields = {
            "phone_numbers": phone,
            "sign_name": SIGN,
            "template_code": TEMPLATE,
            "template_param": json.dumps({"code": "482913"}),
            "out_id": "ours-1",
        }
        answer = self.kit.ask("send", **(fields | changes))
        return answer.get("said") or answer

    def details(self, phone: str, biz_id: str) -> dict[str, Any]:
        """QuerySendDetails of one text."""
        day = f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"
        said = self.kit.said(
            "details",
            phone_number=phone,
            send_date=day,
            page_size=10,
            current_page=1,
            biz_id=biz_id,
        )
        return dict(said)

    def had(self, phone: str = PHONE) -> list[tuple[str, str]]:
        """What the simulator delivered to a phone: words and code."""
        texts = self.stage.texts(f"+86{phone}")
        return [(text["text"], text["code"]) for text in texts]

    def texts(self) -> None:
        """A text arrives as the template has it; its report and the question agree."""
        text = (f"【{SIGN}】{WORDS.replace('${code}', '482913')}", "482913")
        said = self.send()
        self.page.call(
            "SendSms", answered=((200, "OK"), _of(said)), recorded=([text], self.had())
        )
        biz_id = said["BizId"]
        first = self.details(PHONE, biz_id)["SmsSendDetailDTOs"]["SmsSendDetailDTO"]
        self.page.call(
            "QuerySendDetails at once",
            answered=(("ours-1", PHONE, text[0]), _detail(first[0])),
            recorded=([text], self.had()),
        )
        told = until(lambda: self.reports(biz_id))
        self.page.call(
            "its report",
            answered=(
                [(PHONE, True, "ours-1")],
                [(one["phone_number"], one["success"], one["out_id"]) for one in told],
            ),
            recorded=([text], self.had()),
        )
        later = self.details(PHONE, biz_id)
        line = later["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
        states = (later["TotalCount"], line["SendStatus"], line["ErrCode"])
        self.page.call(
            "QuerySendDetails later",
            answered=((1, 3, "DELIVERED"), (int(states[0]), *states[1:])),
            recorded=([text], self.had()),
        )
        letters = "00 + ~*'%"
        said = self.send(template_param=json.dumps({"code": letters}))
        odd = (f"【{SIGN}】{WORDS.replace('${code}', letters)}", letters)
        self.page.call(
            "SendSms of odd letters",
            answered=((200, "OK"), _of(said)),
            recorded=([text, odd], self.had()),
        )

    def late(self) -> None:
        """A text that did not arrive: 2 by the question, and no by its report."""
        with self.stage.fault("carrier.aliyun.send", "undelivered"):
            said = self.send(OTHER_PHONE)
        told = until(lambda: self.reports(said["BizId"]))
        found = self.details(OTHER_PHONE, said["BizId"])
        line = found["SmsSendDetailDTOs"]["SmsSendDetailDTO"][0]
        self.page.call(
            "a text that is not delivered",
            answered=((2, False), (line["SendStatus"], told[0]["success"])),
            recorded=(1, len(self.had(OTHER_PHONE))),
        )
        none = self.details(OTHER_PHONE, "1^0")
        self.page.call(
            "QuerySendDetails of nothing",
            answered=((200, "OK", 0), (*_of(none), int(none["TotalCount"]))),
            recorded=(1, len(self.had(OTHER_PHONE))),
        )

    def reports(self, biz_id: str) -> list[dict[str, Any]]:
        """What was told of a text."""
        told = [json.loads(one.body) for one in self.stage.box.at(self.hook)]
        return [one for array in told for one in array if one["biz_id"] == biz_id]

    def refusals(self) -> None:
        """What is about the text is a code; what is about the caller an exception."""
        before = self.had()
        table = {
            "isv.SMS_SIGNATURE_ILLEGAL": {"sign_name": "别人"},
            "isv.SMS_TEMPLATE_ILLEGAL": {"template_code": "SMS_0"},
            "isv.MOBILE_NUMBER_ILLEGAL": {"phone": "12345"},
            "isv.INVALID_JSON_PARAM": {"template_param": "482913"},
            "isv.TEMPLATE_MISSING_PARAMETERS": {"template_param": "{}"},
        }
        for code, changes in table.items():
            said = self.send(**changes)
            self.page.call(
                code, answered=((200, code), _of(said)), recorded=(before, self.had())
            )
        with self.stage.fault(
            "carrier.aliyun.send", "decline:isv.BUSINESS_LIMIT_CONTROL"
        ):
            said = self.send()
        limited = (200, "isv.BUSINESS_LIMIT_CONTROL")
        self.page.call(
            "too often", answered=(limited, _of(said)), recorded=(before, self.had())
        )
        self.begin("another secret")
        self.refused("a wrong secret", "SignatureDoesNotMatch", 403, before)
        self.begin("another secret", key_id="LTAInobody")
        self.refused("nobody's key", "InvalidAccessKeyId.NotFound", 404, before)

    def refused(self, name: str, code: str, status: int, before: Any) -> None:
        """A call that the kit raises for."""
        facts = self.send().get("facts", {})
        told = (facts.get("code"), facts.get("status_code") or facts.get("statusCode"))
        self.page.call(
            name, answered=((code, status), told), recorded=(before, self.had())
        )


def _of(said: dict[str, Any]) -> tuple[Any, Any]:
    return said.get("status"), said.get("Code")


def _detail(line: dict[str, Any]) -> tuple[Any, Any, Any]:
    return line["OutId"], line["PhoneNum"], line["Content"]

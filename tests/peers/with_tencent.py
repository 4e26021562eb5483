"""Tencent Cloud's own kit as a customer of our simulator."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from book import Page
from peer import Peer, client
from stage import Stage

from paycore.dev.vendors import APP_ID, SIGN, TEMPLATES

PHONE, OTHER_PHONE = "+8613700137000", "+8613700137001"
TEMPLATE, WORDS = TEMPLATES["tencent"]
APPLICATION = {"SmsSdkAppId": APP_ID}
BEIJING = timezone(timedelta(hours=8))


def talk(python: Path, stage: Stage, page: Page) -> None:
    """Texts, their receipts as they are pulled, and what is refused."""
    with client(python, "of_tencent") as kit:
        customer = Customer(kit, stage, page)
        customer.texts()
        customer.phones()
        customer.counts()
        customer.refusals()


class Customer:
    """Who texts by the kit, and looks at what the simulator recorded."""

    def __init__(self, kit: Peer, stage: Stage, page: Page) -> None:
        self.kit, self.stage, self.page = kit, stage, page
        self.ours = stage.ours("tencent")
        self.begin(str(self.ours["secret_id"]), str(self.ours["secret_key"]))

    def begin(self, key_id: str, secret: str) -> None:
        """Have the kit sign by this secret."""
        url = self.stage.carrier("tencent")
        self.kit.said("begin", base_url=url, key_id=key_id, secret=secret)

    def send(self, **changes: Any) -> dict[str, Any]:
        """SendSms of a code: the one phone's status; or what the kit raises."""
        fields = APPLICATION | {
            "PhoneNumberSet": [PHONE],
            "SignName": SIGN,
            "TemplateId": TEMPLATE,
            "TemplateParamSet": ["482913"],
            "SessionContext": "ours-1",
        }
        answer = self.kit.ask("call", action="SendSms", **(fields | changes))
        return answer["said"]["SendStatusSet"][0] if "said" in answer else answer

    def pull(self, most: int = 100) -> list[tuple[Any, ...]]:
        """PullSmsSendStatus."""
        said = self.kit.said(
            "call", action="PullSmsSendStatus", Limit=most, **APPLICATION
        )
        names = ("SerialNo", "PhoneNumber", "ReportStatus", "SessionContext")
        found = said["PullSmsSendStatusSet"] or []
        return [tuple(one[name] for name in names) for one in found]

    def had(self, phone: str = PHONE) -> list[tuple[str, str]]:
        """What the simulator delivered to a phone: words and code."""
        return [(text["text"], text["code"]) for text in self.stage.texts(phone)]

    def texts(self) -> None:
        """A text arrives as the template has it; its receipt is pulled, once."""
        text = (f"【{SIGN}】{WORDS.replace('{1}', '482913')}", "482913")
        said = self.send()
        names = ("Code", "PhoneNumber", "SessionContext", "Fee")
        wanted = ("Ok", PHONE, "ours-1", 1)
        told = tuple(said.get(name) for name in names)
        self.page.call(
            "SendSms", answered=(wanted, told), recorded=([text], self.had())
        )
        with self.stage.fault("carrier.tencent.send", "undelivered"):
            other = self.send(PhoneNumberSet=[OTHER_PHONE], SessionContext="ours-2")
        self.page.call(
            "SendSms, not delivered",
            answered=("Ok", other.get("Code")),
            recorded=([text], self.had(OTHER_PHONE)),
        )
        first = self.pull(1)
        wanted_first = [(said["SerialNo"], PHONE, "SUCCESS", "ours-1")]
        self.page.call(
            "PullSmsSendStatus",
            answered=(wanted_first, first),
            recorded=([text], self.had()),
        )
        second = self.pull()
        wanted_second = [(other["SerialNo"], OTHER_PHONE, "FAIL", "ours-2")]
        self.page.call(
            "PullSmsSendStatus of the other",
            answered=(wanted_second, second),
            recorded=([text], self.had(OTHER_PHONE)),
        )
        self.page.call(
            "PullSmsSendStatus again",
            answered=([], self.pull()),
            recorded=([text], self.had()),
        )

    def phones(self) -> None:
        """A phone in each form that Tencent takes is the same phone."""
        for number in ("13700137002", "8613700137002", "008613700137002"):
            before = self.had("+8613700137002")
            said = self.send(PhoneNumberSet=[number])
            self.page.call(
                f"SendSms to {number}",
                answered=(("Ok", number), (said.get("Code"), said.get("PhoneNumber"))),
                recorded=(len(before) + 1, len(self.had("+8613700137002"))),
            )
        self.pull()

    def counts(self) -> None:
        """One more text is one more of these hours, in Beijing."""
        before, had = self.counted(), self.had()
        self.send()
        after = self.counted()
        names = ("FeeCount", "RequestCount", "RequestSuccessCount")
        self.page.call(
            "SendStatusStatistics",
            answered=([1] * 3, [after[name] - before[name] for name in names]),
            recorded=(len(had) + 1, len(self.had())),
        )
        self.pull()

    def counted(self) -> dict[str, int]:
        """SendStatusStatistics of this hour and the two around it."""
        now, hour = datetime.now(BEIJING), timedelta(hours=1)
        begin, end = (f"{at:%Y%m%d%H}" for at in (now - hour, now + hour))
        asked = {"BeginTime": begin, "EndTime": end, "Limit": 0, "Offset": 0}
        said = self.kit.said(
            "call", action="SendStatusStatistics", **asked, **APPLICATION
        )
        return dict(said["SendStatusStatistics"])

    def refusals(self) -> None:
        """What is about the phone is its status; about the call, an exception."""
        before = self.had()
        refused = "FailedOperation."
        table: dict[str, dict[str, Any]] = {
            f"{refused}SignatureIncorrectOrUnapproved": {"SignName": "别人"},
            f"{refused}TemplateIncorrectOrUnapproved": {"TemplateId": "0"},
            f"{refused}TemplateParamSetNotMatchApprovedTemplate": {
                "TemplateParamSet": ["1", "2"]
            },
            "InvalidParameterValue.IncorrectPhoneNumber": {"PhoneNumberSet": ["12345"]},
        }
        for code, changes in table.items():
            said = self.send(**changes)
            self.page.call(
                code,
                answered=(code, said.get("Code")),
                recorded=(before, self.had()),
            )
        limit = "LimitExceeded.PhoneNumberThirtySecondLimit"
        with self.stage.fault("carrier.tencent.send", f"decline:{limit}"):
            said = self.send()
        self.page.call(
            "too often",
            answered=(limit, said.get("Code")),
            recorded=(before, self.had()),
        )
        other = {"SmsSdkAppId": "1400000009"}
        wrong = "UnauthorizedOperation.SmsSdkAppIdVerifyFail"
        self.refused("another application", wrong, self.send(**other), before)
        busy = "RequestLimitExceeded"
        with self.stage.fault("carrier.tencent.send", f"decline:{busy}"):
            said = self.send()
        self.refused("too many calls", busy, said, before)
        self.begin(str(self.ours["secret_id"]), "another secret")
        wrong = "AuthFailure.SignatureFailure"
        self.refused("a wrong secret", wrong, self.send(), before)
        self.begin("AKIDnobody", "another secret")
        wrong = "AuthFailure.SecretIdNotFound"
        self.refused("nobody's key", wrong, self.send(), before)

    def refused(self, name: str, code: str, said: Any, before: Any) -> None:
        """A call that the kit raises for."""
        told = (said.get("raised"), said.get("facts", {}).get("code"))
        self.page.call(
            name,
            answered=(("TencentCloudSDKException", code), told),
            recorded=(before, self.had()),
        )

"""dg-sdk, Huifu's own kit, as a merchant of our simulator."""

import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from book import Page
from peer import Peer, client
from stage import Stage, Told, fetched, until

from paycore.dev.huifu_keys import fresh
from paycore.kernel.ids import PAY_ORDER_NO_LENGTH

APPLY, CONFIRM = "V3QuickbuckleApplyRequest", "V3QuickbuckleConfirmRequest"
CARDS, UNBIND = "V2QuickbuckleQueryRequest", "V2QuickbuckleUnbindRequest"
SEND = "V3TradeOnlinepaymentQuickpaySmssendRequest"
CHECK = "V2TradeOnlinepaymentQuickpaySmscheckRequest"
PAY = "V3TradeOnlinepaymentQuickpayPayRequest"
WITHHOLD = "V2TradeOnlinepaymentWithholdpayRequest"
QUERY, REFUND = "V2TradeOnlinepaymentQueryRequest", "V2TradeOnlinepaymentRefundRequest"
REFUND_QUERY = "V2TradeOnlinepaymentRefundQueryRequest"
FILES = "V2TradeCheckFilequeryRequest"

OK, INVALID, DUPLICATE, LOST = "00000000", "10000000", "20000000", "23000001"
TOO_MUCH, REFUSED = "10000002", "90000000"
TODAY = f"{datetime.now(UTC) + timedelta(hours=8):%Y%m%d}"
PHONE, CUSTOMER, CARD = "13800138000", "C-0001", "6222020000000000"
POOR_PHONE, POOR_CARD = "13800138001", "6228480000000007"
DEVICE = {
    "terminal_device_data": '{"device_type":"1","device_ip":"127.0.0.1"}',
    "risk_check_data": '{"ip_addr":"127.0.0.1"}',
}
NUCC = '{"goods_short_name":"<货> & more","gw_chnnl_tp":"02","biz_tp":"100099"}'
WORDS = "<商品> & \"more\" / 'all'"


def talk(python: Path, stage: Stage, page: Page) -> None:
    """All that a merchant does, in the order of a card's life."""
    with client(python, "of_huifu") as kit:
        merchant = Merchant(kit, stage, page)
        merchant.sign_up()
        bound = merchant.bind(PHONE, CARD)
        sent = merchant.quick_pay(bound)
        taken = merchant.withhold(bound)
        merchant.refunds(taken)
        merchant.refusals(bound, taken)
        merchant.faults(bound)
        merchant.notices(sent, taken)
        merchant.files(sent, taken)
        merchant.unbind(bound)
        merchant.stranger()


class Merchant:
    """Who talks to Huifu by its kit, and looks at what the simulator recorded."""

    def __init__(self, kit: Peer, stage: Stage, page: Page) -> None:
        self.kit, self.stage, self.page = kit, stage, page
        self.facts = stage.ours("huifu")
        self.notify_url = f"{stage.box.url}/huifu"
        self.numbers = count(1)
        stage.box.answers["/huifu"] = _acknowledge

    def sign_up(self) -> None:
        """Who we are; a fresh kit knows nothing of it."""
        self.kit.said("begin", base_url=self.stage.bank("huifu"), keys=self.facts)

    def post(self, request: str, **fields: str) -> dict[str, Any]:
        """`data` of an answer, its signature checked by the kit."""
        fields = {"huifu_id": self.facts["huifu_id"], **fields}
        return dict(self.kit.said("post", request=request, fields=fields)["data"])

    def own(self) -> dict[str, str]:
        """A number that was never used, and its day."""
        number = f"P{next(self.numbers):0{PAY_ORDER_NO_LENGTH - 1}d}01"
        return {"req_seq_id": number, "req_date": TODAY}

    def moved(self, fields: dict[str, str]) -> list[tuple[str, int, str]]:
        """What the simulator recorded for an order's payment."""
        return self.stage.moved(fields["req_seq_id"][:PAY_ORDER_NO_LENGTH])

    def nothing(self, name: str, wanted: object, actual: object, about: Any) -> None:
        """A call that is answered and moves no money."""
        before = [] if about is None else self.moved(about)
        self.page.call(name, answered=(wanted, actual), recorded=([], before))

    # --- cards ----------------------------------------------------------------------

    def bind(self, phone: str, number: str) -> dict[str, str]:
        """A card's agreement, by the code that its phone was texted."""
        secret = {"card_no": number, "card_name": "欧阳锋", "mobile_no": phone}
        secret["cert_no"] = "11010519491231002X"
        fields = {k: self.kit.said("encrypt", text=v) for k, v in secret.items()}
        fields |= {"out_cust_id": CUSTOMER, "cert_validity_type": "0"}
        fields |= {"cert_begin_date": "20200101", "cert_end_date": "20400101"}
        own, before = self.own(), len(self.stage.texts(f"+86{phone}"))
        applied = self.post(APPLY, **own, **fields)
        texts = self.stage.texts(f"+86{phone}")[before:]
        self.page.call(
            "apply",
            answered=((OK, own["req_seq_id"]), _of(applied, "resp_code", "req_seq_id")),
            recorded=(1, len(texts)),
        )
        code = texts[0]["code"]
        original = {"org_req_seq_id": own["req_seq_id"], "org_req_date": TODAY}
        wrong = self.post(CONFIRM, **self.own(), **original, verify_code=_other(code))
        self.nothing("confirm with a wrong code", REFUSED, wrong["resp_code"], own)
        confirmed = self.post(CONFIRM, **self.own(), **original, verify_code=code)
        listed = self.post(CARDS, **self.own(), out_cust_id=CUSTOMER)
        cards = {card["token_no"] for card in json.loads(listed["card_list"])}
        told = _of(confirmed, "resp_code", "bind_card_stat")
        self.page.call(
            "confirm",
            answered=((OK, "S"), told),
            recorded=(True, confirmed["token_no"] in cards),
        )
        self.page.call(
            "cards of a customer",
            answered=(OK, listed["resp_code"]),
            recorded=(confirmed["user_huifu_id"], listed["user_huifu_id"]),
        )
        return {
            "card_bind_id": confirmed["token_no"],
            "user_huifu_id": confirmed["user_huifu_id"],
        }

    def unbind(self, bound: dict[str, str]) -> None:
        """End it; then it takes no money any more."""
        token = {"token_no": bound["card_bind_id"], "out_cust_id": CUSTOMER}
        ended = self.post(UNBIND, **self.own(), **token)
        listed = self.post(CARDS, **self.own(), out_cust_id=CUSTOMER)
        cards = [card["token_no"] for card in json.loads(listed["card_list"])]
        self.page.call(
            "unbind",
            answered=((OK, "S"), _of(ended, "resp_code", "trans_status")),
            recorded=(False, bound["card_bind_id"] in cards),
        )
        late = self._withhold(bound)
        said = self.post(WITHHOLD, **late)
        self.nothing("withholdpay after it", INVALID, said["resp_code"], late)

    # --- money ----------------------------------------------------------------------

    def quick_pay(self, bound: dict[str, str]) -> dict[str, str]:
        """A code, a wrong one, a check, the right one, and the questions after it."""
        fields = self.own() | bound | {"trans_amt": "12.34", "nucc_data": NUCC} | DEVICE
        fields |= {"notify_url": self.notify_url, "remark": WORDS}
        before = len(self.stage.texts(f"+86{PHONE}"))
        sent = self.post(SEND, **fields)
        texts = self.stage.texts(f"+86{PHONE}")[before:]
        self.page.call(
            "smssend",
            answered=((OK, "S"), _of(sent, "resp_code", "sms_send_stat")),
            recorded=((1, []), (len(texts), self.moved(fields))),
        )
        own, code = _own_of(fields), texts[0]["code"]
        open_ = self._query(fields)
        self.nothing("query of what is open", "I", open_["trans_stat"], fields)
        checked = self.post(CHECK, **self.own(), **_original(fields), sms_code=code)
        self.nothing("smscheck", OK, checked["resp_code"], fields)
        wrong = self.post(PAY, **own, sms_code=_other(code))
        told = (wrong["resp_code"], "trans_stat" in wrong)
        self.nothing("pay with a wrong code", (REFUSED, False), told, fields)
        paid = self.post(PAY, **own, sms_code=code)
        self._call(
            "pay",
            ("S", "12.34", "QUICK_PAY", sent["hf_seq_id"]),
            _of(paid, "trans_stat", "trans_amt", "trans_type", "hf_seq_id"),
            [("charge", 1234, "CNY")],
            fields,
        )
        found = self._query(fields)
        wanted = ("S", "12.34", sent["hf_seq_id"], "00")
        told = _of(found, "trans_stat", "trans_amt", "hf_seq_id", "bank_code")
        self._call("query", wanted, told, [("charge", 1234, "CNY")], fields)
        by_theirs = {"org_hf_seq_id": sent["hf_seq_id"], "org_req_date": TODAY}
        same = self.post(QUERY, pay_type="QUICK_PAY", **by_theirs)
        told = _of(same, "trans_stat", "trans_amt", "hf_seq_id", "bank_code")
        self._call("query by theirs", wanted, told, [("charge", 1234, "CNY")], fields)
        return fields | {"hf_seq_id": sent["hf_seq_id"]}

    def withhold(self, bound: dict[str, str]) -> dict[str, str]:
        """Money with nobody present."""
        fields = self._withhold(bound)
        taken = self.post(WITHHOLD, **fields)
        charge = [("charge", 5600, "CNY")]
        told = _of(taken, "resp_code", "trans_stat", "trans_amt", "req_seq_id")
        wanted = (OK, "S", "56.00", fields["req_seq_id"])
        self._call("withholdpay", wanted, told, charge, fields)
        again = self.post(WITHHOLD, **fields)
        told = (again["resp_code"], "trans_stat" in again)
        self._call("withholdpay twice", (DUPLICATE, False), told, charge, fields)
        return fields | {"hf_seq_id": taken["hf_seq_id"]}

    def refunds(self, taken: dict[str, str]) -> None:
        """Some of it, more than the rest of it, and the rest of it."""
        moved = [("charge", 5600, "CNY")]
        for amount, fen in (("6.00", 600), ("50.00", 5000)):
            fields = self._refund(taken, amount)
            back = self.post(REFUND, **fields)
            moved.append(("refund", fen, "CNY"))
            told = _of(back, "resp_code", "trans_stat", "ord_amt")
            self._call("refund", (OK, "S", amount), told, moved, taken)
            asked = self.post(REFUND_QUERY, **_original(fields))
            told = _of(asked, "resp_code", "trans_stat", "ord_amt")
            self._call("refund query", (OK, "S", amount), told, moved, taken)
            over = self.post(REFUND, **self._refund(taken, "50.01"))
            self._call("refund of more", TOO_MUCH, over["resp_code"], moved, taken)

    def _withhold(self, bound: dict[str, str]) -> dict[str, str]:
        fields = self.own() | bound | {"trans_amt": "56.00", "goods_desc": WORDS}
        fields |= {"withhold_type": "2", "notify_url": self.notify_url} | DEVICE
        return fields

    def _refund(self, taken: dict[str, str], amount: str) -> dict[str, str]:
        fields = self.own() | _original(taken) | {"ord_amt": amount} | DEVICE
        return fields | {"notify_url": self.notify_url}

    def _query(self, fields: dict[str, str]) -> dict[str, Any]:
        return self.post(QUERY, pay_type="QUICK_PAY", **_original(fields))

    def _call(
        self, name: str, wanted: object, told: object, moved: object, about: Any
    ) -> None:
        recorded = (moved, self.moved(about))
        self.page.call(name, answered=(wanted, told), recorded=recorded)

    # --- refusals -------------------------------------------------------------------

    def refusals(self, bound: dict[str, str], taken: dict[str, str]) -> None:
        """What is not there, not in form, or not to be had."""
        lost = self._query(self.own())
        self.nothing("query of nothing", LOST, lost["resp_code"], None)
        original = _original(taken)
        no_refund = self.post(REFUND_QUERY, **original)
        self.nothing("refund query of a payment", LOST, no_refund["resp_code"], None)
        bad = self._withhold(bound) | {"trans_amt": "5.6"}
        said = self.post(WITHHOLD, **bad)
        self.nothing("withholdpay of no amount", INVALID, said["resp_code"], bad)
        poor = self.bind(POOR_PHONE, POOR_CARD)
        fields = self._withhold(poor)
        said = self.post(WITHHOLD, **fields)
        told = _of(said, "resp_code", "trans_stat", "bank_code")
        self.nothing("withholdpay of the poor", (REFUSED, "F", "64"), told, fields)
        told = _of(self._query(fields), "resp_code", "trans_stat", "bank_code")
        self.nothing("query of what was refused", (OK, "F", "64"), told, fields)

    def faults(self, bound: dict[str, str]) -> None:
        """Money that is late; and an answer that is not Huifu's, which the kit says."""
        fields = self._withhold(bound)
        with self.stage.fault("bank.huifu.deduct", "processing:0.5"):
            told = self.post(WITHHOLD, **fields)
        self.nothing("withholdpay, late", "P", told["trans_stat"], fields)
        until(lambda: self.moved(fields))
        told = _of(self._query(fields), "trans_stat", "trans_amt")
        charge = [("charge", 5600, "CNY")]
        self._call("query of what was late", ("S", "56.00"), told, charge, fields)
        fields = self._withhold(bound) | {"huifu_id": self.facts["huifu_id"]}
        with self.stage.fault("bank.huifu.deduct", "bad_signature"):
            said = self.kit.ask("post", request=WITHHOLD, fields=fields)
        self._call("a wrong signature", "RuntimeError", said["raised"], charge, fields)

    def stranger(self) -> None:
        """Another merchant's key: he is turned away, and his kit sees that."""
        fields = {"huifu_id": self.facts["huifu_id"], **self.own(), "sms_code": "1234"}
        stranger = _fresh_keys() | {"sys_id": self.facts["sys_id"]}
        stranger["product_id"] = self.facts["product_id"]
        self.kit.said("begin", base_url=self.stage.bank("huifu"), keys=stranger)
        said = self.kit.said("post", request=PAY, fields=fields)
        self.page.call(
            "a stranger's signature",
            answered=(921, said.get("status")),
            recorded=([], self.moved(fields)),
        )

    # --- what is told of its own accord -----------------------------------------------

    def notices(self, sent: dict[str, str], taken: dict[str, str]) -> None:
        """Notifications of both payments and of the refunds, by the raw text."""
        for fields, amount in ((sent, "12.34"), (taken, "56.00")):
            form = self._notified(fields["req_seq_id"])
            said = json.loads(form["resp_data"])
            text = form["resp_data"]
            good = self.kit.said("verify", sign=form["sign"], text=text)
            told = _of(said, "trans_stat", "trans_amt", "hf_seq_id")
            wanted = (True, "S", amount, fields["hf_seq_id"])
            moved = self.moved(fields)[:1]
            fen = int(amount.replace(".", ""))
            self.page.call(
                "a notification",
                answered=(wanted, (good, *told)),
                recorded=([("charge", fen, "CNY")], moved),
            )
            changed = text.replace(amount, "99.99")
            good = self.kit.said("verify", sign=form["sign"], text=changed)
            self.page.call(
                "a notification that was changed",
                answered=(False, good),
                recorded=(True, changed != text),
            )
        form = self._notified(sent["req_seq_id"])
        told = {"sign": form["sign"], "text": form["resp_data"]}
        anew, good = (self.kit.said(how, **told) for how in ("verify_anew", "verify"))
        self.page.call(
            "a notification with escapes, written anew",
            answered=((False, True), (anew, good)),
            recorded=(True, "\\u003c" in form["resp_data"]),
        )
        forms = [_form(told) for told in self.stage.box.at("/huifu")]
        refunds = [
            form
            for form in forms
            if json.loads(form["resp_data"]).get("org_req_seq_id")
            == taken["req_seq_id"]
        ]
        for form in refunds:
            said = json.loads(form["resp_data"])
            good = self.kit.said("verify", sign=form["sign"], text=form["resp_data"])
            amount = said["ord_amt"]
            self.page.call(
                "a notification of a refund",
                answered=((True, "S", amount), (good, said["trans_stat"], amount)),
                recorded=(True, amount in ("6.00", "50.00")),
            )

    def _notified(self, number: str) -> dict[str, str]:
        def found() -> dict[str, str] | None:
            forms = map(_form, self.stage.box.at("/huifu"))
            return next((form for form in forms if _number_in(form) == number), None)

        return dict(until(found) or {})

    # --- statements -----------------------------------------------------------------

    def files(self, sent: dict[str, str], taken: dict[str, str]) -> None:
        """The file of a day: not there before it is over; then with all that moved."""
        tomorrow = date.fromisoformat(TODAY) + timedelta(days=1)
        wanted = {"file_date": f"{tomorrow:%Y%m%d}", "bill_type": "TRADE_BILL"}
        early = self.post(FILES, **self.own(), **wanted)
        task = early["task_details"][0]["task_stat"]
        self.nothing("filequery, early", ("P", False), (task, _has_files(early)), None)
        self.stage.control("POST", "statement_days", {"today": tomorrow.isoformat()})
        try:
            late = self.post(FILES, **self.own(), **wanted)
            url = late["file_details"][0]["download_url"]
            status, octets = fetched("GET", url)
        finally:
            self.stage.control("POST", "statement_days", {"today": None})
        task = late["task_details"][0]["task_stat"]
        host = urlsplit(self.stage.bank("huifu")).netloc
        self.page.call(
            "filequery",
            answered=(("S", host), (task, urlsplit(url).netloc)),
            recorded=(200, status),
        )
        lines = _lines(octets)
        for fields, amount in ((sent, "12.34"), (taken, "56.00")):
            line = next(
                one for one in lines if one["req_seq_id"] == fields["req_seq_id"]
            )
            told = _of(line, "trans_amt", "trans_stat", "hf_seq_id")
            wanted_line = (amount, "S", fields["hf_seq_id"])
            fen = int(amount.replace(".", ""))
            moved = self.moved(fields)[:1]
            self.page.call(
                "a line of the file",
                answered=(wanted_line, told),
                recorded=([("charge", fen, "CNY")], moved),
            )


def _fresh_keys() -> dict[str, str]:
    ours = fresh()[1]
    return ours | {"private_key": ours["merchant_private_key"]}


def _acknowledge(body: bytes) -> bytes:
    said = json.loads(dict(parse_qsl(body.decode()))["resp_data"])
    return f"RECV_ORD_ID_{said['req_seq_id']}".encode()


def _form(told: Told) -> dict[str, str]:
    return dict(parse_qsl(told.body.decode()))


def _number_in(form: dict[str, str]) -> str:
    return str(json.loads(form["resp_data"])["req_seq_id"])


def _has_files(said: dict[str, Any]) -> bool:
    return bool(said.get("file_details"))


def _lines(octets: bytes) -> list[dict[str, str]]:
    """The lines of a zip's CSV, by the names of its first."""
    with zipfile.ZipFile(io.BytesIO(octets)) as packed:
        text = packed.read(packed.namelist()[0]).decode()
    names, *lines = (line.split(",") for line in text.splitlines())
    return [dict(zip(names, line, strict=True)) for line in lines]


def _of(said: dict[str, Any], *names: str) -> tuple[Any, ...]:
    return tuple(said.get(name) for name in names)


def _own_of(fields: dict[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in ("req_seq_id", "req_date")}


def _original(fields: dict[str, str]) -> dict[str, str]:
    return {f"org_{name}": value for name, value in _own_of(fields).items()}


def _other(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"

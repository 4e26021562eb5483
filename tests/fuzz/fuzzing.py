"""Made-up requests to every call of openapi.json, held against what it promises.

Requests that follow the document and requests that break it, by schemathesis; of those
that name a card, a payment, a refund or a case half are turned to ones that are there,
and some bodies are made good enough to open a payment, so that the fuzz gets past the
first look. Operators' calls are made by one who may do all of them.

A failure is an answer of 500 or more, one that the document does not know (status,
media type, shape), broken rules that were accepted, or a problem without its form.
503 is one too: nothing is taken away from the node here.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import operating
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi import checks
from stack import Stack

from paycore.api.contract import KEY_HEADER
from paycore.api.problems import catalogue
from paycore.operators.roles import Role

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
    checks.missing_required_header,
    checks.unsupported_method,
]
"""Not `positive_data_acceptance`: that a number passes Luhn, or that a line takes a
currency, no schema says."""

A_ROUND = 100
"""Requests of one call and mode before the next has its turn."""
TIMEOUT_S = 120
CASES = 5
FIRST = ["1"]
"""The number of the preview that each case begins with."""
FAILURES_SHOWN = 20

CODES = {code for code, *_ in catalogue()}


@dataclass
class Fuzz:
    """One fuzz of one running stack."""

    stack: Stack
    requests: int
    seed: int
    tell: Callable[[int], None] = lambda _: None
    a_round: int = A_ROUND
    sent: int = 0
    failures: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)
    """What failed, each kind once."""
    impossible: set[tuple[str, GenerationMode]] = field(default_factory=set)
    """Calls that cannot be asked wrongly: any text may stand in their path."""

    def __post_init__(self) -> None:
        self.base = self.stack.nodes[0].info.api
        self.session = requests.Session()
        self.auth = {"Authorization": f"Bearer {self.stack.lines[0].api_key}"}
        self.person = operating.Person(self.stack, Role.ADMIN)
        self.dice = random.Random(self.seed)
        self.cards = [self.stack.payer().card_id for _ in range(3)]
        self.payments: list[str] = []
        self.refunds: list[str] = []
        self.operators = [
            operating.Person(self.stack, Role.VIEWER).operator_id for _ in range(CASES)
        ]
        self.checkouts: list[str] = []
        self.cases = [self._case() for _ in range(CASES)]

    def _described(self) -> schemathesis.BaseSchema:
        answer = self.session.get(f"{self.base}/openapi.json", timeout=TIMEOUT_S)
        described = answer.json()
        # The key is ours in every request; that others are refused is tested elsewhere.
        del described["security"]
        for operations in described["paths"].values():
            for operation in operations.values():
                operation.pop("security", None)
        return schemathesis.openapi.from_dict(described)

    def run(self) -> None:
        """Send them all, call by call, round by round."""
        for turn in count():
            # What one schema has generated is remembered with it, for ever.
            self.schema = self._described()
            for operation, mode in self._operations():
                if self.sent >= self.requests:
                    return
                if (operation.label, mode) in self.impossible:
                    continue
                self._round(operation, mode, turn)

    def _operations(self) -> Iterator[tuple[APIOperation, GenerationMode]]:
        for found in self.schema.get_all_operations():
            operation = found.ok()
            for mode in GenerationMode:
                yield operation, mode

    def _round(self, operation: APIOperation, mode: GenerationMode, turn: int) -> None:
        left = min(self.a_round, self.requests - self.sent)

        @seed(f"{self.seed}/{turn}/{operation.label}/{mode}")
        @settings(
            max_examples=left,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode))
        def send(case: Case) -> None:
            if self.sent < self.requests:
                self._send(case, good=mode is GenerationMode.POSITIVE)

        try:
            send()
        except Unsatisfiable:
            self.impossible.add((operation.label, mode))

    def _send(self, case: Case, *, good: bool) -> None:
        if good or self.dice.random() < 0.5:
            self._turn_to_what_is_there(case, good=good)
        self.sent += 1
        try:
            answer = case.call(
                base_url=self.base,
                session=self.session,
                headers=self._auth(case),
                timeout=TIMEOUT_S,
            )
        except requests.RequestException as error:
            self._failed(case, f"no answer: {type(error).__name__}", "")
            return
        status = answer.status_code
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self._check(case, answer)
        self._learn(case, answer)
        self.tell(self.sent)

    def _turn_to_what_is_there(self, case: Case, *, good: bool) -> None:
        """Half of what names something names one that is there."""
        there = {
            "card_id": self.cards,
            "pay_order_no": self.payments,
            "refund_no": self.refunds,
            "case_ref": self.cases,
            "checkout_no": self.checkouts,
            "number": FIRST,
            "operator_id": self.operators,
        }
        for name in case.path_parameters or {}:
            if there.get(name) and self.dice.random() < 0.5:
                case.path_parameters[name] = self.dice.choice(there[name])
        if good and KEY_HEADER in (case.headers or {}) and self.dice.random() < 0.8:
            case.headers[KEY_HEADER] = f"fuzz-{self.sent}"
        body = case.body
        if good and isinstance(body, dict) and "card_id" in body:
            body["card_id"] = self.dice.choice(self.cards)
            body["currency"] = "CNY"
            if self.dice.random() < 0.8:
                body["subject"], body["coupon_no"] = "两杯茶", None
        if good and isinstance(body, dict) and "return_url" in body:
            body["card_ids"], body["currency"] = [self.dice.choice(self.cards)], "CNY"
            body["return_url"] = "https://shop.example/done"
            body.pop("coupon_no", None)
            body.pop("sign", None)
        if (
            good
            and isinstance(body, dict)
            and "out_refund_no" in body
            and self.payments
        ):
            body["pay_order_no"] = self.dice.choice(self.payments)

    def _auth(self, case: Case) -> dict[str, str]:
        """A line's key, or where it is an operator's call a token."""
        if case.path.startswith(("/v1/desk/", "/v1/console/")):
            return {"Authorization": f"Bearer {self.person.token}"}
        return self.auth

    def _case(self) -> str:
        """A case of a payment, with a cure that was previewed."""
        no = self.stack.payer().open().json()["pay_order_no"]
        ref = operating.case(self.stack, no)
        operating.previewed(self.person, ref)
        return ref

    def _check(self, case: Case, answer: schemathesis.Response) -> None:
        try:
            case.validate_response(answer, checks=CHECKS, headers=self._auth(case))
        except FailureGroup as group:
            for failure in group.exceptions:
                self._failed(case, *_words(failure))
        except Failure as failure:
            self._failed(case, *_words(failure))
        if answer.status_code >= 400 and not _is_problem(answer):
            self._failed(case, "not a problem document", answer.text[:200])

    def _failed(self, case: Case, title: str, detail: str) -> None:
        self.failures += 1
        if len(self.shown) < FAILURES_SHOWN:
            kind = f"{case.operation.label}: {title}"
            self.shown.setdefault(kind, f"{detail}\n  {case.as_curl_command()}")

    def _learn(self, case: Case, answer: schemathesis.Response) -> None:
        """Remember what was made, forget the card that was revoked."""
        if case.method == "DELETE" and answer.status_code == 204:
            gone = case.path_parameters["card_id"]
            if gone in self.cards:
                self.cards.remove(gone)
                self.cards.append(self.stack.payer().card_id)
        elif case.method == "POST" and answer.status_code == 201:
            made = answer.json()
            if "checkout_no" in made:
                self.checkouts = [*self.checkouts[-50:], made["checkout_no"]]
            elif "refund_no" in made:
                self.refunds = [*self.refunds[-50:], made["refund_no"]]
            elif made.get("pay_order_no"):
                self.payments = [*self.payments[-50:], made["pay_order_no"]]


def _words(failure: BaseException) -> tuple[str, str]:
    return getattr(failure, "title", type(failure).__name__), str(failure)[:600]


def _is_problem(answer: schemathesis.Response) -> bool:
    try:
        said = json.loads(answer.content)
    except ValueError:
        return False
    return said["code"] in CODES and said["status"] == answer.status_code

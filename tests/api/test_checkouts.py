"""Checkouts over HTTP: what a line may ask for, and what their pages refuse."""

import gzip
import hashlib
import hmac
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx2 as httpx
import pytest
from posts import sql
from stack import SHOP, TICKETS, Stack, key

MARK = "zq7Xcanary"
SIGN = {"pay_type": "QUICK_PAY", "channel": "quick_a", "account": "main"}
CARD = "6222020200112233446"
TOKEN_BITS = 128


@pytest.fixture
def order(payer) -> dict[str, object]:
    """A good body."""
    return {
        "out_biz_no": f"c-{uuid.uuid4().hex}",
        "amount": 1250,
        "currency": "CNY",
        "subject": "两杯茶",
        "card_ids": [payer.card_id],
        "return_url": "https://shop.example/done",
    }


@pytest.fixture
def made(payer, order) -> dict[str, str]:
    """A checkout."""
    return payer.api.post("/v1/checkouts", json=order, headers=key()).json()


@pytest.fixture
def signing(payer, order) -> dict[str, str]:
    """A checkout where a new card may be signed too."""
    body = {**order, "sign": SIGN}
    return payer.api.post("/v1/checkouts", json=body, headers=key()).json()


@pytest.fixture
def browser(stack: Stack) -> httpx.Client:
    """Whoever has the address and nothing else."""
    with httpx.Client(base_url=stack.nodes[0].info.api, timeout=60) as client:
        yield client


def seen_on(page: httpx.Response) -> str:
    """What the page's forms say stood when it was drawn."""
    return re.search(r'name="seen" value="(\d*)"', page.text)[1]


BAD = [
    ("out_biz_no", "a b"),
    ("amount", 0),
    ("amount", "1250"),
    ("currency", "cny"),
    ("currency", "EUR"),
    ("subject", " "),
    ("card_ids", []),
    ("card_ids", ["card_" + "A" * 20]),
    ("card_ids", ["x"] * 11),
    ("sign", {**SIGN, "channel": "deduct_z"}),
    ("sign", {**SIGN, "single_limit": 2, "daily_limit": 1}),
    ("return_url", f"http://{MARK}.example/"),
    ("return_url", f"javascript:alert('{MARK}')"),
    ("return_url", f"https://user:{MARK}@shop.example/"),
    ("return_url", f"https://shop.example/#{MARK}"),
    ("return_url", f"https://shop.example/订单{MARK}"),
    ("return_url", "https:///nowhere"),
    ("return_url", "https://shop.example\\@evil.example/"),
    ("return_url", "https://shop.example:99999/"),
    ("return_url", f"https://shop.example/?card={CARD}"),
    ("return_url", f"https://shop.example/?status={MARK}"),
    ("return_url", f"https://shop.example/?a=1&%73ign={MARK}"),
    ("return_url", "https://shop.example/?pay_order_no"),
    ("locale", "fr"),
    ("expires_in_s", 59),
]


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_input(payer, stack, order, field, value):
    """Each is refused by its field, changes nothing, and is not echoed."""
    before = sql(stack, "SELECT count(*) FROM checkout")
    body = {**order, field: value}
    answer = payer.api.post("/v1/checkouts", json=body, headers=key())

    assert 400 == answer.status_code, answer.text
    assert field == answer.json()["field"].partition(".")[0]
    assert MARK not in answer.text
    assert CARD not in answer.text
    assert before == sql(stack, "SELECT count(*) FROM checkout")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/x", "http://localhost/x", "http://[::1]:1/x"]
)
def test_a_shop_on_the_same_machine(payer, order, url):
    """Plain http is for loopback."""
    body = {**order, "return_url": url}

    assert 201 == payer.api.post("/v1/checkouts", json=body, headers=key()).status_code


def test_another_lines_cards_and_checkouts_do_not_exist(stack, payer, order, made):
    """Neither a card nor a checkout of another line can be used or seen."""
    other = stack.payer(TICKETS)
    stolen = {**order, "out_biz_no": "else", "card_ids": [other.card_id]}
    refused = payer.api.post("/v1/checkouts", json=stolen, headers=key())
    unseen = other.api.get(f"/v1/checkouts/{made['checkout_no']}")

    assert (400, "card_ids") == (refused.status_code, refused.json()["field"])
    assert 404 == unseen.status_code
    assert 200 == payer.api.get(f"/v1/checkouts/{made['checkout_no']}").status_code


def test_a_revoked_card_is_not_offered(payer, order, made, browser):
    """What was revoked since is neither shown nor taken."""
    payer.api.delete(f"/v1/cards/{payer.card_id}")
    page = browser.get(made["url"])
    answer = browser.post(f"{made['url']}/pay", data={"card": payer.card_id})

    assert "3446" not in page.text
    assert "say=card" in answer.headers["location"]
    assert [] == payer.codes()


def test_one_number_is_one_checkout_and_one_payment(payer, order, made):
    """Another key gets the same address; other content, and a number that a payment
    has, are refused.
    """
    again = payer.api.post("/v1/checkouts", json=order, headers=key())
    other = payer.api.post("/v1/checkouts", json={**order, "amount": 1}, headers=key())
    paid = payer.open().json()
    taken = {**order, "out_biz_no": paid["out_biz_no"]}
    refused = payer.api.post("/v1/checkouts", json=taken, headers=key())

    assert (200, made) == (again.status_code, again.json())
    assert (409, "DUPLICATE") == (other.status_code, other.json()["code"])
    assert (409, "DUPLICATE") == (refused.status_code, refused.json()["code"])


def test_fifty_at_once_make_one(payer, order):
    """Different keys, one number: one checkout."""

    def ask(_: int) -> httpx.Response:
        return payer.api.post("/v1/checkouts", json=order, headers=key())

    with ThreadPoolExecutor(20) as many:
        answers = list(many.map(ask, range(50)))

    assert {200, 201} >= {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["url"] for answer in answers})


def test_the_token_is_kept_as_a_hash(stack, payer, order, made):
    """More than 128 bits, another one each time, and in no row."""
    token = made["url"].rpartition("/")[2]
    secret = token.rpartition("_")[2]
    body = {**order, "out_biz_no": "token"}
    other = payer.api.post("/v1/checkouts", json=body, headers=key()).json()
    rows = sql(stack, "SELECT c::text FROM checkout c")
    keys = sql(stack, "SELECT convert_from(body, 'UTF8') FROM idempotency_key")

    assert TOKEN_BITS < 5 * len(secret)
    assert secret not in other["url"]
    assert [] == [row for row in (*rows, *keys) if row[0] and secret in row[0]]


@pytest.mark.parametrize(
    "change",
    # One of a thousand ends with 00 itself.
    [lambda t: t[:-1] + "?", lambda t: t[:-2] + ("11" if t.endswith("00") else "00")],
)
def test_a_wrong_token_opens_nothing(browser, made, change):
    """A page that says so, and nothing of what was sent."""
    url = change(made["url"])
    answer = browser.get(url, headers={"Accept-Language": "zh"})

    assert 404 == answer.status_code
    assert "找不到此付款页面" in answer.text
    assert made["checkout_no"] not in answer.text


def test_the_page_is_strict_and_small(browser, made):
    """No script or style but our own files, each by its hash; nothing kept; 5 KB."""
    page = browser.get(made["url"])
    policy = page.headers["content-security-policy"]
    files = re.findall(r'(?:href|src)="(/checkout/assets/[^"]+)" integrity', page.text)
    got = [browser.get(file) for file in files]

    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "no-referrer" == page.headers["referrer-policy"]
    assert "no-store" == page.headers["cache-control"]
    assert len(gzip.compress(page.content)) <= 5 * 1024
    assert 2 == len(files)
    assert all("immutable" in one.headers["cache-control"] for one in got)
    assert {"text/css", "text/javascript"} == {
        one.headers["content-type"].partition(";")[0] for one in got
    }
    assert "style=" not in page.text
    assert [] == re.findall(r"\son\w+=", page.text)
    assert [] == [url for url in re.findall(r'"(https?:[^"]+)', page.text)
                  if not url.startswith("https://shop.example/")]  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
    ],
)
def test_another_sites_post_is_refused(browser, payer, made, headers):
    """Whoever comes from elsewhere does nothing here."""
    body = {"card": payer.card_id}
    answer = browser.post(f"{made['url']}/pay", data=body, headers=headers)

    assert 403 == answer.status_code
    assert [] == payer.codes()


@pytest.mark.parametrize(
    ("step", "sent", "say"),
    [
        ("pay", {"card": ""}, "card"),
        ("pay", {"card": MARK}, "card"),
        ("card", {"number": MARK}, "number"),
        ("confirm", {"seen": MARK, "code": "123456"}, "later"),
        ("confirm", {"seen": "1", "code": f"12345{MARK}"}, "code"),
        ("confirm", {"seen": "1"}, "code"),
    ],
)
def test_a_bad_form_is_told_and_not_echoed(signing, browser, step, sent, say):
    """The browser is sent to the page with the name of what is wrong, and no more."""
    answer = browser.post(f"{signing['url']}/{step}", data=sent)
    page = browser.get(answer.headers["location"])

    assert 303 == answer.status_code
    assert answer.headers["location"].endswith(f"&say={say}")
    assert MARK not in answer.headers["location"] + page.text


@pytest.mark.parametrize(
    "pasted",
    [
        {"phone": "\u202d+86 137-1234-0001\u202c"},
        {"phone": "１３７１２３４０００１"},
        {"number": "６２２２ 0202\u00a00011 2233 453\u200b"},
        {"name": "李雷\ufeff"},
        {"id_no": "1101011990 0307 4178"},
    ],
)
def test_a_card_as_people_paste_it(stack, signing, browser, pasted):
    """Marks that nobody sees, wide digits and spaces are no mistake of the payer's: the
    card gets as far as to its bank.
    """
    stack.fault("bank.quick_a.sign", "decline:WRONG_PHONE")
    typed = {
        "number": "6222020200112233453",
        "name": "李雷",
        "id_no": "110101199003074178",
        "phone": "13712340001",
    }
    answer = browser.post(f"{signing['url']}/card", data={**typed, **pasted})

    assert "say=" not in answer.headers["location"]
    assert "was not added" in browser.get(answer.headers["location"]).text


def test_what_is_no_form(browser, made):
    """Another kind, a field twice, too many fields, a step that is none."""
    pay = f"{made['url']}/pay"
    answers = [
        browser.post(pay, json={"card": "x"}),
        browser.post(pay, content=b"a=1&a=2", headers=FORM),
        browser.post(
            pay, content=b"&".join(b"a%d=1" % n for n in range(9)), headers=FORM
        ),
        browser.post(pay, content=b"a=\xff", headers=FORM),
        browser.post(f"{made['url']}/else", data={"card": "x"}),
    ]

    assert [400, 400, 400, 400, 404] == [one.status_code for one in answers]
    assert all(one.headers["content-type"].startswith("text/html") for one in answers)


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_way_back_is_signed(stack, payer, order, browser):
    """The line checks it with the hash of its own key's secret half."""
    body = {**order, "return_url": "https://shop.example/done?cart=7"}
    made = payer.api.post("/v1/checkouts", json=body, headers=key()).json()
    page = browser.get(made["url"])
    back = re.search(r'href="(https://shop[^"]+)"', page.text)[1].replace("&amp;", "&")
    query, _, sign = urlsplit(back).query.rpartition("&sign=")
    secret = stack.lines[SHOP].api_key.rpartition("_")[2]
    digest = hashlib.sha256(secret.encode()).digest()
    said = {name: values[0] for name, values in parse_qs(query).items()}

    assert sign == hmac.new(digest, query.encode(), hashlib.sha256).hexdigest()
    assert ("7", "OPEN") == (said["cart"], said["status"])
    assert (made["checkout_no"], body["out_biz_no"]) == (
        said["checkout_no"],
        said["out_biz_no"],
    )


def test_many_tabs_at_once_pay_once(stack, payer, order, browser, made):
    """Twenty tabs choose, then twenty send the code: one text, one charge."""
    page = browser.get(made["url"])

    def send(step: str, data: dict[str, str]) -> int:
        url = f"{made['url']}/{step}"
        return httpx.post(url, data=data, timeout=60).status_code

    with ThreadPoolExecutor(20) as tabs:
        chosen = list(
            tabs.map(lambda _: send("pay", {"card": payer.card_id}), range(20))
        )
        page = browser.get(made["url"])
        typed = {"seen": seen_on(page), "code": payer.codes()[-1]}
        paid = list(tabs.map(lambda _: send("confirm", typed), range(20)))
    now = payer.api.get(f"/v1/checkouts/{made['checkout_no']}").json()

    assert {303} == {*chosen, *paid}
    assert 1 == len(payer.codes())
    assert "SUCCESS" == now["status"]
    assert 1 == len(stack.charges(now["pay_order_no"]))


def test_a_number_that_was_used_over_the_api_meanwhile(payer, order, browser, made):
    """The order belongs to whoever was first: another payment is not shown here."""
    answer = payer.open(out_biz_no=order["out_biz_no"], amount=99)
    page = browser.get(made["url"], headers={"Accept-Language": "en"})
    browser.post(f"{made['url']}/pay", data={"card": payer.card_id})
    now = payer.api.get(f"/v1/checkouts/{made['checkout_no']}").json()

    assert 201 == answer.status_code
    assert "cannot be paid here" in page.text
    assert ("OPEN", None) == (now["status"], now["pay_order_no"])
    assert 1 == len(payer.codes())


def test_the_timeline_says_where_it_came_from(payer, order, browser, made):
    """A payment's story begins with its checkout."""
    browser.post(f"{made['url']}/pay", data={"card": payer.card_id})
    no = payer.api.get(f"/v1/checkouts/{made['checkout_no']}").json()["pay_order_no"]
    items = payer.api.get(f"/v1/payments/{no}/timeline").json()["items"]
    told = [item for item in items if item["kind"] == "checkout"]
    titles = [item["title"] for item in told]

    assert ["checkout made", "payment opened on our page"] == titles
    assert "checkout made" == items[0]["title"]

"""Stripe's own kit as a client: its objects, lists, errors and webhooks."""

import stripe
from line import serve

_client: list[stripe.StripeClient] = []


def begin(base_url: str, key: str) -> None:
    """Say who we are, and where Stripe is."""
    _client[:] = [
        stripe.StripeClient(
            key, base_addresses={"api": base_url}, max_network_retries=0
        )
    ]


def call(path: str, args: list[object], options: dict[str, str]) -> dict[str, object]:
    """`v1.payment_intents.create` and the like, with its arguments."""
    found: object = _client[0]
    for name in path.split("."):
        found = getattr(found, name)
    try:
        made = found(*args, options=options)  # type: ignore[operator]
    except stripe.StripeError as error:
        raise told(error) from error
    headers = {k.lower(): v for k, v in (made.last_response.headers or {}).items()}
    return {"object": made.to_dict(), "headers": headers}


def every(path: str, params: dict[str, object]) -> list[str]:
    """The ids of a list, page after page as the kit turns them."""
    found: object = _client[0]
    for name in path.split("."):
        found = getattr(found, name)
    listed = found(params)  # type: ignore[operator]
    return [one.id for one in listed.auto_paging_iter()]


def told(error: stripe.StripeError) -> Exception:
    """The same by the same name, with all that it says within reach."""
    kind = type(type(error).__name__, (Exception,), {})
    said = kind(str(error))
    said.code, said.http_status = error.code, error.http_status
    inner = error.error
    said.decline_code = getattr(inner, "decline_code", None)
    intent = getattr(inner, "payment_intent", None)
    said.intent = None if intent is None else intent["id"]
    said.intent_status = None if intent is None else intent["status"]
    said.replayed = (error.headers or {}).get("idempotent-replayed")
    return said


def event(body: str, signature: str, secret: str) -> dict[str, object]:
    """A webhook, if the kit takes it for genuine."""
    made = stripe.Webhook.construct_event(body, signature, secret)
    about = made.data.object
    return {"type": made.type, "id": about.id, "status": about.status}


serve({"begin": begin, "call": call, "every": every, "event": event})

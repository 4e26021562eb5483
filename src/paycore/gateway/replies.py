"""A reply's texts made fit to be stored and shown, whatever a stranger wrote. Pure."""

from collections.abc import Sequence

from msgspec.structs import replace

from paycore.gateway.call import Reply
from paycore.gateway.masking import masked, storable, without
from paycore.kernel.outcome import Outcome

CODE_LENGTH = 64
MESSAGE_LENGTH = 256
REFERENCE_LENGTH = 128


def tidy(reply: Reply, secrets: Sequence[str]) -> Reply:
    """Bound the texts, and hide in them what is secret or looks like it.

    A token is brought back to the channel as it came, or not at all.
    """
    return replace(
        reply,
        resp_code=storable(without(reply.resp_code, secrets))[:CODE_LENGTH],
        resp_msg=shown(reply.resp_msg, secrets),
        channel_ref=_bounded(reply.channel_ref),
        channel_token=_unharmed(reply.channel_token),
        agreement=_unharmed(reply.agreement),
        kept=storable(without(reply.kept, secrets)),
    )


def verdict(reply: Reply) -> str:
    """For the timeline: the outcome, and why."""
    why = [reply.outcome.value, reply.blame or "", reply.resp_code]
    if reply.outcome is Outcome.NOT_SENT:
        why.append(reply.resp_msg)
    if reply.alarm is not None:
        why.append(f"({reply.alarm})")
    return " ".join(filter(None, why))


def shown(text: str, secrets: Sequence[str]) -> str:
    """A stranger's words as people may read them.

    Cut before masking, which takes long on long texts, and again after it.
    """
    text = storable(without(text[: 2 * MESSAGE_LENGTH], secrets))
    return masked(text)[:MESSAGE_LENGTH]


def _bounded(text: str | None) -> str | None:
    return None if text is None else storable(text)[:REFERENCE_LENGTH]


def _unharmed(token: str | None) -> str | None:
    return token if token is not None and storable(token) == token else None

"""Where who asks for a code is: limits of texts go by it.

A business line tells its payer's address in a header, which is no part of the order:
the same order may be asked for again from elsewhere. Who tells none is counted by the
address that calls us, under a limit of its own.
"""

from ipaddress import ip_address

from paycore.api.contract import PAYER_HEADER
from paycore.api.door import Plain
from paycore.kernel.errors import BadRequest
from paycore.kernel.terms import Origin

_HEADER = PAYER_HEADER.lower().encode()


def origin_of(request: Plain) -> Origin | None:
    """The payer's address, else the caller's; None where neither is known."""
    sent = [value for name, value in request.scope["headers"] if name == _HEADER]
    if not sent:
        client = request.scope.get("client")
        return None if client is None else _read(client[0], told=False)
    found = _read(sent[0].decode("latin-1"), told=True)
    if found is None:
        raise BadRequest(
            "Payer-Address is one IPv4 or IPv6 address.",
            "Payer-Address 须为一个 IPv4 或 IPv6 地址",
        )
    return found


def _read(text: str, *, told: bool) -> Origin | None:
    """As everybody writes it; a zone is a machine's own and says nothing outside."""
    try:
        address = ip_address(text.partition("%")[0] if not told else text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return Origin(address=str(mapped or address), told=told)

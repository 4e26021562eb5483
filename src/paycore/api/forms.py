"""What a browser sends with a form: read strictly, from our own pages only, and from
which address.

Our pages send no referrer, so a browser may call their origin `null`: then it is the
path that nobody else knows. Whoever says that he comes from elsewhere is refused.
"""

from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

from paycore.api.door import Plain, body_of, door_of
from paycore.kernel.errors import BadRequest, Forbidden
from paycore.kernel.terms import Origin

MOST_FIELDS = 8
LONGEST_FIELD = 256

_FORM = "application/x-www-form-urlencoded"


async def form_of(request: Plain) -> dict[str, str]:
    """The fields of a form of ours, trimmed; each is there once at most."""
    refuse_strangers(request)
    media, _, _ = request.headers.get("content-type", "").partition(";")
    if media.strip().lower() != _FORM:
        raise BadRequest
    try:
        pairs = parse_qsl(
            (await body_of(request)).decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MOST_FIELDS,
            errors="strict",
        )
    except ValueError:
        raise BadRequest from None
    fields = {name: value.strip() for name, value in pairs}
    if len(fields) < len(pairs) or any(
        len(value) > LONGEST_FIELD for value in fields.values()
    ):
        raise BadRequest
    return fields


def refuse_strangers(request: Plain) -> None:
    """Refuse what another site's page has sent. Ours is the address that was asked, and
    the one that payers are told: a proxy may ask for a node by another name.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "null")
    settings = door_of(request).node.settings
    ours = {
        request.headers.get("host", ""),
        urlsplit(settings.checkout_url or settings.public_url).netloc,
    }
    elsewhere = origin != "null" and urlsplit(origin).netloc not in ours - {""}
    if site not in (None, "same-origin") or elsewhere:
        raise Forbidden


def payer_of(request: Plain) -> Origin | None:
    """Where the payer is: who called us, or whom our own proxies say they called for.

    Of what is forwarded the last address counts that is none of our proxies: all before
    it is what somebody outside has written. Where a proxy says none that can be read it
    is counted itself: nobody asks for texts without end because it is set up wrongly.
    """
    client = request.scope.get("client")
    if client is None:
        return None
    proxies = door_of(request).node.settings.proxies
    # A proxy may add to the line that came or write one below it: what is last is its.
    lines = request.headers.getall("x-forwarded-for", [])
    came_by = [one.strip() for line in lines for one in line.split(",")]
    found: Origin | None = None
    for text in reversed([*came_by, client[0]]):
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            break
        address = getattr(address, "ipv4_mapped", None) or address
        found = Origin(address=str(address), told=True)
        if not any(address in network for network in proxies):
            break
    return found

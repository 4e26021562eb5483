"""The accounts at channels, opened: a node's snapshot of gateway_account.

Credentials are unsealed and read once a version of their row, not once a call. An
account that does not open is left out and reported, and the others go on.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import msgspec

from paycore.gateway.call import Operation
from paycore.gateway.channel import Account, Channel
from paycore.gateway.registry import Registry
from paycore.gateway.rows import AccountRow, FactRow
from paycore.kernel import log
from paycore.kernel.errors import BadRequest, DataNotExist, Misconfigured
from paycore.kernel.journal import Change
from paycore.kernel.node import Node

AccountKey = tuple[str, str]
"""(channel, account)"""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

_FACTS = msgspec.json.Decoder(dict[str, str])

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An account that can be called."""

    versions: tuple[int, int]
    """Of its row and of what the channel told us (zero: nothing)."""
    enabled: bool
    driver: Channel
    account: Account
    secrets: tuple[str, ...] = field(repr=False)
    """Texts of the credentials that must not be stored anywhere."""


class Accounts:
    """The snapshot; replaced as a whole, never seen half."""

    def __init__(self) -> None:
        self._opened: dict[AccountKey, Opened] = {}
        self._refused: dict[AccountKey, int] = {}
        self._drivers: dict[str, Channel] = {}
        self._capable: dict[Operation, frozenset[str]] = {}
        self.closed: frozenset[AccountKey] = frozenset()
        """Disabled, or not to be opened: no new payment goes there."""

    def find(self, channel: str, account: str) -> Opened | None:
        """An account; a disabled one too: what was begun there is finished there."""
        return self._opened.get((channel, account))

    def every(self) -> Iterator[tuple[AccountKey, Opened]]:
        """All that can be called, disabled ones too."""
        yield from tuple(self._opened.items())

    def driver(self, channel: str) -> Channel | None:
        """The channel file that speaks to a channel."""
        return self._drivers.get(channel)

    def capable(self, operation: Operation) -> frozenset[str]:
        """Channels that can do this."""
        return self._capable.get(operation, frozenset())

    def take(
        self, node: Node, rows: Iterable[AccountRow], facts: Iterable[FactRow] = ()
    ) -> None:
        """Open what is new or changed and drop what is gone."""
        opened: dict[AccountKey, Opened] = {}
        refused: dict[AccountKey, int] = {}
        told = {(row.channel, row.account): row for row in facts}
        for row in rows:
            key = (row.channel, row.account)
            found, fact = self._opened.get(key), told.get(key)
            if found is None or found.versions != _versions(row, fact):
                found = self._try(node, row, fact)
            if found is None:
                refused[key] = row.version
            else:
                opened[key] = found
        if (opened, refused) == (self._opened, self._refused):
            return
        self._opened, self._refused = opened, refused
        self._index()

    def add(
        self, node: Node, row: AccountRow, fact: FactRow | None = None
    ) -> Opened | None:
        """Open one that is newer than the snapshot."""
        found = self._try(node, row, fact)
        if found is not None:
            self._opened[row.channel, row.account] = found
            self._index()
        return found

    def _try(self, node: Node, row: AccountRow, fact: FactRow | None) -> Opened | None:
        """Open one, or say once a version why it does not open."""
        try:
            return open_account(node, row, fact)
        except Exception as error:  # noqa: BLE001 - a plug-in's, and the others open
            if self._refused.get((row.channel, row.account)) != row.version:
                _log.error(
                    "account_not_opened",
                    channel=row.channel,
                    account=row.account,
                    why=_why_not(error),
                )
            return None

    def _index(self) -> None:
        self._drivers = {key[0]: found.driver for key, found in self._opened.items()}
        self._capable = {
            operation: frozenset(
                channel
                for channel, driver in self._drivers.items()
                if operation in driver.capabilities
            )
            for operation in Operation
        }
        off = (key for key, found in self._opened.items() if not found.enabled)
        self.closed = frozenset((*off, *self._refused))


async def look_up(node: Node, channel: str, account: str) -> Opened | None:
    """An account; one that is newer than the snapshot is read now."""
    known = node.state(Accounts)
    found = known.find(channel, account)
    if found is not None:
        return found
    row = await node.journal.load(AccountRow, channel, account)
    if row is None:
        return None
    fact = await node.journal.load(FactRow, channel, account)
    return known.add(node, row, fact)


def open_account(node: Node, row: AccountRow, fact: FactRow | None = None) -> Opened:
    """Unseal and read the credentials of one account."""
    driver = node.state(Registry).find(row.driver)
    if driver is None:
        raise Misconfigured(f"there is no channel file with the code {row.driver!r}")
    account = Account(
        channel=row.channel,
        account=row.account,
        base_url=row.base_url.rstrip("/"),
        config=_config(node, row, driver, row.credentials),
        facts={} if fact is None else _FACTS.decode(fact.facts),
    )
    configs = [account.config]
    former = _former(node, row, driver)
    if former is not None:
        configs.append(former)
        account = replace(account, former=replace(account, config=former))
    if unfit := driver.unfit(account):
        raise Misconfigured(unfit)
    secrets = (
        text
        for config in configs
        for name in driver.secret_fields
        for text in _texts(getattr(config, name))
    )
    return Opened(
        versions=_versions(row, fact),
        enabled=row.enabled,
        driver=driver,
        account=account,
        secrets=tuple(secrets),
    )


def _texts(value: object) -> Iterator[str]:
    """The texts of a field of credentials: of a list each, of what is empty none."""
    for one in value if isinstance(value, list | tuple) else (value,):
        if one:
            yield str(one)


def _config(
    node: Node, row: AccountRow, driver: Channel, sealed: bytes
) -> msgspec.Struct:
    clear = node.key_ring.open(sealed, context=_context(row))
    return msgspec.json.decode(clear, type=driver.Config)


def _former(node: Node, row: AccountRow, driver: Channel) -> msgspec.Struct | None:
    """What is still believed; what an older version kept may be in no form of today's,
    and the account goes on without.
    """
    if row.former is None:
        return None
    try:
        return _config(node, row, driver, row.former)
    except (Misconfigured, msgspec.MsgspecError) as error:
        _log.error(
            "former_not_opened",
            channel=row.channel,
            account=row.account,
            why=_why_not(error),
        )
        return None


def _why_not(error: Exception) -> str:
    """Why it does not open, in words that repeat no credentials, as theirs may."""
    if isinstance(error, Misconfigured):
        return str(error)
    wrong = isinstance(error, msgspec.MsgspecError)
    return "form" if wrong else f"its file broke: {type(error).__name__}"


def _versions(row: AccountRow, fact: FactRow | None) -> tuple[int, int]:
    return row.version, 0 if fact is None else fact.version


async def save(
    node: Node,
    *,
    channel: str,
    account: str,
    driver: str,
    base_url: str,
    credentials: Mapping[str, object],
    enabled: bool | None = True,
    rotate: bool = False,
    version: int | None = None,
) -> bool:
    """Create an account or replace it; what would not open is refused. Whether it is
    switched on now.

    `enabled`: None leaves that as it stands, and a new one is on. `rotate`: what it had
    is still believed, until `retire`. `version`: replace this one and no newer.
    """
    _check(channel, account, base_url)
    row = AccountRow(
        channel=channel,
        account=account,
        driver=driver,
        base_url=base_url,
        credentials=b"",
        enabled=enabled is not False,
    )
    sealed = node.key_ring.seal(msgspec.json.encode(credentials), context=_context(row))
    row = msgspec.structs.replace(row, credentials=sealed)
    try:
        open_account(node, row)
    except Misconfigured as error:
        raise BadRequest(str(error), field="driver") from error
    except msgspec.MsgspecError:
        # Its own words may repeat the credentials that it did not like.
        raise BadRequest(_form(node, driver), field="credentials") from None
    change = node.change()
    standing = await node.journal.load(AccountRow, channel, account)
    if standing is None:
        change.insert(row)
    else:
        row = msgspec.structs.replace(
            row,
            version=standing.version,
            enabled=standing.enabled if enabled is None else enabled,
            former=standing.credentials if rotate else None,
        )
        change.update(row, version=version or standing.version)
    if await node.journal.commit(change) is not None:
        raise BadRequest("This account was changed by somebody else; look again.")
    return row.enabled


async def switch(node: Node, channel: str, account: str, *, enabled: bool) -> None:
    """Choose an account again, or no more; what was begun there is finished there."""
    change = node.change()
    await switched(node, change, (channel, account), enabled=enabled)
    await node.journal.commit(change)


async def switched(
    node: Node, change: Change, key: AccountKey, *, enabled: bool
) -> None:
    """Stage the same; DataNotExist where there is no such account."""
    await refuse_unknown(node, key)
    change.amend(
        AccountRow, key, lambda row: msgspec.structs.replace(row, enabled=enabled)
    )


async def refuse_unknown(node: Node, key: AccountKey) -> None:
    """DataNotExist where there is no such account; none is ever taken away."""
    if await node.journal.load(AccountRow, *key) is None:
        raise _no_such()


async def retire(node: Node, channel: str, account: str) -> None:
    """Believe only the newest credentials from now on."""
    await _amend(
        node, channel, account, lambda row: msgspec.structs.replace(row, former=None)
    )


async def reseal(node: Node, row: AccountRow) -> None:
    """Seal the credentials with the active key; those that changed meanwhile too."""

    def anew(sealed: bytes) -> bytes:
        clear = node.key_ring.open(sealed, context=_context(row))
        return node.key_ring.seal(clear, context=_context(row))

    def step(standing: AccountRow) -> AccountRow:
        former = standing.former and anew(standing.former)
        return msgspec.structs.replace(
            standing, credentials=anew(standing.credentials), former=former
        )

    await _amend(node, row.channel, row.account, step)


async def _amend(
    node: Node, channel: str, account: str, step: Callable[[AccountRow], AccountRow]
) -> None:
    change = node.change()
    change.amend(AccountRow, (channel, account), step)
    if await node.journal.commit(change) is not None:
        raise _no_such()


def _no_such() -> DataNotExist:
    return DataNotExist("There is no such account.", "渠道账户不存在")


def _check(channel: str, account: str, base_url: str) -> None:
    """Names that stand in paths and contexts; an address that can be called."""
    if not (_NAME.fullmatch(channel) and _NAME.fullmatch(account)):
        raise BadRequest(
            "A channel's and an account's name are 1-64 of A-Z a-z 0-9 _ -."
        )
    if base_url and not _is_web(base_url):
        raise BadRequest("A base URL begins with https://.", field="base_url")


def _is_web(url: str) -> bool:
    """Whether something can be asked there."""
    if not url.startswith(("https://", "http://")):
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _form(node: Node, driver: str) -> str:
    """What the credentials of a channel file must be."""
    found = node.state(Registry).find(driver)
    fields = ", ".join(found.Config.__struct_fields__) if found else ""
    return f"The credentials of {driver} are a JSON object with: {fields}."


def _context(row: AccountRow) -> bytes:
    """Whose credentials these are: sealed ones cannot be moved to another account."""
    return f"gateway_account/{row.channel}/{row.account}".encode()

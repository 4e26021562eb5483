"""Routes: the rules as a table, their versions, trying one, publishing, going back."""

from collections.abc import Sequence

import msgspec
from litestar import Response, get, post
from litestar.types import ASGIApp

from paycore.api.acting import Told, acted, asked, doing_of
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.keyset import number_of
from paycore.api.console.routes_schema import (
    ConsoleRoutes,
    ConsoleRouteType,
    ConsoleRule,
    PublishRules,
    RollBackRules,
    RouteFacts,
    RouteTried,
    RouteVersion,
    RouteVersionDetails,
    RouteVersions,
    RuleChange,
    RuleProblem,
    RuleProblems,
    TriedCandidate,
    TryRoute,
    ValidateRules,
)
from paycore.api.contract import Call
from paycore.api.decode import Shape
from paycore.api.door import Plain, door_of, read
from paycore.api.paging import cut, query_of
from paycore.api.schema import Page
from paycore.core.trial import Supposed, question
from paycore.gateway import queries as gateway
from paycore.kernel.errors import BadRequest, BizCheckError, DataNotExist
from paycore.kernel.journal import Change
from paycore.kernel.node import Node
from paycore.operators.roles import May
from paycore.router import publishing, queries, service
from paycore.router.publishing import Rule, Version
from paycore.router.rules import Decision

_SEARCH = Shape(Page)
_VALIDATE = Shape(ValidateRules)
_TRY = Shape(TryRoute)
_PUBLISH = Shape(PublishRules)
_ROLL_BACK = Shape(RollBackRules)

_MOST_DIGITS = 15


@get(
    "/v1/console/routes",
    opt={
        "call": Call(
            name="getRoutes",
            summary="The routing rules as they stand, and what routes lead to",
            gives=((200, ConsoleRoutes),),
            may=May.READ,
        )
    },
)
async def get_routes(request: Plain) -> Response[bytes]:
    """Rules and types."""
    await operator_of(request)
    door = door_of(request)
    newest = await read(door, queries.versions(door.pool, before=None, limit=1))
    rules = await read(door, queries.rules(door.pool))
    types = await read(door, queries.types(door.pool))
    head = newest[0] if newest else None
    return found(
        ConsoleRoutes(
            version=head.number if head else 0,
            published_at=head.published_at if head else None,
            by=head.published_by if head else None,
            why=head.why if head else None,
            rules=_shown(rules),
            types=[
                msgspec.convert(one, ConsoleRouteType, from_attributes=True)
                for one in types
            ],
        )
    )


@get(
    "/v1/console/routes/versions",
    opt={
        "call": Call(
            name="listRouteVersions",
            summary="Versions of the rules, the newest first",
            asks=Page,
            gives=((200, RouteVersions),),
            may=May.READ,
        )
    },
)
async def list_versions(request: Plain) -> Response[bytes]:
    """Versions, the newest first."""
    await operator_of(request)
    door, wanted = door_of(request), _SEARCH.convert(query_of(request))
    before = number_of(wanted.cursor)
    rows = await read(
        door, queries.versions(door.pool, before=before, limit=wanted.limit + 1)
    )
    page, more = cut(rows, wanted.limit, [str(row.number) for row in rows])
    items = [
        RouteVersion(
            version=row.number,
            published_at=row.published_at,
            by=row.published_by,
            why=row.why,
            rules=row.rules,
        )
        for row in page
    ]
    return found(RouteVersions(items=items, next=more))


@get(
    "/v1/console/routes/versions/{number:str}",
    opt={
        "call": Call(
            name="getRouteVersion",
            summary="One version: its rules, and what it changed of the one before",
            gives=((200, RouteVersionDetails),),
            refuses=(DataNotExist,),
            may=May.READ,
        )
    },
)
async def get_version(request: Plain, number: str) -> Response[bytes]:
    """One version with what it changed."""
    await operator_of(request)
    door = door_of(request)
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise DataNotExist
    row = await read(door, publishing.version(door.node, int(number)))
    return found(await _details(door.node, row))


@post(
    "/v1/console/routes/validations",
    status_code=200,
    opt={
        "call": Call(
            name="validateRoutes",
            summary="What is wrong with rules; nothing is changed",
            takes=ValidateRules,
            gives=((200, RuleProblems),),
            keyed=True,
            may=May.READ,
        )
    },
)
async def validate(request: Plain) -> ASGIApp:
    """What is wrong with rules."""
    doing = await doing_of(request)
    wanted = _VALIDATE.decode(doing.body)
    door = doing.door

    async def work() -> Told:
        rows = [publishing.row_of(one.rule()) for one in wanted.rules]
        known = await read(door, gateway.known(door.pool))
        problems = [
            RuleProblem(rule=one.rule, says=one.says)
            for one in publishing.problems(rows, known)
        ]
        return Told.ok(RuleProblems(problems=problems))

    return await asked(request, doing, work)


@post(
    "/v1/console/routes/trials",
    status_code=200,
    opt={
        "call": Call(
            name="tryRoute",
            summary="Where a payment would go now, or by other rules, and of every"
            " candidate why or why not; nothing is changed",
            takes=TryRoute,
            gives=((200, RouteTried),),
            refuses=(BadRequest, DataNotExist),
            keyed=True,
            may=May.READ,
        )
    },
)
async def try_route(request: Plain) -> ASGIApp:
    """Where a payment would go."""
    doing = await doing_of(request)
    wanted = _TRY.decode(doing.body)
    node = doing.door.node

    async def work() -> Told:
        about = await question(node, _supposed(wanted.facts))
        drafted = None
        if wanted.rules is not None:
            drafted = [publishing.row_of(one.rule()) for one in wanted.rules]
        return Told.ok(_tried(await service.explain(node, about, drafted)))

    return await asked(request, doing, work)


@post(
    "/v1/console/routes",
    opt={
        "call": Call(
            name="publishRoutes",
            summary="These are the rules from now on, as a version; one that is left"
            " out is switched off",
            takes=PublishRules,
            gives=((201, RouteVersionDetails),),
            refuses=(BadRequest, BizCheckError),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def publish(request: Plain) -> ASGIApp:
    """Publish rules."""
    doing = await doing_of(request)
    wanted = _PUBLISH.decode(doing.body)

    async def stage(change: Change) -> Told:
        return await _published(
            (doing.door.node, change),
            [one.rule() for one in wanted.rules],
            on=wanted.on_version,
            by=doing.operator.name,
            why=wanted.why,
        )

    deed = doing.deed("rules", wanted.why, on_version=wanted.on_version)
    return await acted(request, doing, deed, stage)


@post(
    "/v1/console/routes/rollbacks",
    opt={
        "call": Call(
            name="rollBackRoutes",
            summary="The rules of an older version again, as a new one",
            takes=RollBackRules,
            gives=((201, RouteVersionDetails),),
            refuses=(BadRequest, DataNotExist, BizCheckError),
            keyed=True,
            may=May.CONFIGURE,
        )
    },
)
async def roll_back(request: Plain) -> ASGIApp:
    """Go back to a version."""
    doing = await doing_of(request)
    wanted = _ROLL_BACK.decode(doing.body)

    async def stage(change: Change) -> Told:
        node = doing.door.node
        row = await publishing.version(node, wanted.version)
        return await _published(
            (node, change),
            publishing.rules_in(row),
            on=wanted.on_version,
            by=doing.operator.name,
            why=wanted.why,
        )

    versions = {"version": wanted.version, "on_version": wanted.on_version}
    return await acted(
        request, doing, doing.deed("rules", wanted.why, **versions), stage
    )


async def _published(
    into: tuple[Node, Change], rules: Sequence[Rule], *, on: int, by: str, why: str
) -> Told:
    node, change = into
    row = await publishing.publish(node, change, rules, on=on, by=by, why=why)
    before = await publishing.before(node, change, row)
    return Told.made(_version(row, before))


async def _details(node: Node, row: Version) -> RouteVersionDetails:
    before = None
    if row.number > 1:
        before = await publishing.version(node, row.number - 1)
    return _version(row, before)


def _version(row: Version, before: Version | None) -> RouteVersionDetails:
    now = publishing.rules_in(row)
    old = [] if before is None else publishing.rules_in(before)
    return RouteVersionDetails(
        version=row.number,
        published_at=row.published_at,
        by=row.published_by,
        why=row.why,
        rules=_shown(now),
        changes=_changes(_by_name(old), _by_name(now)),
    )


def _by_name(rules: Sequence[Rule]) -> dict[str, ConsoleRule]:
    return {one.rule_id: one for one in _shown(rules)}


def _changes(
    old: dict[str, ConsoleRule], now: dict[str, ConsoleRule]
) -> list[RuleChange]:
    return [
        RuleChange(rule=name, before=old.get(name), after=now.get(name))
        for name in sorted(old.keys() | now.keys())
        if old.get(name) != now.get(name)
    ]


def _shown(rules: Sequence[Rule]) -> list[ConsoleRule]:
    return [msgspec.convert(one, ConsoleRule, from_attributes=True) for one in rules]


def _supposed(facts: RouteFacts) -> Supposed:
    return Supposed(
        biz_line=facts.biz_line,
        amount=facts.amount,
        currency=facts.currency,
        trans_type=facts.trans_type,
        card_id=facts.card_id,
        bank=facts.bank or "",
        card_kind=facts.card_kind,
        named=facts.named,
    )


def _tried(said: Decision) -> RouteTried:
    return RouteTried(
        chosen=said.route.inst_trans_id if said.route else None,
        cause=said.cause,
        candidates=[
            TriedCandidate(
                inst_trans_id=one.inst_trans_id,
                channel=one.channel,
                account=one.account,
                kept=one.kept,
                stage=one.stage,
                why=one.why,
            )
            for one in said.candidates
        ],
    )

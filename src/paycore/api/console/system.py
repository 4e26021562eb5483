"""What runs here: nodes, the database, the settings of the node that answers."""

from litestar import Response, get

from paycore import __version__
from paycore.api import queries
from paycore.api.answers import found
from paycore.api.auth import operator_of
from paycore.api.console.setup_schema import (
    ConsoleSystem,
    SystemDatabase,
    SystemNode,
    SystemSetting,
)
from paycore.api.contract import Call
from paycore.api.door import Plain, door_of, read
from paycore.kernel import described
from paycore.kernel.config import Settings
from paycore.operators.roles import May

_HIDDEN = "***"


@get(
    "/v1/console/system",
    opt={
        "call": Call(
            name="getSystem",
            summary="Nodes, database, and settings with their secrets masked",
            gives=((200, ConsoleSystem),),
            may=May.READ,
        )
    },
)
async def get_system(request: Plain) -> Response[bytes]:
    """What runs here."""
    await operator_of(request)
    door = door_of(request)
    known = await read(door, queries.system(door.pool))
    settings = door.node.settings
    return found(
        ConsoleSystem(
            version=__version__,
            node=settings.node_name,
            nodes=[
                SystemNode(
                    node=life.name,
                    life=life.epoch,
                    slot=life.slot,
                    since=life.started_at,
                    beat_at=life.beat_at,
                    died_at=life.died_at,
                )
                for life in known.lives
            ],
            database=SystemDatabase(
                version=known.version, size=known.size, migrations=known.migrations
            ),
            settings=_settings(settings),
        )
    )


def _settings(settings: Settings) -> list[SystemSetting]:
    """Every setting; of a secret only whether it was given."""
    shown = []
    for field in described.fields_of(Settings):
        value = getattr(settings, field.name)
        is_default = value == field.default
        text = described.shown(value)
        if text and described.is_secret(field):
            text = _HIDDEN
        source = "default" if is_default else "given"
        shown.append(SystemSetting(name=field.name, value=text, source=source))
    return shown

"""The console's calls: what operators see and do over the API, page by page."""

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from paycore.api.console import audit, operators, sessions

HANDLERS: Sequence[HTTPRouteHandler] = (
    sessions.log_in,
    sessions.get_session,
    sessions.log_out,
    sessions.begin_enrolment,
    sessions.confirm_enrolment,
    sessions.change_password,
    operators.list_operators,
    operators.invite_operator,
    operators.revoke_operator,
    operators.invite_again,
    audit.list_entries,
    audit.verify,
)

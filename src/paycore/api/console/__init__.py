"""The console's calls: what operators see and do over the API, page by page."""

from collections.abc import Sequence

from litestar.handlers import HTTPRouteHandler

from paycore.api.console import (
    audit,
    carriers,
    channels,
    lists,
    operators,
    overview,
    payment_acts,
    payments,
    sessions,
    views,
)

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
    overview.get_overview,
    payments.search_payments,
    payments.export_payments,
    payments.get_payment,
    payments.get_timeline,
    payment_acts.close_payment,
    payment_acts.enquire_payment,
    payment_acts.notify_payment,
    lists.search_refunds,
    lists.get_refund,
    lists.search_agreements,
    lists.search_coupons,
    views.list_views,
    views.keep_view,
    views.remove_view,
    channels.list_channels,
    channels.switch_channel,
    channels.open_window,
    channels.end_window,
    channels.check_channel,
    carriers.list_carriers,
    carriers.switch_carrier,
    carriers.check_carrier,
)

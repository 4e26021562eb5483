"""Planted violations of agreements: signed by nobody, and used after its end."""

from plants import Plant

AGREEMENTS = (
    Plant(
        "an agreement that its channel did not acknowledge",
        "DELETE FROM agreement_transition"
        " WHERE signing_no = '{no}' AND event = 'SIGNED'",
        "signing",
    ),
    Plant(
        "an agreement that its channel did not acknowledge",
        "DELETE FROM gateway_message"
        " WHERE pay_order_no = '{no}' AND operation = 'sign_confirm'",
        "signing",
    ),
    Plant(
        "money asked for after a revocation",
        "UPDATE agreement_signing SET status = 'REVOKED', next_check_at = NULL,"
        " ended_at = signed_at - interval '1 hour'"
        " WHERE card_id = (SELECT card_id FROM payment WHERE pay_order_no = '{no}')",
        "signed",
    ),
)

"""What the auditor asks, by subject: SQL text, one statement a constant.

Each statement gives one row for everything that it looks at:

    pay_order_no   the payment, or NULL where it is about none
    about          what of it, where that is not clear: an attempt, a coupon, an account
    wrong          whether it breaks the invariant; not knowing is wrong too
    said           what the rows say of it, as a JSON object; never a secret

The name of a table means the rows of the payments that are audited; `every_attempt` and
`every_payment` mean all there are, and so do tables that are not about payments
(`paycore.audit.queries` puts that before each). `held_coupon` is coupons by their
holder. `attempt_with_messages` and the like are those of payments whose messages have
not been let go by their age (`paycore.retention`). The time is `$3`. Order is that of
sequence numbers, not of times: nodes' clocks may differ.
"""

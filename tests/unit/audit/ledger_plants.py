"""Planted violations of the ledger: rules, facts beside the path, days, the feed."""

from plants import Plant

DAYS = (
    "INSERT INTO accounting_day VALUES"
    " ('2020-01-01', '2020-01-02Z', '{{}}', '2020-01-02 03:00Z'),"
    " ('2020-01-02', '2020-01-03Z', '{{}}', '2020-01-03 03:00Z');"
    "INSERT INTO accounting_day_balance"
    " SELECT day, account, 'CNY', amount, 0 FROM accounting_day,"
    " (VALUES ('marketing_cost', 5), ('merchant_pending:shop', -{owed}))"
    " AS made(account, amount) WHERE day < '2021'"
)

FED = (
    "INSERT INTO accounting_day SELECT to_char(ends_at - interval '1 day',"
    " 'YYYY-MM-DD'), ends_at AT TIME ZONE 'UTC', '{{}}', ends_at AT TIME ZONE 'UTC',"
    " '2020-01-01Z' FROM (SELECT date_trunc('day', clock_timestamp() AT TIME ZONE"
    " 'UTC') + interval '1 day' AS ends_at) AS today;"
)
"""As if today had been cut off, and all of it were in the feed."""

LEDGER = (
    Plant(
        "an entry against the rules",
        "UPDATE accounting_entry SET account = 'available:quick_a:main'"
        " WHERE pay_order_no = '{no}' AND side = 'CREDIT'",
        "paid",
        (
            "money credited or spent elsewhere",
            "a balance that is not the sum of its entries",
        ),
    ),
    Plant(
        "a posting without its fact",
        f"{FED} INSERT INTO accounting_posting"
        " (pay_order_no, kind, fact, currency, amount, at) VALUES"
        " ('{no}', 'FEE', 'none', 'CNY', 5, clock_timestamp())",
        "paid",
        ("a posting that does not balance", "a posting that the feed lacks"),
    ),
    Plant(
        "a posting that the feed lacks",
        "INSERT INTO accounting_feed VALUES ('{no}', 'REFUND', 'none', 1, 'PENDING', 0,"
        " '', '2098-01-01Z', NULL, '2098-01-01Z', NULL, NULL)",
        "paid",
    ),
    Plant(
        "a posting that the feed lacks",
        f"{FED} DELETE FROM accounting_feed WHERE pay_order_no = '{{no}}'",
        "discounted",
    ),
    Plant(
        "a day that does not add up",
        DAYS.replace("{owed}", "4"),
        None,
        ("a day that is not the sum of its entries",),
    ),
    Plant(
        "a day that is not the sum of its entries",
        DAYS.replace("{owed}", "5"),
        None,
    ),
)

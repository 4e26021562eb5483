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
        "INSERT INTO accounting_posting"
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

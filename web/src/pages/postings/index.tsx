// Lines of the books, newest first: of a payment, an account, a day.
import { useMemo } from "react";
import { Link } from "react-router";

import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { Name, Number, Time } from "../../parts/Show";
import { useText } from "../../text";
import { amountText } from "../../text/format";
import { AT, SECTIONS } from "../books/sections";
import { said } from "../books/texts";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "pay_order_no", label: said.payment },
  { kind: "search", name: "account", label: said.account, wide: true },
  { kind: "search", name: "day", label: said.day, hint: ["2026-11-28", "2026-11-28"] },
];

interface Line {
  at: string;
  pay_order_no: string | null;
  entry: string;
  account: string;
  side: "DEBIT" | "CREDIT";
  amount: number;
  currency: string;
}

export default function Postings() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Line>
          path={`${AT}/postings`}
          query={chosen}
          columns={columns}
          rowKey={(one) => JSON.stringify(one)}
          label={t(said.postings)}
          empty={t(said.noPostings)}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Columns<Line> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.at), render: (_, one) => <Time at={one.at} /> },
      { title: t(said.entry), render: (_, one) => <Name code={one.entry} /> },
      { title: t(said.account), render: (_, one) => <code>{one.account}</code> },
      {
        title: t(said.debit),
        align: "right",
        render: (_, one) => one.side === "DEBIT" && amountText(one.amount, one.currency),
      },
      {
        title: t(said.credit),
        align: "right",
        render: (_, one) => one.side === "CREDIT" && amountText(one.amount, one.currency),
      },
      { title: t(said.currency), dataIndex: "currency", className: "quiet" },
      {
        title: t(said.payment),
        render: (_, one) =>
          one.pay_order_no ? (
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>
          ) : (
            "—"
          ),
      },
    ],
    [t],
  );
}

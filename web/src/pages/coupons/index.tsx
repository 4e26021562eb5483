// Coupons of ours, or what orders have of coupons that live elsewhere.
import { useMemo } from "react";
import { Link } from "react-router";

import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Money, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { statuses } from "../../text/words";
import { said } from "./texts";

const STATES = [
  "AVAILABLE",
  "LOCKED",
  "USED",
  "NAMED",
  "ASKED",
  "USING",
  "FREEING",
  "FREED",
];

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.q, wide: true },
  {
    kind: "choice",
    name: "state",
    label: said.state,
    options: STATES.map((value) => ({ value, label: statuses[value]?.text ?? value })),
  },
];

interface Coupon {
  biz_line: string;
  coupon_no: string;
  amount: number;
  currency: string;
  state: string;
  pay_order_no: string | null;
  elsewhere: boolean;
  used_at: string | null;
  valid_until: string | null;
  last_result: string;
}

export default function Coupons() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  return (
    <Page title={t(said.title)}>
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Coupon>
          path="/v1/console/coupons"
          query={chosen}
          columns={columns}
          rowKey={(one) => [one.biz_line, one.coupon_no, one.pay_order_no].join()}
          label={t(said.title)}
          empty={Object.keys(chosen).length === 0 ? t(said.none) : undefined}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Columns<Coupon> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.coupon), render: (_, one) => <Number no={one.coupon_no} copy /> },
      { title: t(said.line), dataIndex: "biz_line" },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      { title: t(said.state), render: (_, one) => <Status code={one.state} /> },
      {
        title: t(said.holder),
        render: (_, one) =>
          one.pay_order_no ? (
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>
          ) : (
            "—"
          ),
      },
      { title: t(said.used), render: (_, one) => <Time at={one.used_at} /> },
      { title: t(said.until), render: (_, one) => <Time at={one.valid_until} /> },
      {
        title: t(said.where),
        render: (_, one) => t(one.elsewhere ? said.elsewhere : said.here),
      },
      {
        title: t(said.last),
        render: (_, one) => one.last_result || "—",
      },
    ],
    [t],
  );
}

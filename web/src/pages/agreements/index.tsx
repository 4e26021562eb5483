// Agreements and mandates of all cards, with those that are being signed.
import { useMemo } from "react";
import { Link } from "react-router";

import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Masked, Name, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { amountText } from "../../text/format";
import { statuses } from "../../text/words";
import { said } from "./texts";

const STATES = ["ACTIVE", "PENDING", "REVOKING", "REVOKED", "EXPIRED", "REFUSED"];
/** Limits are kept without a currency; agreements are with domestic banks. */
const CURRENCY = "CNY";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.q, wide: true },
  {
    kind: "choice",
    name: "state",
    label: said.state,
    options: STATES.map((value) => ({ value, label: statuses[value]?.text ?? value })),
  },
  { kind: "search", name: "channel", label: said.channel },
];

interface Agreement {
  card_id: string;
  signing_no: string | null;
  biz_line: string;
  card_tail: string;
  phone_tail: string;
  bank: string;
  pay_type: string;
  channel: string;
  account: string;
  state: string;
  scope: string;
  single_limit: number | null;
  daily_limit: number | null;
  since: string;
  ends_at: string | null;
  ended_at: string | null;
}

export default function Agreements() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  return (
    <Page title={t(said.title)}>
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Agreement>
          path="/v1/console/agreements"
          query={chosen}
          columns={columns}
          rowKey={(one) =>
            [one.card_id, one.pay_type, one.channel, one.account, one.signing_no].join()
          }
          label={t(said.title)}
          empty={Object.keys(chosen).length === 0 ? t(said.none) : undefined}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Columns<Agreement> {
  const t = useText();
  return useMemo(() => {
    const limit = (value: number | null) =>
      value === null ? t(said.noLimit) : amountText(value, CURRENCY);
    return [
      { title: t(said.state), render: (_, one) => <Status code={one.state} /> },
      {
        title: t(said.card),
        render: (_, one) => (
          <span className="stacked">
            <Link to={`/payments?q=${one.card_tail}`} title={t(said.payments)}>
              {one.bank} <Masked tail={one.card_tail} />
            </Link>
            <span className="quiet">{one.card_id}</span>
          </span>
        ),
      },
      { title: t(said.phone), render: (_, one) => <Masked tail={one.phone_tail} /> },
      { title: t(said.line), dataIndex: "biz_line" },
      { title: t(said.use), render: (_, one) => <Name code={one.pay_type} /> },
      {
        title: t(said.channel),
        render: (_, one) => (
          <>
            {one.channel}
            <span className="quiet"> / {one.account}</span>
          </>
        ),
      },
      {
        title: t(said.limits),
        align: "right",
        render: (_, one) => `${limit(one.single_limit)} / ${limit(one.daily_limit)}`,
      },
      { title: t(said.since), render: (_, one) => <Time at={one.since} /> },
      {
        title: t(said.until),
        render: (_, one) => <Time at={one.ended_at ?? one.ends_at} />,
      },
      {
        title: t(said.signing),
        render: (_, one) =>
          one.signing_no ? (
            <Number no={one.signing_no} />
          ) : (
            <span className="quiet">{t(said.registered)}</span>
          ),
      },
    ];
  }, [t]);
}

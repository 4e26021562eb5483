// Payments without a last word: how old, where they hang, and a way to ask at once.
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { Money, Name, Number, Pill } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { Age, SECTIONS } from "../desk";
import { said as desk } from "../desk/texts";
import { said } from "./texts";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.payment },
  { kind: "search", name: "biz_line", label: said.line },
  { kind: "search", name: "channel", label: said.channel },
];

interface Open {
  pay_order_no: string;
  biz_line: string;
  out_biz_no: string;
  amount: number;
  currency: string;
  pay_type: string;
  held: string | null;
  channel: string | null;
  resp_code: string | null;
  created_at: string;
}

export default function Unknown() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const [act, setAct] = useState<Act | null>(null);
  const columns = useColumns(setAct);
  return (
    <Page title={t(desk.title)}>
      <Sections of={SECTIONS} label={t(desk.title)} />
      <p className="intro">{t(said.about)}</p>
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Open>
          path="/v1/console/payments"
          query={{ ...chosen, biz_status: "DOING" }}
          columns={columns}
          rowKey={(one) => one.pay_order_no}
          label={t(desk.unknown)}
          everyMs={5_000}
          empty={Object.keys(chosen).length === 0 ? t(said.none) : undefined}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function useColumns(open: (act: Act) => void): Columns<Open> {
  const t = useText();
  const { language } = useLanguage();
  return useMemo(
    () => [
      { title: t(said.age), render: (_, one) => <Age since={one.created_at} /> },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      {
        title: t(said.payment),
        render: (_, one) => (
          <span className="with-pill">
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>
            {one.held && <Pill tone="warn">{t(said.held)}</Pill>}
          </span>
        ),
      },
      { title: t(said.type), render: (_, one) => <Name code={one.pay_type} /> },
      {
        title: t(said.order),
        render: (_, one) => (
          <span className="stacked">
            {one.out_biz_no}
            <span className="quiet">{one.biz_line}</span>
          </span>
        ),
      },
      { title: t(said.channel), render: (_, one) => one.channel ?? "—" },
      {
        title: t(said.code),
        render: (_, one) => (one.resp_code ? <code>{one.resp_code}</code> : "—"),
      },
      {
        title: <span className="heard">{t(said.acts)}</span>,
        align: "right",
        render: (_, { pay_order_no: no }) => (
          <ActButton
            needs="ACT"
            size="small"
            onClick={() =>
              open({
                title: t(said.enquire),
                will: t(said.enquireWill, { no }),
                path: `/v1/console/payments/${no}/enquire`,
                result: (answer) => {
                  const { says, says_zh } = answer as { says: string; says_zh: string };
                  return language === "zh" ? says_zh : says;
                },
              })
            }
          >
            {t(said.enquire)}
          </ActButton>
        ),
      },
    ],
    [t, language, open],
  );
}

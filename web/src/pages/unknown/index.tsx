// Money of which nobody knows yet what became of it, the oldest first: payments with a way
// to ask at once, and refunds.
import { useState } from "react";

import { ActDialog, type Act } from "../../parts/ActDialog";
import { CursorTable } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { useText } from "../../text";
import { SECTIONS } from "../desk";
import { said as desk } from "../desk/texts";
import { usePayments, useRefunds, type Payment, type Refund } from "./columns";
import { said } from "./texts";

const EVERY_MS = 5_000;

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.payment },
  { kind: "search", name: "biz_line", label: said.line },
  { kind: "search", name: "channel", label: said.channel },
];

export default function Unknown() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const [act, setAct] = useState<Act | null>(null);
  const payments = usePayments(setAct);
  const refunds = useRefunds();
  const query = { ...chosen, result: "unknown" };
  const all = Object.keys(chosen).length === 0;
  return (
    <Page title={t(desk.title)}>
      <Sections of={SECTIONS} label={t(desk.title)} />
      <p className="intro">{t(said.about)}</p>
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush title={t(said.payments)}>
        <CursorTable<Payment>
          path="/v1/console/payments"
          query={query}
          columns={payments}
          rowKey={(one) => one.pay_order_no}
          label={t(said.payments)}
          everyMs={EVERY_MS}
          empty={all ? t(said.none) : undefined}
        />
      </Panel>
      <Panel flush title={t(said.refunds)}>
        <CursorTable<Refund>
          path="/v1/console/refunds"
          query={query}
          columns={refunds}
          rowKey={(one) => one.refund_no}
          label={t(said.refunds)}
          everyMs={EVERY_MS}
          empty={all ? t(said.noRefunds) : undefined}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

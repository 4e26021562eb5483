// Refunds of all lines, those of the newest payments first.
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";

import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Money, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { statuses } from "../../text/words";
import { said } from "./texts";
import type { Refund } from "./types";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.q, wide: true },
  {
    kind: "choice",
    name: "status",
    label: said.status,
    options: ["SUCCESS", "DOING", "FAIL"].map((value) => ({
      value,
      label: statuses[value]?.text ?? value,
    })),
  },
  { kind: "days", name: "from", label: said.asked },
];

export default function Refunds() {
  const t = useText();
  const navigate = useNavigate();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  return (
    <Page title={t(said.title)}>
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Refund>
          path="/v1/console/refunds"
          query={chosen}
          columns={columns}
          rowKey={(one) => one.refund_no}
          label={t(said.title)}
          everyMs={10_000}
          empty={Object.keys(chosen).length === 0 ? t(said.none) : undefined}
          open={(one) => void navigate(`/refunds/${one.refund_no}`)}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Columns<Refund> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.asked), render: (_, one) => <Time at={one.created_at} /> },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      { title: t(said.status), render: (_, one) => <Status code={one.biz_status} /> },
      {
        title: t(said.refund),
        render: (_, one) => (
          <Link to={`/refunds/${one.refund_no}`}>
            <Number no={one.refund_no} />
          </Link>
        ),
      },
      {
        title: t(said.kind),
        render: (_, one) => t(said[one.kind as "ASKED"] ?? [one.kind, one.kind]),
      },
      {
        title: t(said.outNo),
        render: (_, one) => (
          <span className="stacked">
            {one.out_refund_no ?? "—"}
            <span className="quiet">{one.biz_line}</span>
          </span>
        ),
      },
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
        title: t(said.word),
        render: (_, one) => (one.resp_code ? <code>{one.resp_code}</code> : "—"),
      },
      { title: t(said.ended), render: (_, one) => <Time at={one.finished_at} /> },
    ],
    [t],
  );
}

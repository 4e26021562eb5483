// What business lines are told: each notice, how often it was tried, and when it came.
import { useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";

import { ActButton } from "../../parts/ActButton";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Sections, type Section } from "../../parts/Sections";
import { Number, Status, Time } from "../../parts/Show";
import { WorkPanel } from "../../parts/WorkProgress";
import { useWork } from "../../parts/work";
import { useText } from "../../text";
import { statuses } from "../../text/words";
import { Range } from "./Range";
import { said } from "./texts";
import { TYPES, type Notice } from "./types";

export const SECTIONS: readonly Section[] = [
  { to: "/notices", title: said.list },
  { to: "/notices/endpoints", title: said.endpoints },
];

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.q, wide: true },
  {
    kind: "choice",
    name: "state",
    label: said.state,
    options: ["PENDING", "DELIVERED", "PARKED"].map((value) => ({
      value,
      label: statuses[value]?.text ?? value,
    })),
  },
  {
    kind: "choice",
    name: "type",
    label: said.type,
    options: TYPES.map((value) => ({ value, label: value })),
  },
  { kind: "days", name: "from", label: said.made },
  { kind: "search", name: "endpoint", label: said.endpoint, rare: true },
];

export default function Notices() {
  const t = useText();
  const navigate = useNavigate();
  const { chosen, choose } = useFilters(FILTERS);
  const [ranging, setRanging] = useState(false);
  const [work, show] = useWork();
  const columns = useColumns();
  return (
    <Page
      title={t(said.title)}
      actions={
        <ActButton needs="ACT" onClick={() => setRanging(true)}>
          {t(said.range)}
        </ActButton>
      }
    >
      <Sections of={SECTIONS} label={t(said.title)} />
      <WorkPanel title={t(said.this)} workId={work} close={() => show(null)} />
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Notice>
          path="/v1/console/notices"
          query={chosen}
          columns={columns}
          rowKey={(notice) => notice.notice_id}
          label={t(said.list)}
          everyMs={10_000}
          open={(notice) => void navigate(`/notices/${notice.notice_id}`)}
        />
      </Panel>
      <Range open={ranging} close={() => setRanging(false)} begun={show} />
    </Page>
  );
}

function useColumns(): Columns<Notice> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.made), render: (_, one) => <Time at={one.created_at} /> },
      {
        title: t(said.notice),
        render: (_, one) => <Link to={`/notices/${one.notice_id}`}>{one.type}</Link>,
      },
      { title: t(said.state), render: (_, one) => <Status code={one.state} /> },
      { title: t(said.tries), dataIndex: "tries", align: "right" },
      {
        title: t(said.payment),
        render: (_, one) => (
          <Link to={`/payments/${one.pay_order_no}`}>
            <Number no={one.pay_order_no} />
          </Link>
        ),
      },
      { title: t(said.line), dataIndex: "biz_line" },
      {
        title: t(said.endpoint),
        render: (_, one) =>
          one.endpoint ?? <span className="quiet">{t(said.noEndpoint)}</span>,
      },
      { title: t(said.delivered), render: (_, one) => <Time at={one.delivered_at} /> },
      { title: t(said.next), render: (_, one) => <Time at={one.next_at} /> },
      { title: t(said.last), render: (_, one) => one.last_result || "—" },
    ],
    [t],
  );
}

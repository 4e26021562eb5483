// Payments, newest first, found by any number or by what they are like.
import { DownloadOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";

import { address } from "../../api/client";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Masked, Money, Name, Number, Pill, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { names, statuses } from "../../text/words";
import "./page.css";
import { said } from "./texts";
import type { Line } from "./types";
import { Views } from "./Views";

const AT = "/v1/console/payments";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "q", label: said.q, hint: said.qHint, wide: true },
  {
    kind: "choice",
    name: "biz_status",
    label: said.status,
    options: ["SUCCESS", "DOING", "FAIL", "CLOSED"].map((value) => ({
      value,
      label: statuses[value]?.text ?? value,
    })),
  },
  {
    kind: "choice",
    name: "pay_type",
    label: said.type,
    options: ["QUICK_PAY", "DEDUCT"].map((value) => ({
      value,
      label: names[value] ?? value,
    })),
  },
  {
    kind: "choice",
    name: "converted",
    label: said.converted,
    options: [
      { value: "true", label: said.wasConverted },
      { value: "false", label: said.notConverted },
    ],
  },
  { kind: "days", name: "from", label: said.created },
  { kind: "search", name: "biz_line", label: said.line, rare: true },
  { kind: "search", name: "channel", label: said.channel, rare: true },
  { kind: "search", name: "resp_code", label: said.code, rare: true },
  {
    kind: "choice",
    name: "currency",
    label: said.currency,
    rare: true,
    options: ["CNY", "USD", "EUR", "HKD", "JPY", "GBP"].map((value) => ({
      value,
      label: value,
    })),
  },
  { kind: "amounts", name: "amount", label: said.amount, rare: true },
];

export default function Payments() {
  const t = useText();
  const navigate = useNavigate();
  const { chosen, choose, replace } = useFilters(FILTERS);
  const columns = useColumns();
  return (
    <Page
      title={t(said.title)}
      actions={
        <>
          <Views page="payments" chosen={chosen} replace={replace} />
          <Button
            icon={<DownloadOutlined />}
            href={address(`${AT}.csv`, chosen)}
            download
            title={t(said.csvHint)}
          >
            {t(said.csv)}
          </Button>
        </>
      }
    >
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Line>
          path={AT}
          query={chosen}
          columns={columns}
          rowKey={(line) => line.pay_order_no}
          label={t(said.title)}
          everyMs={10_000}
          open={(line) => void navigate(`/payments/${line.pay_order_no}`)}
        />
      </Panel>
    </Page>
  );
}

function useColumns(): Columns<Line> {
  const t = useText();
  return useMemo(
    () => [
      {
        title: t(said.created),
        dataIndex: "created_at",
        render: (at: string) => <Time at={at} />,
      },
      {
        title: t(said.amount),
        align: "right",
        render: (_, line) => <Money amount={line.amount} currency={line.currency} strong />,
      },
      {
        title: t(said.status),
        render: (_, line) => (
          <span className="pills">
            <Status code={line.biz_status} />
            {line.biz_status === "FAIL" && line.resp_code && (
              <code className="quiet">{line.resp_code}</code>
            )}
            {line.held && <Pill tone="warn">{t(said.held)}</Pill>}
          </span>
        ),
      },
      {
        title: t(said.payment),
        dataIndex: "pay_order_no",
        render: (no: string) => (
          <Link to={`/payments/${no}`}>
            <Number no={no} />
          </Link>
        ),
      },
      {
        title: t(said.type),
        render: (_, line) =>
          line.converted ? (
            <span className="turned" title={t(said.wasConverted)}>
              <Name code="QUICK_PAY" /> → <Name code="DEDUCT" />
            </span>
          ) : (
            <Name code={line.pay_type} />
          ),
      },
      {
        title: t(said.order),
        render: (_, line) => (
          <span className="two">
            {line.out_biz_no}
            <span className="quiet">{line.biz_line}</span>
          </span>
        ),
      },
      {
        title: t(said.card),
        render: (_, line) => (
          <span className="card-of">
            {line.bank ?? ""} <Masked tail={line.card_tail} />
          </span>
        ),
      },
      { title: t(said.channel), dataIndex: "channel", render: (c: string | null) => c ?? "—" },
    ],
    [t],
  );
}

// Every act of every operator, the newest first; and whether the chain of it is whole.
import { SafetyCertificateOutlined } from "@ant-design/icons";
import { useMutation } from "@tanstack/react-query";
import { Alert, Button } from "antd";
import { useMemo } from "react";

import { get } from "../../api/client";
import { Copy } from "../../parts/Copy";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { JsonView } from "../../parts/JsonView";
import { Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Name, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { acts } from "../../text/acts";
import { numberText } from "../../text/format";
import "./page.css";
import { said } from "./texts";

const AT = "/v1/console/audit";

const FILTERS: readonly Filter[] = [
  { kind: "search", name: "operator", label: said.operator },
  {
    kind: "choice",
    name: "act",
    label: said.act,
    options: Object.entries(acts).map(([value, label]) => ({ value, label })),
  },
  { kind: "search", name: "subject", label: said.subject },
  { kind: "days", name: "from", label: said.at },
];

interface Entry {
  seq: number;
  at: string;
  operator: string;
  role: string;
  act: string;
  subject: string;
  why: string;
  detail: Record<string, unknown>;
  hash: string;
}

interface Verified {
  entries: number;
  intact: boolean;
  broken_at: number | null;
  head: string;
}

export default function Audit() {
  const t = useText();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  const verifying = useMutation({ mutationFn: () => get<Verified>(`${AT}/verification`) });
  return (
    <Page
      title={t(said.title)}
      actions={
        <Button
          icon={<SafetyCertificateOutlined />}
          loading={verifying.isPending}
          title={t(said.verifyHint)}
          onClick={() => verifying.mutate()}
        >
          {t(said.verify)}
        </Button>
      }
    >
      {verifying.isError && <ProblemNote problem={verifying.error} reading />}
      {verifying.data && <Verdict verified={verifying.data} />}
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Entry>
          path={AT}
          query={chosen}
          columns={columns}
          rowKey={(entry) => String(entry.seq)}
          label={t(said.title)}
          everyMs={15_000}
          expandable={{
            expandedRowRender: (entry) => <Opened entry={entry} />,
            columnWidth: 40,
            columnTitle: <span className="heard">{t(said.detail)}</span>,
          }}
        />
      </Panel>
    </Page>
  );
}

function Verdict({ verified }: { verified: Verified }) {
  const { language } = useLanguage();
  const t = useText();
  const n = numberText(verified.entries, language);
  return (
    <Alert
      className="problem"
      type={verified.intact ? "success" : "error"}
      showIcon
      title={
        verified.intact
          ? t(said.intact, { n })
          : t(said.broken, { n: verified.broken_at ?? "?" })
      }
      description={
        <span className="hash-line">
          <span className="quiet">{t(said.head)}</span> <code>{verified.head}</code>
          <Copy text={verified.head} />
        </span>
      }
    />
  );
}

function Opened({ entry }: { entry: Entry }) {
  const t = useText();
  return (
    <div className="opened">
      <JsonView value={entry.detail} label={t(said.detail)} />
      <p className="hash-line">
        <span className="quiet">{t(said.hash)}</span> <code>{entry.hash}</code>
      </p>
    </div>
  );
}

function useColumns(): Columns<Entry> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.seq), dataIndex: "seq", align: "right" },
      { title: t(said.at), dataIndex: "at", render: (at: string) => <Time at={at} /> },
      {
        title: t(said.operator),
        render: (_, { operator, role }) => (
          <>
            <b>{operator}</b>{" "}
            <span className="quiet">
              <Name code={role} />
            </span>
          </>
        ),
      },
      { title: t(said.act), dataIndex: "act", render: (act: string) => <Name code={act} /> },
      {
        title: t(said.subject),
        dataIndex: "subject",
        render: (subject: string) => (subject ? <code>{subject}</code> : "—"),
      },
      {
        title: t(said.why),
        dataIndex: "why",
        className: "why",
        render: (why: string) => why || "—",
      },
    ],
    [t],
  );
}

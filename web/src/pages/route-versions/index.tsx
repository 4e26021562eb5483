// Every version of the rules, what differs from what is in force, and the way back.
import { useMemo, useState } from "react";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { Pill, Time } from "../../parts/Show";
import { useText } from "../../text";
import { differences, published } from "../routes/differences";
import { Diff } from "../routes/Diff";
import "../routes/page.css";
import { AT, SECTIONS } from "../routes/sections";
import { said } from "../routes/texts";
import type { Published, Rule, VersionDetails } from "../routes/types";

type Version = Omit<Published, "rules"> & { rules: number };

export default function Versions() {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const now = useAsked<Published>(AT);
  const columns = useColumns(now.data?.version);
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <Panel flush>
        <CursorTable<Version>
          path={`${AT}/versions`}
          columns={columns}
          rowKey={(one) => String(one.version)}
          label={t(said.versions)}
          empty={t(said.noVersions)}
          expandable={{
            expandedRowRender: (one) =>
              now.data && <Compared n={one.version} now={now.data} open={setAct} />,
            columnWidth: 40,
            columnTitle: <span className="heard">{t(said.diff)}</span>,
            expandRowByClick: true,
          }}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function Compared({ n, now, open }: {
  n: number;
  now: Published;
  open: (act: Act) => void;
}) {
  const t = useText();
  const asked = useAsked<VersionDetails>(`${AT}/versions/${n}`);
  return (
    <Asked of={asked} rows={2}>
      {(version) => {
        const changed = differences(
          version.changes.map((one) => one.before).filter(isRule),
          version.changes.map((one) => one.after).filter(isRule),
        );
        const back = differences(now.rules, published(now.rules, version.rules));
        return (
          <>
            <p className="quiet">{t(said.itChanged)}</p>
            <Diff of={changed} none={t(said.changedNothing)} />
            {n !== now.version && (
              <ActButton
                needs="CONFIGURE"
                size="small"
                danger
                no={back.length === 0 && t(said.same)}
                onClick={() =>
                  open({
                    title: t(said.back),
                    will: (
                      <>
                        <p>{t(said.backWill, { n })}</p>
                        <Diff of={back} none={t(said.same)} />
                      </>
                    ),
                    path: `${AT}/rollbacks`,
                    body: { version: n, on_version: now.version },
                    grave: true,
                    silent: true,
                  })
                }
              >
                {t(said.back)}
              </ActButton>
            )}
          </>
        );
      }}
    </Asked>
  );
}

function isRule(rule: Rule | null): rule is Rule {
  return rule !== null;
}

function useColumns(current: number | undefined): Columns<Version> {
  const t = useText();
  return useMemo(
    () => [
      {
        title: t(said.versions),
        render: (_, one) => (
          <span className="with-pill">
            <b>{one.version}</b>
            {one.version === current && <Pill tone="good">{t(said.now)}</Pill>}
          </span>
        ),
      },
      { title: t(said.at), render: (_, one) => <Time at={one.published_at} /> },
      { title: t(said.by), dataIndex: "by" },
      { title: t(said.rules), dataIndex: "rules", align: "right" },
      {
        title: t(said.why),
        dataIndex: "why",
        className: "wraps",
        render: (why: string | null) => why || "—",
      },
    ],
    [t, current],
  );
}

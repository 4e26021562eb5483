// What must always hold, whether it does, and an audit of everything on demand.
import { Alert } from "antd";
import { useState } from "react";
import { Link } from "react-router";

import type { Listed } from "../../api/types";
import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { Page, Panel } from "../../parts/Page";
import { Scroll } from "../../parts/Scroll";
import { Pill, Time } from "../../parts/Show";
import { WorkProgress } from "../../parts/WorkProgress";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import type { Tone } from "../../text/words";
import { said } from "./texts";

const AT = "/v1/console/invariants";
const EVERY_MS = 5_000;

interface Invariant {
  id: string;
  says: string;
  state: "HOLDS" | "VIOLATED" | "UNANSWERED" | "NOT_ASKED" | "ELSEWHERE";
  found: number;
  at: string | null;
  /** What rows do not show of it, and who does. */
  otherwise: string;
}

export default function Invariants() {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const [work, setWork] = useState<string | null>(null);
  const asked = useAsked<Listed<Invariant>>(AT, undefined, EVERY_MS);
  return (
    <Page
      title={t(said.title)}
      actions={
        <ActButton
          needs="ACT"
          onClick={() =>
            setAct({
              title: t(said.run),
              will: t(said.runWill),
              path: `${AT}/runs`,
              then: (answer) => setWork((answer as { work_id: string }).work_id),
              silent: true,
            })
          }
        >
          {t(said.run)}
        </ActButton>
      }
    >
      <p className="intro">{t(said.about)}</p>
      {work && (
        <Panel title={t(said.going)}>
          <WorkProgress workId={work} />
        </Panel>
      )}
      <Asked of={asked} rows={12}>
        {({ items }) => (
          <>
            <Verdict of={items} />
            <Panel flush>
              <Table of={items} />
            </Panel>
          </>
        )}
      </Asked>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function Verdict({ of }: { of: Invariant[] }) {
  const t = useText();
  const violated = of.filter((one) => one.state === "VIOLATED").length;
  const known = of.filter((one) => one.state === "HOLDS").length + violated;
  const title =
    known === 0
      ? t(said.none)
      : violated > 0
        ? t(said.some, { n: violated })
        : t(said.all, { n: known });
  return (
    <Alert
      className="problem"
      showIcon
      type={known === 0 ? "info" : violated > 0 ? "error" : "success"}
      title={title}
      action={violated > 0 && <Link to="/desk?kind=INVARIANT">{t(said.cases)}</Link>}
    />
  );
}

const TONES: Record<Invariant["state"], Tone> = {
  HOLDS: "good",
  VIOLATED: "bad",
  UNANSWERED: "warn",
  NOT_ASKED: "calm",
  ELSEWHERE: "calm",
};

function Table({ of }: { of: Invariant[] }) {
  const t = useText();
  const { language } = useLanguage();
  return (
    <Scroll label={t(said.title)}>
      <table className="plain" aria-label={t(said.title)}>
        <thead>
          <tr>
            <th scope="col">
              <span className="heard">Id</span>
            </th>
            <th scope="col">{t(said.must)}</th>
            <th scope="col">{t(said.state)}</th>
            <th scope="col" className="right">
              {t(said.found)}
            </th>
            <th scope="col">{t(said.at)}</th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
              <tr key={one.id}>
                <td>
                  <b>{one.id}</b>
                </td>
                <td className="wraps">
                {one.says}
                {one.otherwise && <p className="quiet small">{one.otherwise}</p>}
              </td>
                <td>
                  <Pill tone={TONES[one.state]}>{t(said[one.state])}</Pill>
                </td>
                <td className="right">
                  {one.at === null ? "—" : numberText(one.found, language)}
                </td>
                <td>
                  <Time at={one.at} />
                </td>
              </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

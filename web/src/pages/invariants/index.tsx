// What must always hold, whether it does, and an audit on demand of what is new or open.
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
import { WorkPanel } from "../../parts/WorkProgress";
import { useWork } from "../../parts/work";
import { useLanguage, useText } from "../../text";
import { durationText, numberText } from "../../text/format";
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

interface Invariants extends Listed<Invariant> {
  /** How far back an audit looks at every payment. */
  window_s: number;
}

export default function Invariants() {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const { language } = useLanguage();
  const [work, show] = useWork();
  const asked = useAsked<Invariants>(AT, undefined, EVERY_MS);
  const span = asked.data && durationText(asked.data.window_s, language);
  return (
    <Page
      title={t(said.title)}
      actions={
        span && (
          <ActButton
            needs="ACT"
            onClick={() =>
              setAct({
                title: t(said.run),
                will: t(said.runWill, { span }),
                path: `${AT}/runs`,
                then: (answer) => show((answer as { work_id: string }).work_id),
                silent: true,
              })
            }
          >
            {t(said.run)}
          </ActButton>
        )
      }
    >
      <p className="intro">{t(said.about)}</p>
      <WorkPanel title={t(said.this)} workId={work} close={() => show(null)} />
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

/** Green only where nothing that rows show is without an answer. */
function Verdict({ of }: { of: Invariant[] }) {
  const t = useText();
  const number = (state: Invariant["state"]) =>
    of.filter((one) => one.state === state).length;
  const violated = number("VIOLATED");
  const holding = number("HOLDS");
  const unanswered = number("UNANSWERED");
  const never = violated + holding + unanswered === 0;
  const unknown = unanswered + number("NOT_ASKED");
  const verdict = never
    ? t(said.none)
    : violated > 0
      ? t(said.some, { n: violated })
      : t(unknown > 0 ? said.those : said.all, { n: holding });
  return (
    <Alert
      className="problem"
      showIcon
      type={never ? "info" : violated > 0 ? "error" : unknown > 0 ? "warning" : "success"}
      title={verdict}
      description={!never && unknown > 0 && t(said.unknown, { n: unknown })}
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

// One case: what is known of it, what may be done, who did what. A cure goes by preview,
// a second person where it takes one, execution and result.
import { useState } from "react";
import { Link, useParams } from "react-router";

import { useSession } from "../../app/session";
import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { Facts, Page, Panel } from "../../parts/Page";
import { Money, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { cases, caseSteps } from "../../text/cases";
import { Age, Owner } from "../desk";
import type { CaseDetails } from "../desk/types";
import { Cures } from "./Cures";
import { useDoes } from "./does";
import { Evidence } from "./Evidence";
import "./page.css";
import { said } from "./texts";

const UNDER_WAY_MS = 2_000;
const OPEN_MS = 10_000;

export default function CasePage() {
  const ref = useParams().ref ?? "";
  const at = `/v1/desk/cases/${ref}`;
  const t = useText();
  const me = useSession().name;
  const [act, setAct] = useState<Act | null>(null);
  const asked = useAsked<CaseDetails>(at, undefined, (data) => {
    if (!data || data.closed_at) return false;
    return data.cures.some((one) => one.status === "EXECUTED") ? UNDER_WAY_MS : OPEN_MS;
  });
  const { data } = asked;
  const kind = data ? (cases[data.kind] ?? [data.kind, data.kind]) : undefined;
  return (
    <Page
      title={kind ? t(kind) : t(said.back)}
      up={{ to: "/desk", title: t(said.back) }}
      about={
        data && (
          <>
            <Status code={data.status} />
            {data.amount !== null && (
              <Money amount={data.amount} currency={data.currency} strong />
            )}
            {!data.closed_at && (
              <span className="quiet">
                {t(said.openFor)} <Age since={data.opened_at} />
              </span>
            )}
          </>
        )
      }
      actions={
        data && (
          <ActButton
            needs="ACT"
            no={data.closed_at ? t(said.closed) : data.owner === me && t(said.taken)}
            onClick={() =>
              setAct({ title: t(said.take), will: t(said.takeWill), path: `${at}/take` })
            }
          >
            {t(said.take)}
          </ActButton>
        )
      }
    >
      <Asked of={asked} rows={10}>
        {(one) => (
          <div className="grid case">
            <div className="case-main">
              <Cures one={one} at={at} open={setAct} />
              <Evidence evidence={one.evidence} currency={one.currency} />
            </div>
            <div className="case-side">
              <About one={one} />
              <Steps one={one} />
            </div>
          </div>
        )}
      </Asked>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function About({ one }: { one: CaseDetails }) {
  const t = useText();
  return (
    <Panel title={t(said.facts)}>
      <Facts
        items={[
          [
            t(said.payment),
            one.pay_order_no && (
              <Link to={`/payments/${one.pay_order_no}`}>
                <Number no={one.pay_order_no} />
              </Link>
            ),
          ],
          [t(said.amount), <Money amount={one.amount} currency={one.currency} />],
          [t(said.leg), one.attempt_seq],
          [t(said.owner), <Owner name={one.owner} />],
          [t(said.opened), <Time at={one.opened_at} />],
          [t(said.ended), <Time at={one.closed_at} />],
          [t(said.caseId), <code>{one.case_id}</code>],
        ]}
      />
    </Panel>
  );
}

function Steps({ one }: { one: CaseDetails }) {
  const t = useText();
  const does = useDoes();
  // A preview's step has the cure's own words, in English.
  const saidOf = ({ said: words, cure_number: number }: CaseDetails["steps"][number]) => {
    const cure = one.cures.find((made) => made.number === number && made.does === words);
    return cure ? does(cure) : words;
  };
  return (
    <Panel title={t(said.steps)}>
      {one.steps.length === 0 && <p className="quiet">{t(said.noSteps)}</p>}
      <ol className="steps">
        {one.steps.toReversed().map((step) => (
          <li key={step.seq}>
            <p>
              <b>{step.who}</b> {t(caseSteps[step.what] ?? [step.what, step.what])}
              {step.cure_number !== null && <span className="quiet"> #{step.cure_number}</span>}
            </p>
            {step.why && <p>“{step.why}”</p>}
            {step.said && <p className="quiet">{saidOf(step)}</p>}
            <p className="quiet small">
              <Time at={step.at} />
            </p>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

// The cures of a case: the one under way step by step, else those to choose from.
import { Steps } from "antd";
import { useState } from "react";

import { useSession } from "../../app/session";
import { ActButton } from "../../parts/ActButton";
import type { Act } from "../../parts/ActDialog";
import { Panel } from "../../parts/Page";
import { Money, Pill, Status, Time } from "../../parts/Show";
import { useText, type Say } from "../../text";
import { cures } from "../../text/cures";
import { useDoes } from "./does";
import type { CaseDetails, Cure } from "../desk/types";
import { said } from "./texts";

interface Props {
  one: CaseDetails;
  at: string;
  open: (act: Act) => void;
}

export function Cures({ one, at, open }: Props) {
  const t = useText();
  const newest = one.cures.at(-1);
  const going = newest?.status === "PREVIEWED" || newest?.status === "EXECUTED";
  const [leftAlone, setLeftAlone] = useState(0);
  const does = useDoes();
  const shown = going && newest.number !== leftAlone ? newest : undefined;
  const ended = one.cures.filter((cure) => cure !== shown).toReversed();
  return (
    <>
      {shown && (
        <UnderWay
          cure={shown}
          at={at}
          open={open}
          another={() => setLeftAlone(shown.number)}
        />
      )}
      {!shown && !one.closed_at && <Choice one={one} at={at} open={open} />}
      {ended.length > 0 && (
        <Panel title={t(said.earlier)}>
          <ol className="cures-past">
            {ended.map((cure) => (
              <li key={cure.number}>
                <p className="with-pill">
                  <b>
                    {cure.number}. {nameOf(cure.cure, t)}
                  </b>
                  <Status code={cure.status} />
                  {cure.amount !== null && (
                    <Money amount={cure.amount} currency={cure.currency} />
                  )}
                </p>
                <p>{cure.result || does(cure)}</p>
                <p className="quiet small">
                  {[cure.proposed_by, cure.approved_by, cure.executed_by]
                    .filter(Boolean)
                    .join(" → ")}
                  {" · "}
                  <Time at={cure.ended_at ?? cure.executed_at ?? cure.proposed_at} />
                  {" · “"}
                  {cure.why}
                  {"”"}
                </p>
              </li>
            ))}
          </ol>
        </Panel>
      )}
    </>
  );
}

function nameOf(cure: string, t: Say): string {
  const known = cures[cure];
  return known ? t(known.name) : cure;
}

function Choice({ one, at, open }: Props) {
  const t = useText();
  return (
    <Panel title={t(said.cure)} flush>
      <ul className="cures">
        {one.suggested.map((cure, place) => (
          <li key={cure}>
            <div>
              <p className="with-pill">
                <b>{nameOf(cure, t)}</b>
                {place === 0 && <Pill tone="good">{t(said.best)}</Pill>}
              </p>
              <p className="quiet">{cures[cure] && t(cures[cure].about)}</p>
            </div>
            <ActButton
              needs="ACT"
              type={place === 0 ? "primary" : "default"}
              onClick={() =>
                open({
                  title: `${t(said.preview)}: ${nameOf(cure, t)}`,
                  will: t(said.previewWill),
                  path: `${at}/cures`,
                  body: { cure },
                  silent: true,
                })
              }
            >
              {t(said.preview)}
            </ActButton>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function UnderWay({ cure, at, open, another }: {
  cure: Cure;
  at: string;
  open: (act: Act) => void;
  another: () => void;
}) {
  const t = useText();
  const does = useDoes();
  const path = `${at}/cures/${cure.number}`;
  const executed = cure.status === "EXECUTED";
  const approved = !cure.needs_second || cure.approved_by !== null;
  return (
    <Panel
      title={t(said.underWay, { n: cure.number, name: nameOf(cure.cure, t) })}
      extra={!executed && <Another choose={another} />}
    >
      <Steps
        size="small"
        current={executed ? 3 : approved ? 2 : 1}
        className="cure-steps"
        items={[
          { title: t(said.stepPreview), content: cure.proposed_by },
          {
            title: t(said.stepApprove),
            content:
              cure.approved_by ?? t(cure.needs_second ? said.wanted : said.notNeeded),
          },
          { title: t(said.stepExecute), content: cure.executed_by },
          { title: t(said.stepResult), content: executed && t(said.progress) },
        ]}
      />
      <div className="does">
        <p className="quiet small">{t(executed ? said.did : said.will)}</p>
        <p>{does(cure)}</p>
        {cure.amount !== null && (
          <p className="does-sum">
            <Money amount={cure.amount} currency={cure.currency} strong />
          </p>
        )}
        <p className="quiet">
          {t(said.why)}: “{cure.why}” — {cure.proposed_by}, <Time at={cure.proposed_at} />
        </p>
      </div>
      {!executed && <Next cure={cure} path={path} open={open} approved={approved} />}
    </Panel>
  );
}

function Another({ choose }: { choose: () => void }) {
  const t = useText();
  return (
    <ActButton needs="ACT" size="small" type="text" onClick={choose}>
      {t(said.other)}
    </ActButton>
  );
}

function Next({ cure, path, open, approved }: {
  cure: Cure;
  path: string;
  open: (act: Act) => void;
  approved: boolean;
}) {
  const t = useText();
  const me = useSession().name;
  const does = useDoes()(cure);
  const sum = <Money amount={cure.amount} currency={cure.currency} strong />;
  return (
    <div className="dialog-foot">
      {cure.needs_second && cure.approved_by === null && (
        <ActButton
          needs="APPROVE"
          type="primary"
          no={cure.proposed_by === me && t(said.own)}
          onClick={() =>
            open({
              title: t(said.approve),
              will: (
                <>
                  <p>{t(said.approveWill)}</p>
                  <p className="will-does">{does}</p>
                  {cure.amount !== null && <p>{sum}</p>}
                </>
              ),
              path: `${path}/approve`,
              silent: true,
            })
          }
        >
          {t(said.approve)}
        </ActButton>
      )}
      <ActButton
        needs="ACT"
        type="primary"
        danger
        no={!approved && t(said.awaits)}
        onClick={() =>
          open({
            title: t(said.execute),
            will: (
              <>
                <p>{t(said.executeWill)}</p>
                <p className="will-does">{does}</p>
                {cure.amount !== null && <p>{sum}</p>}
                <p className="quiet">{t(said.stale)}</p>
              </>
            ),
            path: `${path}/execute`,
            grave: true,
            noWhy: true,
            silent: true,
          })
        }
      >
        {t(said.execute)}
      </ActButton>
    </div>
  );
}

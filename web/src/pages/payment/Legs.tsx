// Each call to a channel beside the others: what was asked for, of whom, what came of it.
import { Panel } from "../../parts/Page";
import { Money, Name, Number, Status } from "../../parts/Show";
import { useText } from "../../text";
import { clockText } from "../../text/format";
import { said } from "./texts";
import type { Leg } from "./types";

export function Legs({ legs }: { legs: Leg[] }) {
  const t = useText();
  return (
    <Panel title={t(said.legs)}>
      {legs.length === 0 && <p className="quiet">{t(said.noLegs)}</p>}
      <ol className="legs">
        {legs.map((leg) => (
          <li key={leg.attempt_no} className="leg">
            <One leg={leg} />
          </li>
        ))}
      </ol>
    </Panel>
  );
}

function One({ leg }: { leg: Leg }) {
  const t = useText();
  return (
    <>
      <div className="leg-head">
        <span className="leg-no">{leg.attempt_no}</span>
        <b>
          <Name code={leg.trans_type} />
        </b>
        <span className="leg-end">
          <Status code={leg.outcome ?? leg.process_status} />
        </span>
      </div>
      <p className="leg-at">
        <Name code={leg.channel} />
        <span className="quiet"> / {leg.account}</span>
        <span className="leg-end">
          <Money amount={leg.amount} currency={leg.currency} />
        </span>
      </p>
      <dl>
        <div>
          <dt>{t(said.said)}</dt>
          <dd>
            {leg.resp_code ? (
              <>
                <code>{leg.resp_code}</code> {leg.resp_msg}
              </>
            ) : (
              "—"
            )}
          </dd>
        </div>
        <div>
          <dt>{t(said.sent)}</dt>
          <dd>{leg.sent_at ? clockText(leg.sent_at) : "—"}</dd>
        </div>
        <div>
          <dt>{t(said.took)}</dt>
          <dd>{leg.took_ms === null ? t(said.noAnswer) : t(said.ms, { n: leg.took_ms })}</dd>
        </div>
        <div>
          <dt>{t(said.request)}</dt>
          <dd>
            <Number no={leg.request_no} copy />
          </dd>
        </div>
        <div>
          <dt>{t(said.reference)}</dt>
          <dd>
            <Number no={leg.channel_ref} copy />
          </dd>
        </div>
        {leg.enquiries > 0 && (
          <div>
            <dt>{t(said.enquiries)}</dt>
            <dd>{leg.enquiries}</dd>
          </div>
        )}
      </dl>
    </>
  );
}

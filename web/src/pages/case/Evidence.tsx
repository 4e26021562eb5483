import { JsonView } from "../../parts/JsonView";
import { Panel } from "../../parts/Page";
import { Money, Time } from "../../parts/Show";
import { useText, type Say } from "../../text";
import { evidenceNames } from "./names";
import { said } from "./texts";

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** What the case was opened with: what is plain in two columns, the rest as it is. */
export function Evidence({ evidence, currency }: {
  evidence: Record<string, unknown>;
  currency: string | null;
}) {
  const t = useText();
  const all = Object.entries(evidence).filter(([, value]) => value !== null && value !== "");
  const plain = all.filter(([, value]) => typeof value !== "object");
  const more = all.filter(([, value]) => typeof value === "object");
  return (
    <Panel title={t(said.evidence)}>
      {all.length === 0 && <p className="quiet">{t(said.noEvidence)}</p>}
      <dl className="evidence">
        {plain.map(([name, value]) => (
          <div key={name}>
            <dt title={name}>{called(name, t)}</dt>
            <dd>
              <One name={name} value={value} currency={currency} />
            </dd>
          </div>
        ))}
      </dl>
      {more.map(([name, value]) => (
        <div key={name} className="evidence-more">
          <p className="quiet small" title={name}>
            {called(name, t)}
          </p>
          <JsonView value={value} label={name} />
        </div>
      ))}
    </Panel>
  );
}

function called(name: string, t: Say): string {
  const known = evidenceNames[name];
  return known ? t(known) : name.replaceAll("_", " ");
}

function One({ name, value, currency }: {
  name: string;
  value: unknown;
  currency: string | null;
}) {
  if (typeof value === "number" && /amount|fee/.test(name) && currency) {
    return <Money amount={value} currency={currency} />;
  }
  if (typeof value === "string" && TIME.test(value)) return <Time at={value} />;
  return <>{String(value)}</>;
}

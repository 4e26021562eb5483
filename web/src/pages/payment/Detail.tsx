// What one thing on the time axis says when it is opened, each kind in its own way.
import { JsonView } from "../../parts/JsonView";
import { Money, Pill } from "../../parts/Show";
import { useText } from "../../text";
import type { Tone } from "../../text/words";
import { said } from "./texts";
import type { Candidate, Entry, Item } from "./types";

const TONES: Record<string, Tone> = {
  PAID: "good",
  DECLINED: "bad",
  SEND_FAILED: "bad",
  CODE_REFUSED: "bad",
  CHARGE_UNKNOWN: "warn",
  CONVERTED: "busy",
};

export function toneOf(item: Item): Tone {
  if (item.kind === "transition") return TONES[item.title] ?? "busy";
  if (item.kind === "act" || item.kind === "case") return "warn";
  return "calm";
}

export function Detail({ item, currency }: { item: Item; currency: string }) {
  const t = useText();
  const { detail } = item;
  if (item.kind === "route" && Array.isArray(detail.candidates)) {
    return <Candidates all={detail.candidates as Candidate[]} />;
  }
  if (item.kind === "posting" && Array.isArray(detail.entries)) {
    return <Entries all={detail.entries as Entry[]} currency={currency} />;
  }
  const { body, ...facts } = detail;
  return (
    <div className="detail">
      <Values facts={facts} />
      {body !== undefined && body !== null && body !== "" && (
        <JsonView value={readable(body)} label={t(said.message)} />
      )}
    </div>
  );
}

/** JSON that came as text is shown as JSON. */
function readable(body: unknown): unknown {
  if (typeof body !== "string") return body;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return body;
  }
}

function Values({ facts }: { facts: Record<string, unknown> }) {
  const given = Object.entries(facts).filter(
    ([, value]) => value !== null && value !== "" && value !== undefined,
  );
  if (given.length === 0) return null;
  return (
    <dl className="values">
      {given.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === "object" ? <code>{JSON.stringify(value)}</code> : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Candidates({ all }: { all: Candidate[] }) {
  const t = useText();
  return (
    <ul className="candidates" aria-label={t(said.candidates)}>
      {all.map((one, at) => (
        <li key={at} className={one.kept ? "" : "dropped"}>
          <b>
            {one.channel}
            <span className="quiet"> / {one.account}</span>
          </b>
          <Pill tone={one.kept ? "good" : "calm"}>
            {one.kept ? t(said.chosen) : t(said.dropped, { stage: one.stage })}
          </Pill>
          <span className="quiet">{one.why}</span>
        </li>
      ))}
    </ul>
  );
}

function Entries({ all, currency }: { all: Entry[]; currency: string }) {
  const t = useText();
  return (
    <ul className="beside detail">
      {all.map((entry, at) => (
        <li key={at} className={entry.side === "CREDIT" ? "credit" : ""}>
          <span>
            <span className="quiet">{t(entry.side === "DEBIT" ? said.debit : said.credit)}</span>{" "}
            <span className="account">{entry.account}</span>
          </span>
          <Money amount={entry.amount} currency={currency} />
        </li>
      ))}
    </ul>
  );
}

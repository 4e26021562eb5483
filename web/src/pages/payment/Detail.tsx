// What one thing on the time axis says when it is opened, each kind in its own way.
import type { ReactNode } from "react";

import { JsonView } from "../../parts/JsonView";
import { Money, Name, Pill, Status } from "../../parts/Show";
import { useText, type Say } from "../../text";
import { names, type Tone } from "../../text/words";
import { events, said } from "./texts";
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

export function titleOf(item: Item, t: Say): ReactNode {
  if (item.kind === "transition") {
    const { from, to } = item.detail as { from?: string; to?: string };
    return (
      <>
        <b>{t(events[item.title] ?? [item.title, item.title])}</b>
        {to && from !== to && <Status code={to} />}
      </>
    );
  }
  if (item.kind === "act") return <Deed item={item} />;
  if (item.kind === "route") return <Route title={item.title} />;
  if (item.kind === "posting") return <Posting title={item.title} />;
  if (item.kind === "message") return <Message item={item} t={t} />;
  return item.title;
}

/** Who did it, what, and why. */
function Deed({ item }: { item: Item }) {
  const { operator, why } = item.detail as { operator?: string; why?: string };
  return (
    <>
      <b>{operator}</b> <Name code={item.title} />
      {why && <span className="quiet">{why}</span>}
    </>
  );
}

/** `DEDUCT → deduct_a.deduct`: for what, and where to; or why nowhere. */
function Route({ title }: { title: string }) {
  const [what = "", chosen = ""] = title.split(" → ");
  return (
    <span>
      <Name code={what} /> → {chosen}
    </span>
  );
}

/** `PAID 1250 CNY`: what was posted, and how much in minor units. */
function Posting({ title }: { title: string }) {
  const [what = "", amount = "", currency = ""] = title.split(" ");
  return (
    <>
      {what} <Money amount={Number(amount)} currency={currency} />
    </>
  );
}

/** `OUT confirm unionpay/main`: which way, what, whose. */
function Message({ item, t }: { item: Item; t: Say }) {
  const [way = "", operation = "", ...rest] = item.title.split(" ");
  const arrow = { IN: "←", OUT: "→", CALLBACK: "⇠" }[way] ?? "·";
  const known = names[operation];
  const verdict = item.detail.verdict;
  return (
    <>
      <span title={way}>
        <b aria-hidden="true">{arrow}</b> {known ? t(known) : operation}{" "}
        <span className="quiet">{rest.join(" ")}</span>
      </span>
      {typeof verdict === "string" && verdict !== "" && (
        <span className="quiet">{verdict}</span>
      )}
    </>
  );
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

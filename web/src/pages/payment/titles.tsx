// One thing on the time axis in a line, each kind in its own way. The API's titles are
// code, the same in every language: what people read is made of them here.
import type { ReactNode } from "react";

import { Money, Name, Status } from "../../parts/Show";
import type { Say, Text } from "../../text";
import { cases, caseSteps } from "../../text/cases";
import { names } from "../../text/words";
import { events, pageEvents, refundEvents, said } from "./texts";
import type { Item } from "./types";

export function titleOf(item: Item, t: Say): ReactNode {
  switch (item.kind) {
    case "transition":
      return <Change item={item} of={events} t={t} />;
    case "refund":
      return <Change item={item} of={refundEvents} t={t} />;
    case "act":
      return <Deed item={item} />;
    case "route":
      return <Route title={item.title} />;
    case "posting":
      return <Posting title={item.title} />;
    case "message":
      return <Message item={item} t={t} />;
    case "code":
      return codeSaid(item.title, t);
    case "notice":
      return <Notice title={item.title} t={t} />;
    case "case":
      return <Case item={item} t={t} />;
    case "checkout":
      return t(pageEvents[item.title] ?? [item.title, item.title]);
    default:
      return item.title;
  }
}

/** What happened, and what it led to. */
function Change({ item, of, t }: { item: Item; of: Record<string, Text>; t: Say }) {
  const { from, to } = item.detail as { from?: string; to?: string };
  return (
    <>
      <b>{t(of[item.title] ?? [item.title, item.title])}</b>
      {to && from !== to && <Status code={to} />}
    </>
  );
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
      <Name code={what} /> <Money amount={Number(amount)} currency={currency} />
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

/** `code of attempt 02 passed`: of which leg, and what became of it. */
function codeSaid(title: string, t: Say): string {
  const [, leg, what] = /^code of attempt (\d+) (made|passed)$/.exec(title) ?? [];
  if (!leg) return title;
  return t(what === "made" ? said.codeMade : said.codePassed, { n: Number(leg) });
}

/** `payment.succeeded delivered`. */
function Notice({ title, t }: { title: string; t: Say }) {
  const [type = "", what = ""] = title.split(" ");
  const how = { written: said.written, delivered: said.delivered }[what];
  return (
    <>
      <code>{type}</code> {how ? t(how) : what}
    </>
  );
}

/** `LATE_MONEY opened`, and then what was done with it: `PREVIEWED`. */
function Case({ item, t }: { item: Item; t: Say }) {
  const [what = "", opened] = item.title.split(" ");
  const { who } = item.detail as { who?: string };
  if (opened) {
    return (
      <>
        <b>{t(cases[what] ?? [what, what])}</b> {t(said.opened)}
      </>
    );
  }
  return (
    <>
      {who && <b>{who}</b>} {t(caseSteps[what] ?? [what, what])}
    </>
  );
}

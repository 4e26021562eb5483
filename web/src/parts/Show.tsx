// How one value looks, the same on every page.
import { useEffect, useState, type ReactNode } from "react";

import { useLanguage, useText } from "../text";
import { amountText, durationText, timeText } from "../text/format";
import { names, statuses, words, type Tone } from "../text/words";
import { Copy } from "./Copy";

/** An amount in minor units, with its currency. */
export function Money({ amount, currency, strong = false }: {
  amount: number | null | undefined;
  currency: string | null | undefined;
  strong?: boolean;
}) {
  if (amount === null || amount === undefined || !currency) return <>—</>;
  const digits = amountText(amount, currency);
  return (
    <span className="money">
      {strong ? <b>{digits}</b> : digits} <span className="money-unit">{currency}</span>
    </span>
  );
}

/** A time in the reader's zone; the exact one in UTC on the title. */
export function Time({ at, ago = false }: {
  at: string | null | undefined;
  ago?: boolean;
}) {
  const { language } = useLanguage();
  const now = useNow(ago ? 10_000 : 0);
  const t = useText();
  if (!at) return <>—</>;
  const since = (now - Date.parse(at)) / 1000;
  return (
    <time dateTime={at} title={at} className="time">
      {ago ? t(words.ago, { t: durationText(since, language) }) : timeText(at, language)}
    </time>
  );
}

/** Now, told anew every so often; 0 tells it once. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (everyMs === 0) return undefined;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

export function Pill({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`pill pill-${tone}`}>{children}</span>;
}

/** A status of the API's: its word for people, its code on the title. */
export function Status({ code }: { code: string | null | undefined }) {
  const t = useText();
  if (!code) return <>—</>;
  const known = statuses[code];
  return (
    <span title={code}>
      <Pill tone={known?.tone ?? "calm"}>{known ? t(known.text) : code}</Pill>
    </span>
  );
}

/** A name of the API's, as people call it. */
export function Name({ code }: { code: string | null | undefined }) {
  const t = useText();
  if (!code) return <>—</>;
  const known = names[code];
  return known ? <span title={code}>{t(known)}</span> : <>{code}</>;
}

/** A number by which something is found; never cut where it is to be read. */
export function Number({ no, copy = false }: {
  no: string | null | undefined;
  copy?: boolean;
}) {
  if (!no) return <>—</>;
  return (
    <span className="number">
      <code>{no}</code>
      {copy && <Copy text={no} />}
    </span>
  );
}

/** The end of a number whose rest nobody is shown. */
export function Masked({ tail }: { tail: string | null | undefined }) {
  if (!tail) return <>—</>;
  return (
    <span className="number" aria-label={`… ${tail}`}>
      <span aria-hidden="true">•••• </span>
      {tail}
    </span>
  );
}

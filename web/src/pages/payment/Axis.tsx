// Everything that happened to a payment on one time axis, oldest first.
import { useQuery } from "@tanstack/react-query";
import { Button, Skeleton } from "antd";
import { useEffect, useMemo, useRef, useState } from "react";

import { get } from "../../api/client";
import { Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { useLanguage, useText } from "../../text";
import { clockText, durationText } from "../../text/format";
import { Detail, toneOf } from "./Detail";
import { kinds, said } from "./texts";
import { titleOf } from "./titles";
import type { Details, Item } from "./types";

const OPEN_EVERY_MS = 3_000;

export function Axis({ no, open, details }: {
  no: string;
  open: boolean;
  details: Details;
}) {
  const at = `/v1/console/payments/${no}/timeline`;
  const t = useText();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [wide, setWide] = useState<ReadonlySet<number>>(new Set());
  const asked = useQuery({
    queryKey: [at],
    queryFn: ({ signal }) => get<{ items: Item[] }>(at, undefined, signal),
    refetchInterval: open ? OPEN_EVERY_MS : false,
  });
  // What it ended with came after the axis was asked for: it is asked for once more.
  const { refetch } = asked;
  const was = useRef(open);
  useEffect(() => {
    if (was.current && !open) void refetch();
    was.current = open;
  }, [open, refetch]);
  const items = useMemo(() => asked.data?.items ?? [], [asked.data]);
  const shown = items
    .map((item, index) => ({ item, index }))
    .filter(({ item }) => !hidden.has(item.kind));
  const present = Object.keys(kinds).filter((kind) =>
    items.some((item) => item.kind === kind),
  );
  const all = wide.size > 0;

  function turn<T>(set: ReadonlySet<T>, member: T): Set<T> {
    const next = new Set(set);
    if (!next.delete(member)) next.add(member);
    return next;
  }

  return (
    <Panel
      className="axis-panel"
      title={t(said.axis)}
      extra={
        <Button
          size="small"
          onClick={() => setWide(new Set(all ? [] : items.keys()))}
        >
          {t(all ? said.closeAll : said.openAll)}
        </Button>
      }
    >
      <div className="kinds" role="group" aria-label={t(said.axis)}>
        {present.map((kind) => (
          <button
            key={kind}
            type="button"
            className="kind"
            aria-pressed={!hidden.has(kind)}
            onClick={() => setHidden(turn(hidden, kind))}
          >
            {t(kinds[kind] ?? [kind, kind])}
            <span className="kind-count">
              {items.filter((item) => item.kind === kind).length}
            </span>
          </button>
        ))}
      </div>
      {asked.isError && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
      {asked.isSuccess && shown.length === 0 && (
        <p className="quiet">{t(said.axisNone)}</p>
      )}
      <ol className="axis">
        {shown.map(({ item, index }, place) => (
          <Step
            key={index}
            item={item}
            before={shown[place - 1]?.item}
            details={details}
            wide={wide.has(index)}
            turn={() => setWide(turn(wide, index))}
          />
        ))}
      </ol>
    </Panel>
  );
}

const LONG_S = 1;

function Step({ item, before, details, wide, turn }: {
  item: Item;
  before: Item | undefined;
  details: Details;
  wide: boolean;
  turn: () => void;
}) {
  const { language } = useLanguage();
  const t = useText();
  const day = new Date(item.at).toDateString();
  const newDay = before === undefined || new Date(before.at).toDateString() !== day;
  const waited = before ? (Date.parse(item.at) - Date.parse(before.at)) / 1000 : 0;
  return (
    <>
      {newDay && (
        <li className="axis-day">
          {new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en-GB", {
            dateStyle: "full",
          }).format(new Date(item.at))}
        </li>
      )}
      {!newDay && waited > LONG_S && (
        <li className="axis-wait">+ {durationText(waited, language)}</li>
      )}
      <li className={`step step-${toneOf(item)}`}>
        <time dateTime={item.at} title={item.at}>
          {clockText(item.at)}
        </time>
        <div className="step-body">
          <button type="button" className="step-head" aria-expanded={wide} onClick={turn}>
            <span className="step-kind">{t(kinds[item.kind] ?? [item.kind, item.kind])}</span>
            <span className="step-title">{titleOf(item, t)}</span>
          </button>
          {wide && <Detail item={item} currency={details.payment.currency} />}
        </div>
      </li>
    </>
  );
}

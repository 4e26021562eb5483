// How payments go now, and what waits for somebody: asked for anew every two seconds.
import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import { lazy, Suspense, type ReactNode } from "react";
import { Link } from "react-router";

import { get } from "../../api/client";
import { Facts, Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Money, Name } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { clockText, dayText, durationText, numberText, utcText } from "../../text/format";
import "./page.css";
import { said } from "./texts";
import type { Overview } from "./types";

const EVERY_MS = 2_000;

const MinutesChart = lazy(() => import("./MinutesChart"));

export default function OverviewPage() {
  const t = useText();
  const asked = useQuery({
    queryKey: ["/v1/console/overview"],
    queryFn: ({ signal }) => get<Overview>("/v1/console/overview", undefined, signal),
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const { data } = asked;
  const clock = data && clockText(data.at).slice(0, 8);
  return (
    <Page
      title={t(said.title)}
      about={
        clock && (
          <span className={asked.isError ? "live live-late" : "live"}>
            {asked.isError ? (
              t(said.late, { t: clock })
            ) : (
              <>
                <b>{t(said.live)}</b> <span className="quiet">{t(said.asOf, { t: clock })}</span>
              </>
            )}
          </span>
        )
      }
    >
      {asked.isError && !data && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 10 }} />}
      {data && <Shown data={data} />}
    </Page>
  );
}

function Shown({ data }: { data: Overview }) {
  const t = useText();
  return (
    <>
      <Tiles data={data} />
      <div className="grid overview">
        <Panel
          className="overview-hour"
          title={
            <>
              {t(said.hour)} <span className="quiet thin">{t(said.hourHint)}</span>
            </>
          }
          extra={<Legend />}
        >
          <Suspense fallback={null}>
            <MinutesChart minutes={data.minutes} />
          </Suspense>
        </Panel>
        <Today data={data} />
        <Rates
          className="overview-channels"
          title={t(said.channels)}
          heads={[t(said.channel), t(said.operation)]}
          rows={data.by_channel.map((place) => ({
            key: `${place.channel}/${place.account}/${place.operation}`,
            cells: [
              <>
                {place.channel}
                <span className="quiet"> / {place.account}</span>
              </>,
              <Name code={place.operation} />,
            ],
            ...place,
          }))}
        />
        <Rates
          className="overview-banks"
          title={t(said.banks)}
          heads={[t(said.bank)]}
          rows={data.by_bank.map((bank) => ({
            key: bank.bank,
            cells: [bank.bank],
            ...bank,
          }))}
        />
      </div>
    </>
  );
}

/** Since when the day is counted, where that is not its beginning. */
function countedSince({ at, today }: Overview): string | null {
  const begins = `${dayText(at)}T00:00:00Z`;
  return Date.parse(today.since) > Date.parse(begins) ? utcText(today.since) : null;
}

function Tiles({ data }: { data: Overview }) {
  const { language } = useLanguage();
  const t = useText();
  const { succeeded, failed } = data.today;
  const ended = succeeded + failed;
  const counted = countedSince(data);
  const day = counted ? t(said.daySince, { t: counted }) : t(said.day);
  const count = (value: number) => numberText(value, language);
  const oldest = (waits: { number: number; oldest_s: number | null }) =>
    waits.number === 0 || waits.oldest_s === null
      ? t(said.none)
      : t(said.oldest, { t: durationText(waits.oldest_s, language) });
  return (
    <div className="tiles">
      <Tile
        label={t(said.speed)}
        value={numberText(data.payments_per_s, language, data.payments_per_s < 100 ? 1 : 0)}
        hint={t(said.speedHint)}
      />
      <Tile
        label={t(said.rate, { day })}
        value={ended === 0 ? "—" : rateText(succeeded, ended, language)}
        hint={t(said.rateHint, { n: count(succeeded), all: count(ended) })}
      />
      <Tile
        label={t(said.rescued, { day })}
        value={count(data.rescued.payments)}
        hint={
          data.rescued.amounts.length === 0 ? (
            t(said.rescuedHint)
          ) : (
            <span title={t(said.rescuedHint)}>
              <Amounts amounts={data.rescued.amounts} />
            </span>
          )
        }
      />
      <Tile
        label={t(said.unknown)}
        value={count(data.unknown.number)}
        hint={oldest(data.unknown)}
        warn={data.unknown.number > 0}
        to="/desk/unknown"
      />
      <Tile
        label={t(said.notices)}
        value={count(data.notices.number)}
        hint={oldest(data.notices)}
        to="/notices"
      />
      <Tile label={t(said.due)} value={count(data.due.number)} hint={oldest(data.due)} />
    </div>
  );
}

function Tile({ label, value, hint, warn = false, to }: {
  label: string;
  value: string;
  hint: ReactNode;
  warn?: boolean;
  to?: string;
}) {
  const body = (
    <>
      <span className="tile-label">{label}</span>
      <span className="tile-value">{value}</span>
      <span className="tile-hint">{hint}</span>
    </>
  );
  const looks = warn ? "tile tile-warn" : "tile";
  return to ? (
    <Link to={to} className={looks}>
      {body}
    </Link>
  ) : (
    <div className={looks}>{body}</div>
  );
}

function Legend() {
  const t = useText();
  return (
    <ul className="legend">
      <li className="legend-good">{t(said.succeeded)}</li>
      <li className="legend-bad">{t(said.failed)}</li>
      <li className="legend-converted">{t(said.converted)}</li>
    </ul>
  );
}

function Today({ data }: { data: Overview }) {
  const { language } = useLanguage();
  const t = useText();
  const { today, cases } = data;
  const counted = countedSince(data);
  const count = (value: number) => numberText(value, language);
  return (
    <Panel className="overview-today" title={t(said.today)}>
      {counted && <p className="quiet small">{t(said.partial, { t: counted })}</p>}
      <p className="quiet small">{t(said.taken)}</p>
      <div className="taken">
        {today.amounts.length === 0 && "—"}
        {today.amounts.map(({ amount, currency }) => (
          <p key={currency}>
            <Money amount={amount} currency={currency} strong />
          </p>
        ))}
      </div>
      <Facts
        items={[
          [t(said.succeeded), count(today.succeeded)],
          [t(said.failed), count(today.failed)],
          [t(said.closed), count(today.closed)],
          [t(said.doing), count(today.doing)],
        ]}
      />
      <h3 className="part">{t(said.cases)}</h3>
      {cases.length === 0 ? (
        <p className="quiet">{t(said.noCases)}</p>
      ) : (
        <ul className="counts">
          {cases.map(({ kind, number }) => (
            <li key={kind}>
              <Link to={`/desk?kind=${encodeURIComponent(kind)}`}>
                <Name code={kind} />
              </Link>
              <b>{count(number)}</b>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

interface Rated {
  key: string;
  cells: ReactNode[];
  tried: number;
  succeeded: number;
}

function Rates({ title, heads, rows, className }: {
  title: string;
  heads: string[];
  rows: Rated[];
  className: string;
}) {
  const { language } = useLanguage();
  const t = useText();
  return (
    <Panel
      flush
      className={className}
      title={
        <>
          {title} <span className="quiet thin">{t(said.lastHour)}</span>
        </>
      }
    >
      <div className="scroll" tabIndex={0} role="group" aria-label={title}>
      <table className="plain">
        <thead>
          <tr>
            {heads.map((head) => (
              <th key={head} scope="col">
                {head}
              </th>
            ))}
            <th scope="col" className="right">
              {t(said.tried)}
            </th>
            <th scope="col" className="rate-head">
              {t(said.rateOf)}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.length === 0 && (
            <tr>
              <td colSpan={heads.length + 2} className="quiet">
                {t(said.none)}
              </td>
            </tr>
          )}
          {rows.map(({ key, cells, tried, succeeded }) => (
            <tr key={key}>
              {cells.map((cell, at) => (
                <td key={heads[at]}>{cell}</td>
              ))}
              <td className="right">{numberText(tried, language)}</td>
              <td>
                <Rate succeeded={succeeded} tried={tried} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      </div>
    </Panel>
  );
}

function Rate({ succeeded, tried }: { succeeded: number; tried: number }) {
  const { language } = useLanguage();
  if (tried === 0) return <>—</>;
  const share = succeeded / tried;
  const looks = share >= 0.9 ? "good" : share >= 0.7 ? "warn" : "bad";
  return (
    <span className={`rate rate-${looks}`}>
      <span className="rate-bar" aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      {rateText(succeeded, tried, language)}
    </span>
  );
}

/** Cut, not rounded: what is 100 % had no failure. */
function rateText(good: number, all: number, language: "en" | "zh"): string {
  return `${numberText(Math.floor((good / all) * 1000) / 10, language, 1)} %`;
}

function Amounts({ amounts }: { amounts: Overview["rescued"]["amounts"] }) {
  return (
    <>
      {amounts.map(({ amount, currency }, at) => (
        <span key={currency}>
          {at > 0 && " · "}
          <Money amount={amount} currency={currency} />
        </span>
      ))}
    </>
  );
}

// Reconciliation, day by day: where channels and we agree, and where not.
import { useQuery } from "@tanstack/react-query";
import { Checkbox, Empty, Segmented, Skeleton } from "antd";
import dayjs from "dayjs";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { get } from "../../api/client";
import type { Amount, Listed } from "../../api/types";
import { Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Scroll } from "../../parts/Scroll";
import { Sections } from "../../parts/Sections";
import { Money, Status } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import "./page.css";
import { Picture } from "./Picture";
import { AT, SECTIONS } from "./sections";
import { said } from "./texts";
import type { Day } from "./types";

const SPANS = [14, 30, 60];
const MOST_PAGES = 20;

export default function Books() {
  const t = useText();
  const [span, setSpan] = useState(30);
  const dates = useMemo(() => lastDays(span), [span]);
  const asked = useQuery({
    queryKey: [`${AT}/days`, span],
    queryFn: ({ signal }) => every(dates[0] ?? "", dates.at(-1) ?? "", signal),
    refetchInterval: 30_000,
  });
  const days = asked.data;
  const [all, setAll] = useState(false);
  const looked = days?.filter((day) => all || day.state !== "RECONCILED" || day.differences);
  return (
    <Page
      title={t(said.title)}
      actions={
        <Segmented
          aria-label={t(said.span)}
          options={SPANS}
          value={span}
          onChange={setSpan}
        />
      }
    >
      <Sections of={SECTIONS} label={t(said.title)} />
      {asked.isError && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
      {days?.length === 0 && (
        <Panel>
          <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(said.noDays)} />
        </Panel>
      )}
      {days && days.length > 0 && (
        <>
          <Panel title={t(said.picture, { n: span })}>
            <Picture days={days} dates={dates} />
          </Panel>
          <Panel
            flush
            title={t(all ? said.every : said.look)}
            extra={
              <Checkbox checked={all} onChange={(event) => setAll(event.target.checked)}>
                {t(said.every)}
              </Checkbox>
            }
          >
            {looked?.length === 0 ? (
              <p className="pad quiet">{t(said.nothingToLook)}</p>
            ) : (
              <Table days={looked ?? []} />
            )}
          </Panel>
        </>
      )}
    </Page>
  );
}

function lastDays(span: number): string[] {
  const today = dayjs();
  return Array.from({ length: span }, (_, n) =>
    today.subtract(span - n, "day").format("YYYY-MM-DD"),
  );
}

async function every(from: string, to: string, signal: AbortSignal): Promise<Day[]> {
  const found: Day[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const asked = { from, to, limit: 100, cursor };
    const answer: Listed<Day> = await get<Listed<Day>>(`${AT}/days`, asked, signal);
    found.push(...answer.items);
    cursor = answer.next;
    if (cursor === null) break;
  }
  return found;
}

function Table({ days }: { days: readonly Day[] }) {
  const t = useText();
  const { language } = useLanguage();
  const count = (value: number | null) =>
    value === null ? "—" : numberText(value, language);
  return (
    <Scroll label={t(said.days)}>
      <table className="plain" aria-label={t(said.days)}>
        <thead>
          <tr>
            <th scope="col">{t(said.day)}</th>
            <th scope="col">{t(said.account)}</th>
            <th scope="col">{t(said.state)}</th>
            <th scope="col" className="right">
              {t(said.lines)}
            </th>
            <th scope="col" className="right">
              {t(said.matched)}
            </th>
            <th scope="col" className="right">
              {t(said.differences)}
            </th>
            <th scope="col" className="right">
              {t(said.amountOff)}
            </th>
          </tr>
        </thead>
        <tbody>
          {days.map((one) => (
            <tr key={`${one.channel}/${one.account}/${one.day}`}>
              <td>
                <Link to={`/books/days/${one.channel}/${one.account}/${one.day}`}>
                  {one.day}
                </Link>
              </td>
              <td>
                {one.channel}
                <span className="quiet"> / {one.account}</span>
              </td>
              <td>
                <Status code={one.state} />
              </td>
              <td className="right">{count(one.lines)}</td>
              <td className="right">{count(one.matched)}</td>
              <td className={one.differences ? "right differs" : "right"}>
                {count(one.differences)}
              </td>
              <td className="right">
                <Sums of={one.amount_off} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

export function Sums({ of }: { of: readonly Amount[] }) {
  if (of.length === 0) return <>—</>;
  return (
    <>
      {of.map(({ amount, currency }, at) => (
        <span key={currency}>
          {at > 0 && " · "}
          <Money amount={amount} currency={currency} />
        </span>
      ))}
    </>
  );
}

// Days by account as a picture: a row an account, a square a day. The table below says
// the same in words, and each square has its own.
import { Link } from "react-router";

import { Scroll } from "../../parts/Scroll";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import type { Language } from "../../text/language";
import { statuses } from "../../text/words";
import { said } from "./texts";
import type { Day } from "./types";

export function Picture({ days, dates }: { days: readonly Day[]; dates: readonly string[] }) {
  const t = useText();
  const rows = new Map<string, Map<string, Day>>();
  for (const day of days) {
    const account = `${day.channel} / ${day.account}`;
    const row = rows.get(account) ?? new Map<string, Day>();
    rows.set(account, row.set(day.day, day));
  }
  return (
    <>
      <Scroll label={t(said.days)} atEnd>
        <table className="days">
          <thead>
            <tr>
              <th scope="col">{t(said.account)}</th>
              {dates.map((date) => (
                <th scope="col" key={date} title={date}>
                  {date.slice(8)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...rows].map(([account, row]) => (
              <tr key={account}>
                <th scope="row">{account}</th>
                {dates.map((date) => (
                  <td key={date}>
                    <Square day={row.get(date)} date={date} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <ul className="days-legend">
        <li className="day-good">{t(said.good)}</li>
        <li className="day-warn">{t(said.differs)}</li>
        <li className="day-bad">{t(said.broken)}</li>
        <li className="day-busy">{t(said.awaited)}</li>
      </ul>
    </>
  );
}

function Square({ day, date }: { day: Day | undefined; date: string }) {
  const t = useText();
  const { language } = useLanguage();
  if (!day) return <span className="day" title={`${date}: ${t(said.noneIn)}`} />;
  const { channel, account, state, differences } = day;
  const words = t(said.cell, {
    account: `${channel} / ${account}`,
    day: date,
    state: t(statuses[state]?.text ?? [state, state]),
    n: differences ?? 0,
  });
  return (
    <Link
      to={`/books/days/${channel}/${account}/${date}`}
      className={`day day-${looksOf(day)}`}
      aria-label={words}
      title={words}
    >
      {markOf(day, language)}
    </Link>
  );
}

function looksOf(day: Day): string {
  if (day.state === "BROKEN") return "bad";
  if (day.state !== "RECONCILED") return "busy";
  return day.differences ? "warn" : "good";
}

/** What a colour says is said by a sign as well. */
function markOf(day: Day, language: Language): string {
  if (day.state === "BROKEN") return "!";
  if (day.state !== "RECONCILED") return "…";
  return day.differences ? numberText(day.differences, language) : "";
}

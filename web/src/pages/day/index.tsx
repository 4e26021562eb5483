// One day of one account: what its statement came to, and each difference.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Empty, Skeleton } from "antd";
import { Link, useParams } from "react-router";

import { get } from "../../api/client";
import type { Amount } from "../../api/types";
import { Facts, Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Scroll } from "../../parts/Scroll";
import { Money, Name, Number, Pill, Status, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import { words } from "../../text/words";
import { Sums } from "../books";
import { AT } from "../books/sections";
import { said } from "../books/texts";
import type { Day, Difference } from "../books/types";
import { Kind } from "../desk/Kind";

interface Paged {
  day: Day;
  differences: Difference[];
  next: string | null;
}

export default function DayPage() {
  const { channel = "", account = "", day = "" } = useParams();
  const at = `${AT}/days/${channel}/${account}/${day}`;
  const t = useText();
  const asked = useInfiniteQuery({
    queryKey: [at],
    queryFn: ({ pageParam, signal }) =>
      get<Paged>(at, { limit: 100, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
  });
  const whole = asked.data?.pages[0]?.day;
  const differences = asked.data?.pages.flatMap((page) => page.differences) ?? [];
  return (
    <Page
      title={`${channel} / ${account} · ${day}`}
      up={{ to: "/books", title: t(said.days) }}
      about={whole && <Status code={whole.state} />}
    >
      {asked.isError && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 8 }} />}
      {whole && (
        <>
          <About day={whole} />
          <Panel title={t(said.found)} flush>
            {differences.length > 0 ? (
              <Differences of={differences} />
            ) : (
              <Empty
                className="pad"
                image={Empty.PRESENTED_IMAGE_SIMPLE}
                description={t(whole.state === "RECONCILED" ? said.allAgrees : said.notYet)}
              />
            )}
            {asked.hasNextPage && (
              <div className="list-more">
                <Button
                  loading={asked.isFetchingNextPage}
                  onClick={() => void asked.fetchNextPage()}
                >
                  {t(words.more)}
                </Button>
              </div>
            )}
          </Panel>
        </>
      )}
    </Page>
  );
}

function About({ day }: { day: Day }) {
  const t = useText();
  const { language } = useLanguage();
  const count = (value: number | null) =>
    value === null ? "—" : numberText(value, language);
  return (
    <Panel>
      <Facts
        items={[
          [t(said.lines), count(day.lines)],
          [t(said.matched), count(day.matched)],
          [t(said.differences), count(day.differences)],
          [t(said.pooled), count(day.pooled)],
          [t(said.amountOff), <Sums of={day.amount_off} />],
          [t(said.fetched), <Time at={day.fetched_at} />],
          [t(said.compared), <Time at={day.reconciled_at} />],
        ]}
      />
      {day.said && <p className="quiet day-said">{day.said}</p>}
    </Panel>
  );
}

function Differences({ of }: { of: Difference[] }) {
  const t = useText();
  return (
    <Scroll label={t(said.found)}>
      <table className="plain" aria-label={t(said.found)}>
        <thead>
          <tr>
            <th scope="col">{t(said.kind)}</th>
            <th scope="col" className="right">
              {t(said.ours)}
            </th>
            <th scope="col" className="right">
              {t(said.theirs)}
            </th>
            <th scope="col">{t(said.request)}</th>
            <th scope="col">{t(said.payment)}</th>
            <th scope="col">{t(said.case)}</th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={`${one.kind}/${one.request_no}/${one.channel_ref}/${one.found_at}`}>
              <td title={one.said}>
                <Kind code={`RECON_${one.kind}`} />{" "}
                <span className="quiet">
                  {one.trade && <Name code={one.trade.toLowerCase()} />}
                </span>
              </td>
              <td className="right">
                <Side of={one.ours} /> {one.our_status && <Status code={one.our_status} />}
              </td>
              <td className="right">
                <Side of={one.theirs} />
              </td>
              <td>
                <Number no={one.request_no || one.channel_ref} />
              </td>
              <td>
                {one.pay_order_no ? (
                  <Link to={`/payments/${one.pay_order_no}`}>
                    <Number no={one.pay_order_no} />
                  </Link>
                ) : (
                  "—"
                )}
              </td>
              <td>
                {one.healed_at ? (
                  <Pill tone="good">{t(said.healed)}</Pill>
                ) : one.case_ref ? (
                  <Link to={`/desk/${one.case_ref}`}>{t(said.toCase)}</Link>
                ) : (
                  "—"
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Side({ of }: { of: Amount | null }) {
  if (!of) return <span className="quiet">—</span>;
  return <Money amount={of.amount} currency={of.currency} />;
}

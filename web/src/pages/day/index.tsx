// One day of one account: what its statement came to, and each difference.
import { Empty } from "antd";
import { Link, useParams } from "react-router";

import { Asked, useAsked } from "../../parts/Asked";
import { Facts, Page, Panel } from "../../parts/Page";
import { Money, Number, Pill, Status, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import { Sums } from "../books";
import { AT } from "../books/sections";
import { said } from "../books/texts";
import type { Day, Difference, Side } from "../books/types";
import { Kind } from "../desk/Kind";

type Whole = Omit<Day, "differences"> & {
  differences: Difference[];
  said?: string;
  reconciled_at?: string | null;
};

export default function DayPage() {
  const { channel = "", account = "", day = "" } = useParams();
  const t = useText();
  const { language } = useLanguage();
  const asked = useAsked<Whole>(`${AT}/days/${channel}/${account}/${day}`);
  const { data } = asked;
  const count = (value: number) => numberText(value, language);
  return (
    <Page
      title={`${channel} / ${account} · ${day}`}
      up={{ to: "/books", title: t(said.days) }}
      about={data && <Status code={data.state} />}
    >
      <Asked of={asked} rows={8}>
        {(whole) => (
          <>
            <Panel>
              <Facts
                items={[
                  [t(said.lines), count(whole.lines)],
                  [t(said.matched), count(whole.matched)],
                  [t(said.differences), count(whole.differences.length)],
                  [t(said.amountOff), <Sums of={whole.amount_off} />],
                  [t(said.compared), <Time at={whole.reconciled_at} />],
                  [t(said.state), whole.said || <Status code={whole.state} />],
                ]}
              />
            </Panel>
            <Panel title={t(said.differences)} flush>
              {whole.differences.length > 0 ? (
                <Differences of={whole.differences} />
              ) : (
                <Empty
                  className="pad"
                  image={Empty.PRESENTED_IMAGE_SIMPLE}
                  description={t(whole.state === "RECONCILED" ? said.allAgrees : said.notYet)}
                />
              )}
            </Panel>
          </>
        )}
      </Asked>
    </Page>
  );
}

function Differences({ of }: { of: Difference[] }) {
  const t = useText();
  return (
    <div className="scroll">
      <table className="plain" aria-label={t(said.differences)}>
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
            <tr key={`${one.kind}/${one.request_no}/${one.case_ref}`}>
              <td title={one.said}>
                <Kind code={`RECON_${one.kind}`} />
              </td>
              <td className="right">
                <Said side={one.ours} />
              </td>
              <td className="right">
                <Said side={one.theirs} />
              </td>
              <td>
                <Number no={one.request_no} />
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
    </div>
  );
}

function Said({ side }: { side: Side | null }) {
  if (!side) return <span className="quiet">—</span>;
  return (
    <>
      <Money amount={side.amount} currency={side.currency} />
      {side.status && <span className="quiet"> {side.status}</span>}
    </>
  );
}

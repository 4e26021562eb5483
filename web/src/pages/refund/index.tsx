// One refund: how it stands, what happened to it, and its messages, masked.
import { Link, useParams } from "react-router";

import { Asked, useAsked } from "../../parts/Asked";
import { JsonView } from "../../parts/JsonView";
import { Facts, Page, Panel } from "../../parts/Page";
import { Money, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { said } from "../refunds/texts";
import type { RefundDetails } from "../refunds/types";
import "./page.css";

export default function RefundPage() {
  const no = useParams().no ?? "";
  const t = useText();
  const asked = useAsked<RefundDetails>(`/v1/console/refunds/${no}`, undefined, (data) =>
    data && data.refund.finished_at === null ? 3_000 : false,
  );
  const refund = asked.data?.refund;
  return (
    <Page
      title={t(said.one, { no })}
      up={{ to: "/refunds", title: t(said.title) }}
      about={
        refund && (
          <>
            <Status code={refund.biz_status} />
            <Money amount={refund.amount} currency={refund.currency} strong />
          </>
        )
      }
    >
      <Asked of={asked} rows={10}>
        {(whole) => (
          <>
            <About {...whole} />
            <div className="grid refund">
              <Steps {...whole} />
              <Panel title={t(said.messages)}>
                {whole.messages.length === 0 && <p className="quiet">{t(said.noSteps)}</p>}
                {whole.messages.map(({ at, title, detail }) => (
                  <div key={`${at}${title}`} className="refund-message">
                    <p>
                      <b>{title}</b>{" "}
                      <span className="quiet">
                        <Time at={at} />
                      </span>
                    </p>
                    <JsonView value={detail} label={title} />
                  </div>
                ))}
              </Panel>
            </div>
          </>
        )}
      </Asked>
    </Page>
  );
}

function About({ refund: one }: RefundDetails) {
  const t = useText();
  const money = (amount: number) => <Money amount={amount} currency={one.currency} />;
  return (
    <Panel title={t(said.facts)}>
      <Facts
        items={[
          [
            t(said.payment),
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>,
          ],
          [t(said.kind), t(said[one.kind as "ASKED"] ?? [one.kind, one.kind])],
          [t(said.money), money(one.money_amount)],
          [t(said.coupon), money(one.coupon_amount)],
          [t(said.line), one.biz_line],
          [t(said.outNo), <Number no={one.out_refund_no} copy />],
          [t(said.channel), `${one.channel} / ${one.account}`],
          [t(said.outcome), <Status code={one.outcome} />],
          [t(said.original), <Number no={one.original_request_no} />],
          [t(said.channelRef), <Number no={one.channel_ref} />],
          [
            t(said.word),
            one.resp_code && (
              <>
                <code>{one.resp_code}</code> {one.resp_msg}
              </>
            ),
          ],
          [t(said.sends), one.sends],
          [t(said.asked), <Time at={one.created_at} />],
          one.finished_at
            ? [t(said.ended), <Time at={one.finished_at} />]
            : [t(said.next), <Time at={one.next_check_at} />],
          [t(said.reason), one.reason],
        ]}
      />
    </Panel>
  );
}

function Steps({ steps }: RefundDetails) {
  const t = useText();
  return (
    <Panel title={t(said.steps)}>
      {steps.length === 0 && <p className="quiet">{t(said.noSteps)}</p>}
      <ol className="refund-steps">
        {steps.map((step) => (
          <li key={`${step.at}${step.event}`}>
            <b>{step.event}</b>{" "}
            <span className="quiet">
              {step.from_status} → {step.to_status} · {step.cause}
            </span>
            <p className="quiet small">
              <Time at={step.at} />
            </p>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

import { Facts, Panel } from "../../parts/Page";
import { Masked, Money, Name, Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { said } from "./texts";
import type { Whole } from "./types";

export function Order({ payment }: { payment: Whole }) {
  const t = useText();
  const { currency } = payment;
  const money = (amount: number) => <Money amount={amount} currency={currency} />;
  return (
    <Panel title={t(said.facts)}>
      <Facts
        items={[
          [t(said.subject), payment.subject],
          [t(said.amount), money(payment.amount)],
          [t(said.payable), money(payment.payable_amount)],
          [t(said.refunded), money(payment.refunded_amount)],
          [t(said.line), payment.biz_line],
          [t(said.outNo), <Number no={payment.out_biz_no} copy />],
          [t(said.orderNo), <Number no={payment.biz_order_no} />],
          [t(said.type), <Name code={payment.pay_type} />],
          [t(said.verify), <Status code={payment.verify_status} />],
          [
            t(said.card),
            <>
              {payment.bank} <Masked tail={payment.card_tail} />
            </>,
          ],
          [t(said.phone), <Masked tail={payment.phone_tail} />],
          [t(said.coupon), <Number no={payment.coupon_no} />],
          [t(said.created), <Time at={payment.created_at} />],
          [t(said.expires), <Time at={payment.expires_at} />],
          [t(said.finished), <Time at={payment.finished_at} />],
          payment.finished_at === null && payment.next_check_at
            ? [t(said.nextCheck), <Time at={payment.next_check_at} />]
            : [
                t(said.said),
                payment.resp_code ? (
                  <>
                    <code>{payment.resp_code}</code> {payment.resp_msg}
                  </>
                ) : null,
              ],
        ]}
      />
    </Panel>
  );
}

// What is said of a payment, and of a refund, whose result is unknown.
import { useMemo } from "react";
import { Link } from "react-router";

import type { PaymentActed } from "../../api/types";
import { ActButton } from "../../parts/ActButton";
import type { Act } from "../../parts/ActDialog";
import type { Columns } from "../../parts/CursorTable";
import { Money, Name, Number, Pill } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { Age } from "../desk";
import { said } from "./texts";

export interface Payment {
  pay_order_no: string;
  biz_line: string;
  out_biz_no: string;
  amount: number;
  currency: string;
  pay_type: string;
  held: string | null;
  channel: string | null;
  resp_code: string | null;
  created_at: string;
  /** When its money was asked for. */
  unknown_since: string | null;
}

export interface Refund {
  refund_no: string;
  pay_order_no: string;
  biz_line: string;
  out_refund_no: string | null;
  amount: number;
  currency: string;
  channel: string;
  resp_code: string;
  created_at: string;
}

export function usePayments(open: (act: Act) => void): Columns<Payment> {
  const t = useText();
  const { language } = useLanguage();
  return useMemo(
    () => [
      {
        title: t(said.age),
        render: (_, one) => <Age since={one.unknown_since ?? one.created_at} />,
      },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      {
        title: t(said.payment),
        render: (_, one) => (
          <span className="with-pill">
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>
            {one.held && <Pill tone="warn">{t(said.held)}</Pill>}
          </span>
        ),
      },
      { title: t(said.type), render: (_, one) => <Name code={one.pay_type} /> },
      {
        title: t(said.order),
        render: (_, one) => <OfLine no={one.out_biz_no} line={one.biz_line} />,
      },
      { title: t(said.channel), render: (_, one) => one.channel ?? "—" },
      { title: t(said.code), render: (_, one) => <Code is={one.resp_code} /> },
      {
        title: <span className="heard">{t(said.acts)}</span>,
        align: "right",
        render: (_, { pay_order_no: no }) => (
          <ActButton
            needs="ACT"
            size="small"
            onClick={() =>
              open({
                title: t(said.enquire),
                will: t(said.enquireWill, { no }),
                path: `/v1/console/payments/${no}/enquire`,
                result: (answer) => {
                  const { says, says_zh } = answer as PaymentActed;
                  return { how: "begun", says: language === "zh" ? says_zh : says };
                },
              })
            }
          >
            {t(said.enquire)}
          </ActButton>
        ),
      },
    ],
    [t, language, open],
  );
}

export function useRefunds(): Columns<Refund> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.age), render: (_, one) => <Age since={one.created_at} /> },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      {
        title: t(said.refund),
        render: (_, one) => (
          <Link to={`/refunds/${one.refund_no}`}>
            <Number no={one.refund_no} />
          </Link>
        ),
      },
      {
        title: t(said.outNo),
        render: (_, one) => <OfLine no={one.out_refund_no} line={one.biz_line} />,
      },
      { title: t(said.channel), dataIndex: "channel" },
      { title: t(said.code), render: (_, one) => <Code is={one.resp_code} /> },
    ],
    [t],
  );
}

function OfLine({ no, line }: { no: string | null; line: string }) {
  return (
    <span className="stacked">
      {no ?? "—"}
      <span className="quiet">{line}</span>
    </span>
  );
}

function Code({ is }: { is: string | null }) {
  return is ? <code>{is}</code> : "—";
}

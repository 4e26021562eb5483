export interface Notice {
  notice_id: string;
  type: string;
  pay_order_no: string;
  biz_line: string;
  endpoint: string | null;
  state: "PENDING" | "DELIVERED" | "PARKED";
  tries: number;
  last_result: string;
  created_at: string;
  next_at: string | null;
  delivered_at: string | null;
}

/** What a try came to; only the last is kept. */
export interface Delivery {
  /** null: of a try that failed this is not kept. */
  at: string | null;
  status: string;
  says: string;
}

export interface NoticeDetails {
  notice: Notice;
  url: string | null;
  replayed_at: string | null;
  deliveries: Delivery[];
  payload: unknown;
}

export interface Replayed {
  number: number;
  /** There may be more: it was not counted to the end. */
  more: boolean;
  work_id: string | null;
}

export const TYPES = [
  "payment.succeeded",
  "payment.failed",
  "payment.closed",
  "refund.succeeded",
  "refund.failed",
  "refund.late_payment",
] as const;

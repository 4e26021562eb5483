export interface Notice {
  notice_id: string;
  type: string;
  pay_order_no: string;
  biz_line: string;
  endpoint: string | null;
  state: "PENDING" | "DELIVERED" | "PARKED";
  tries: number;
  created_at: string;
  next_at: string | null;
  delivered_at: string | null;
}

export interface Delivery {
  at: string;
  status: number | null;
  took_ms: number | null;
  says: string;
}

export interface NoticeDetails extends Notice {
  deliveries: Delivery[];
  payload: unknown;
}

export interface Replayed {
  number: number;
  work_id?: string | null;
}

export const TYPES = [
  "payment.succeeded",
  "payment.failed",
  "payment.closed",
  "refund.succeeded",
  "refund.failed",
] as const;

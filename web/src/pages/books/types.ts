import type { Amount } from "../../api/types";

export interface Day {
  channel: string;
  account: string;
  /** YYYY-MM-DD */
  day: string;
  state: "AWAITED" | "KEPT" | "BROKEN" | "RECONCILED";
  lines: number;
  matched: number;
  differences: number;
  amount_off: Amount[];
}

export interface Side {
  amount: number | null;
  currency: string | null;
  status?: string | null;
}

export interface Difference {
  kind: string;
  request_no: string | null;
  pay_order_no: string | null;
  ours: Side | null;
  theirs: Side | null;
  case_ref: string | null;
  healed_at?: string | null;
  said?: string;
}

export interface Balance {
  account: string;
  currency: string;
  /** Debits minus credits. */
  amount: number;
}

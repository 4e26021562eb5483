import type { Amount } from "../../api/types";

export interface Day {
  channel: string;
  account: string;
  /** YYYY-MM-DD */
  day: string;
  state: "AWAITED" | "KEPT" | "BROKEN" | "RECONCILED";
  /** null: it was not compared yet. */
  lines: number | null;
  matched: number | null;
  pooled: number | null;
  differences: number | null;
  amount_off: Amount[];
  said: string;
  fetched_at: string | null;
  reconciled_at: string | null;
}

export interface Difference {
  kind: string;
  trade: string | null;
  request_no: string;
  pay_order_no: string | null;
  ours: Amount | null;
  theirs: Amount | null;
  our_status: string | null;
  channel_ref: string;
  said: string;
  found_at: string;
  healed_at: string | null;
  case_ref: string | null;
}

export interface Balance {
  account: string;
  currency: string;
  /** Debits minus credits. */
  amount: number;
  /** Of a trial balance: what stood there before the day, and what the day brought. */
  opening?: number;
  movement?: number;
}

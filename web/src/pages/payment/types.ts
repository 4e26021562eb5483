import type { Line } from "../payments/types";

export interface Whole extends Line {
  subject: string;
  coupon_no: string | null;
  coupon_amount: number;
  refunded_amount: number;
  convert_cause: string | null;
  card_id: string;
  resp_msg: string | null;
  expires_at: string;
  next_check_at: string | null;
}

export interface Leg {
  attempt_no: number;
  trans_type: string;
  channel: string;
  account: string;
  process_status: string;
  outcome: string | null;
  blame: string | null;
  request_no: string;
  channel_ref: string | null;
  amount: number;
  currency: string;
  resp_code: string | null;
  resp_msg: string | null;
  sent_at: string | null;
  answered_at: string | null;
  took_ms: number | null;
  enquiries: number;
}

export interface Act {
  act: "close" | "enquire" | "notices";
  may: boolean;
  allowed: boolean;
  says: string;
  says_zh: string;
}

export interface Details {
  payment: Whole;
  legs: Leg[];
  refunds: {
    refund_no: string;
    amount: number;
    currency: string;
    biz_status: string;
    created_at: string;
    finished_at: string | null;
  }[];
  postings: {
    at: string;
    entry: string;
    fact: string;
    account: string;
    side: "DEBIT" | "CREDIT";
    amount: number;
    currency: string;
  }[];
  notices: {
    notice_id: string;
    type: string;
    state: string;
    tries: number;
    next_at: string | null;
  }[];
  cases: { case_ref: string; kind: string; status: string }[];
  acts: Act[];
}

export interface Item {
  at: string;
  kind: string;
  title: string;
  detail: Record<string, unknown>;
}

/** An offer of a route decision: kept or dropped, by which stage, and why. */
export interface Candidate {
  channel: string;
  account: string;
  kept: boolean;
  stage: string;
  why: string;
  priority?: number;
  weight?: number;
}

export interface Entry {
  account: string;
  side: string;
  amount: number;
}

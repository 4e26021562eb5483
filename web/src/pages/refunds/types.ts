export interface Refund {
  refund_no: string;
  pay_order_no: string;
  kind: string;
  out_refund_no: string | null;
  amount: number;
  money_amount: number;
  coupon_amount: number;
  currency: string;
  reason: string | null;
  biz_status: string;
  resp_code: string;
  resp_msg: string;
  created_at: string;
  finished_at: string | null;
  biz_line: string;
  case_id: string | null;
  channel: string;
  account: string;
  original_request_no: string;
  channel_ref: string | null;
  outcome: string | null;
  sends: number;
  next_check_at: string | null;
}

export interface RefundDetails {
  refund: Refund;
  steps: { at: string; event: string; from_status: string; to_status: string; cause: string }[];
  messages: { at: string; kind: string; title: string; detail: Record<string, unknown> }[];
}

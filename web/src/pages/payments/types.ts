export interface Line {
  pay_order_no: string;
  biz_line: string;
  out_biz_no: string;
  biz_order_no: string | null;
  amount: number;
  payable_amount: number;
  currency: string;
  pay_type: string;
  biz_status: string;
  verify_status: string;
  converted: boolean;
  /** What a person must look at before anything goes on. */
  held: string | null;
  card_tail: string | null;
  phone_tail: string | null;
  bank: string | null;
  channel: string | null;
  resp_code: string | null;
  created_at: string;
  finished_at: string | null;
}

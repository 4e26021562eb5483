import type { Amount } from "../../api/types";

export interface Minute {
  at: string;
  succeeded: number;
  failed: number;
  converted: number;
}

export interface Place {
  channel: string;
  account: string;
  operation: string;
  tried: number;
  succeeded: number;
}

export interface Bank {
  bank: string;
  tried: number;
  succeeded: number;
}

interface Waiting {
  number: number;
  oldest_s: number | null;
}

export interface Overview {
  at: string;
  /** Opened, over the last ten seconds. */
  payments_per_s: number;
  /** The last sixty, the oldest first. */
  minutes: Minute[];
  /** Of the payments that were opened today, by UTC's day. */
  today: {
    /** Later than the day's beginning while a node that was just started still counts. */
    since: string;
    succeeded: number;
    failed: number;
    closed: number;
    doing: number;
    amounts: Amount[];
  };
  by_channel: Place[];
  by_bank: Bank[];
  /** Converted and paid: without the conversion they would have been lost. */
  rescued: { payments: number; amounts: Amount[] };
  unknown: Waiting;
  notices: Waiting;
  due: Waiting;
  cases: { kind: string; number: number }[];
}

export interface Going {
  operation: string;
  breaker: "CLOSED" | "OPEN" | "HALF_OPEN";
  calls: number;
  failures: number;
  p50_ms: number | null;
}

export interface Limit {
  name: string;
  used: number;
  limit: number;
}

export interface Window {
  window_id: string;
  from: string;
  to: string;
  why: string;
  by: string;
}

export interface Place {
  /** Of a carrier: its code, and no account. */
  channel?: string;
  carrier?: string;
  account?: string | null;
  name: string;
  enabled: boolean;
  limits: Limit[];
  /** Of accounts only. */
  operations?: Going[];
  windows?: Window[];
}

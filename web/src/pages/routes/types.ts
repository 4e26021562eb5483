export interface Rule {
  rule_id: string;
  title: string;
  /** CEL over the payment. */
  condition: string;
  effect: "DROP" | "PREFER";
  channel: string;
  /** null: every account of the channel. */
  account: string | null;
  enabled: boolean;
}

export interface Published {
  version: number;
  published_at: string | null;
  by: string | null;
  why: string | null;
  rules: Rule[];
}

/** A transaction type of an account: what a route leads to. */
export interface RouteType {
  inst_trans_id: string;
  channel: string;
  account: string;
  trans_type: string;
  currencies: string[];
  priority: number;
  weight: number;
  single_min: number;
  single_max: number | null;
  daily_limit: number | null;
  condition: string | null;
  enabled: boolean;
}

export interface Standing extends Published {
  types: RouteType[];
}

export interface VersionDetails extends Published {
  /** Of the one before; null: it was not there, or is not. */
  changes: { rule: string; before: Rule | null; after: Rule | null }[];
}

export interface Problems {
  problems: { rule: string; says: string }[];
}

export interface Candidate {
  inst_trans_id: string;
  channel: string;
  account: string;
  in: boolean;
  stage: string;
  why: string;
}

export interface Tried {
  /** Of the candidate. */
  chosen: string | null;
  cause: string;
  candidates: Candidate[];
}

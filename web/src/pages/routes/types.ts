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

export interface Problems {
  problems: { rule: string; says: string }[];
}

export interface Candidate {
  channel: string;
  account: string;
  in: boolean;
  why: string;
  stage?: string;
  preferred?: boolean;
  priority?: number;
  weight?: number;
}

export interface Tried {
  chosen: { channel: string; account: string } | null;
  candidates: Candidate[];
}

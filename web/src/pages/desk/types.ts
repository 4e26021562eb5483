export interface Case {
  case_ref: string;
  case_id: string;
  kind: string;
  pay_order_no: string | null;
  attempt_seq: number | null;
  amount: number | null;
  currency: string | null;
  status: "OPEN" | "CLOSED";
  owner: string;
  opened_at: string;
  closed_at: string | null;
  /** Cures that suit its kind, the best first. */
  suggested: string[];
}

export interface Cure {
  case_ref: string;
  number: number;
  cure: string;
  amount: number | null;
  currency: string | null;
  does: string;
  /** null: an older version previewed it. */
  does_zh: string | null;
  needs_second: boolean;
  status: "PREVIEWED" | "EXECUTED" | "DONE" | "FAILED";
  proposed_by: string;
  why: string;
  proposed_at: string;
  approved_by: string | null;
  approved_at: string | null;
  executed_by: string | null;
  executed_at: string | null;
  result: string;
  ended_at: string | null;
}

export interface Step {
  seq: number;
  at: string;
  who: string;
  what: string;
  why: string;
  cure_number: number | null;
  said: string;
}

export interface CaseDetails extends Case {
  evidence: Record<string, unknown>;
  cures: Cure[];
  steps: Step[];
}

/** Who has a case that nobody has taken. */
export const NOBODY = "operations";

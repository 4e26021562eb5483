// Shapes of the API's answers that more than one page shows.

export type Right = "READ" | "ACT" | "APPROVE" | "CONFIGURE" | "ADMINISTER";

export interface Session {
  name: string;
  role: string;
  may: Right[];
  expires_at: string;
}

export interface Listed<T> {
  items: T[];
  next: string | null;
  /** Back to when was looked, where not to the end: there may be more behind it. */
  searched_from?: string | null;
}

/** What an act on a payment answers. */
export interface PaymentActed {
  biz_status: string;
  says: string;
  says_zh: string;
}

export interface Amount {
  currency: string;
  amount: number;
}

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
}

export interface Amount {
  currency: string;
  amount: number;
}

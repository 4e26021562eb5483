// Bad news: the API's problem documents, and what else keeps an answer from coming.

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly field: string | undefined;
  readonly retryAfterS: number | undefined;

  constructor(said: {
    status: number;
    code: string;
    title: string;
    detail?: string;
    field?: string;
    retryAfterS?: number;
  }) {
    super(said.title);
    this.name = "Problem";
    this.status = said.status;
    this.code = said.code;
    this.detail = said.detail ?? said.title;
    this.field = said.field;
    this.retryAfterS = said.retryAfterS;
  }
}

/** No answer came: whether anything was done is not known. */
export const NO_ANSWER = "NO_ANSWER";
/** An answer came that is none of ours: a proxy's page, for instance. */
export const STRANGE_ANSWER = "STRANGE_ANSWER";
/** The API's: this was done before, and what it made is shown once only. */
export const SHOWN_ONCE = "SHOWN_ONCE";

export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({ status: 0, code: STRANGE_ANSWER, title: String(error) });
}

/** What an answer that is not 2xx says. */
export async function refused(answer: Response): Promise<Problem> {
  const retry = Number(answer.headers.get("retry-after"));
  const retryAfterS = Number.isFinite(retry) && retry > 0 ? retry : undefined;
  const body: unknown = await answer.json().catch(() => null);
  if (typeof body !== "object" || body === null || !("code" in body)) {
    return new Problem({
      status: answer.status,
      code: STRANGE_ANSWER,
      title: `HTTP ${answer.status}`,
      retryAfterS,
    });
  }
  const said = body as Record<string, unknown>;
  const text = (name: string) =>
    typeof said[name] === "string" ? (said[name] as string) : undefined;
  return new Problem({
    status: answer.status,
    code: text("code") ?? STRANGE_ANSWER,
    title: text("title") ?? `HTTP ${answer.status}`,
    detail: text("detail"),
    field: text("field"),
    retryAfterS,
  });
}

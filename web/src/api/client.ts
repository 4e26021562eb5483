// The one way to the API. Everything the console knows and does goes through here.
import { currentLanguage } from "../text/language";
import { NO_ANSWER, Problem, refused } from "./problem";

export type Query = Record<string, string | number | boolean | undefined | null>;

interface Asked {
  query?: Query;
  body?: unknown;
  /** Of an act: the same key for the same act, however often it is sent. */
  key?: string;
  signal?: AbortSignal;
}

const WITHIN_MS = 30_000;

let sessionEnded: () => void = () => undefined;

/** Called when the API no longer knows who we are. */
export function onSessionEnd(then: () => void): void {
  sessionEnded = then;
}

export function get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  return call<T>("GET", path, { query, signal });
}

export async function call<T>(method: string, path: string, asked: Asked): Promise<T> {
  const answer = await sent(method, path, asked);
  if (!answer.ok) {
    const problem = await refused(answer);
    if (problem.status === 401 && !path.startsWith("/console/")) sessionEnded();
    throw problem;
  }
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

async function sent(method: string, path: string, asked: Asked): Promise<Response> {
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": currentLanguage(),
  };
  if (asked.key !== undefined) headers["Idempotency-Key"] = asked.key;
  if (asked.body !== undefined) headers["Content-Type"] = "application/json";
  const limit = AbortSignal.timeout(WITHIN_MS);
  try {
    return await fetch(address(path, asked.query), {
      method,
      headers,
      body: asked.body === undefined ? undefined : JSON.stringify(asked.body),
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
      signal: asked.signal ? AbortSignal.any([asked.signal, limit]) : limit,
    });
  } catch (error) {
    if (asked.signal?.aborted) throw error;
    throw new Problem({ status: 0, code: NO_ANSWER, title: NO_ANSWER });
  }
}

export function address(path: string, query?: Query): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== "") {
      given.set(name, String(value));
    }
  }
  const text = given.toString();
  return text === "" ? path : `${path}?${text}`;
}

/** A key that nobody guesses; `crypto.randomUUID` is missing where there is no TLS. */
export function newKey(): string {
  const octets = crypto.getRandomValues(new Uint8Array(16));
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

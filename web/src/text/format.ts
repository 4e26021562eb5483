// Amounts, times and durations as people read them.
import type { Language } from "./language";
import { said } from "./index";
import { words } from "./words";

const EXPONENTS: Record<string, number> = {
  BHD: 3, BIF: 0, CLP: 0, CLF: 4, DJF: 0, GNF: 0, IQD: 3, ISK: 0, JOD: 3, JPY: 0,
  KMF: 0, KRW: 0, KWD: 3, LYD: 3, OMR: 3, PYG: 0, RWF: 0, TND: 3, UGX: 0, UYI: 0,
  UYW: 4, VND: 0, VUV: 0, XAF: 0, XOF: 0, XPF: 0,
};

/** Digits after the point, by ISO 4217: two where nothing else is said. */
export function exponentOf(currency: string): number {
  return EXPONENTS[currency] ?? 2;
}

/** Minor units as digits with a point: never by way of a fraction. */
export function amountText(minor: number, currency: string): string {
  const exponent = exponentOf(currency);
  const digits = String(Math.abs(minor)).padStart(exponent + 1, "0");
  const whole = digits.slice(0, digits.length - exponent);
  const sign = minor < 0 ? "−" : "";
  return exponent === 0
    ? sign + grouped(whole)
    : `${sign}${grouped(whole)}.${digits.slice(-exponent)}`;
}

/** Millionths of a unit, as carriers' prices are: two digits after the point, and more
 * only where there are more. */
export function millionthsText(millionths: number): string {
  const digits = String(millionths).padStart(7, "0");
  return `${grouped(digits.slice(0, -6))}.${digits.slice(-6).replace(/0{1,4}$/, "")}`;
}

function grouped(whole: string): string {
  return whole.replace(/\B(?=(\d{3})+$)/g, ",");
}

/** What a person typed, in minor units; undefined of what is no amount. */
export function minorOf(text: string, currency: string): number | undefined {
  const exponent = exponentOf(currency);
  const parts = /^(\d{1,12})(?:\.(\d+))?$/.exec(text.trim().replaceAll(",", ""));
  if (parts === null) return undefined;
  const rest = parts[2] ?? "";
  if (rest.length > exponent) return undefined;
  return Number(parts[1] + rest.padEnd(exponent, "0"));
}

const LOCALES = { en: "en-GB", zh: "zh-CN" } as const;

/** The year where it is another one. */
export function timeText(at: string, language: Language, seconds = true): string {
  const time = new Date(at);
  const thisYear = time.getFullYear() === new Date().getFullYear();
  return new Intl.DateTimeFormat(LOCALES[language], {
    year: thisYear ? undefined : "numeric",
    month: language === "zh" ? "2-digit" : "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: seconds ? "2-digit" : undefined,
    hourCycle: "h23",
  }).format(time);
}

/** The time of day with milliseconds, for what follows each other closely. */
export function clockText(at: string): string {
  const time = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  const ms = String(time.getMilliseconds()).padStart(3, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${ms}`;
}

/** The day in UTC, by which the API counts. */
export function dayText(at: string): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** The time of day in UTC. */
export function utcText(at: string): string {
  return new Date(at).toISOString().slice(11, 16);
}

export function durationText(seconds: number, language: Language): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 120) return said(words.seconds, language, { n: s });
  if (s < 7200) return said(words.minutes, language, { n: Math.round(s / 60) });
  if (s < 172_800) return said(words.hours, language, { n: Math.round(s / 3600) });
  return said(words.days, language, { n: Math.round(s / 86_400) });
}

export function numberText(value: number, language: Language, digits = 0): string {
  return new Intl.NumberFormat(LOCALES[language], {
    maximumFractionDigits: digits,
    minimumFractionDigits: digits,
  }).format(value);
}

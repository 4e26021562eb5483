import type { Section } from "../../parts/Sections";
import { said } from "./texts";

export const AT = "/v1/console/books";

export const SECTIONS: readonly Section[] = [
  { to: "/books", title: said.days },
  { to: "/books/balances", title: said.balances },
  { to: "/books/postings", title: said.postings },
  { to: "/books/trial-balance", title: said.trial },
];

// Filters stand in the page's address, so that what one sees can be sent to a colleague.
import { useMemo } from "react";
import { useSearchParams } from "react-router";

import type { Text } from "../text";
import { holdsSecret } from "./secrets";
import { WORK } from "./work";

interface Common {
  label: Text;
  /** Shown where it is used, or where all filters are asked for. */
  rare?: boolean;
}

export type Filter = Common & Kind;

type Kind =
  | { kind: "search"; name: string; hint?: Text; wide?: boolean }
  | { kind: "choice"; name: string; options: readonly Option[] }
  /** Two parameters, `from` and `to`, as times. */
  | { kind: "days"; name: "from" }
  /** Two parameters, as minor units of the currency that is chosen. */
  | { kind: "amounts"; name: "amount" };

export interface Option {
  value: string;
  label: Text | string;
}

export type Chosen = Record<string, string>;

export function parametersOf(filter: Filter): string[] {
  if (filter.kind === "days") return ["from", "to"];
  if (filter.kind === "amounts") return ["amount_from", "amount_to"];
  return [filter.name];
}

export function useFilters(filters: readonly Filter[]): {
  chosen: Chosen;
  choose: (changes: Record<string, string | undefined>) => void;
  replace: (chosen: Chosen) => void;
} {
  const [search, setSearch] = useSearchParams();
  return useMemo(() => {
    const chosen: Chosen = {};
    for (const name of filters.flatMap(parametersOf)) {
      const value = search.get(name);
      // Whoever pasted an address with a whole card number in it does not send it on.
      if (value && !holdsSecret(value)) chosen[name] = value;
    }
    function replace(next: Chosen) {
      const kept = Object.entries(next).filter(([, value]) => !holdsSecret(value));
      const work = search.get(WORK);
      if (work !== null) kept.push([WORK, work]);
      setSearch(new URLSearchParams(kept), { replace: true });
    }
    function choose(changes: Record<string, string | undefined>) {
      const next: Chosen = { ...chosen };
      for (const [name, value] of Object.entries(changes)) {
        if (value) next[name] = value;
        else delete next[name];
      }
      replace(next);
    }
    return { chosen, choose, replace };
  }, [search, setSearch, filters]);
}

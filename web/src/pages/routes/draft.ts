// The rules that somebody is working on: they outlive a look at another page, not the tab.
import { useSyncExternalStore } from "react";

import type { Rule } from "./types";

export interface Draft {
  /** The version that it was begun from. */
  on: number;
  rules: Rule[];
}

let kept: Draft | null = null;
const told = new Set<() => void>();

export function keepDraft(draft: Draft | null): void {
  kept = draft;
  for (const tell of told) tell();
}

export function useDraft(): Draft | null {
  return useSyncExternalStore(
    (tell) => {
      told.add(tell);
      return () => told.delete(tell);
    },
    () => kept,
  );
}

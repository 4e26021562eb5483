// What is asked for once and shown whole: waiting, refused, or there. The answer to
// another question is never shown meanwhile, be it of the same page.
import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import type { ReactNode } from "react";

import { get, type Query } from "../api/client";
import type { Listed } from "../api/types";
import { ProblemNote } from "./ProblemNote";

export function useAsked<T>(path: string, query?: Query, everyMs?: number | ((data?: T) => number | false)) {
  return useQuery({
    queryKey: [path, query ?? {}],
    queryFn: ({ signal }) => get<T>(path, query, signal),
    refetchInterval:
      typeof everyMs === "function" ? ({ state }) => everyMs(state.data) : everyMs,
  });
}

const PAGE = 100;
const MOST_PAGES = 20;

/** A list that is shown whole, however many pages it has; `next` where that were too
 * many. */
export function useWhole<T>(path: string, everyMs?: number) {
  return useQuery({
    queryKey: [path, "whole"],
    queryFn: ({ signal }) => whole<T>(path, signal),
    refetchInterval: everyMs,
  });
}

async function whole<T>(path: string, signal: AbortSignal): Promise<Listed<T>> {
  const items: T[] = [];
  let next: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const got: Listed<T> = await get(path, { limit: PAGE, cursor: next }, signal);
    items.push(...got.items);
    next = got.next;
    if (next === null) break;
  }
  return { items, next };
}

export function Asked<T>({ of, rows = 6, children }: {
  of: ReturnType<typeof useAsked<T>>;
  /** Of the grey lines that stand for it. */
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  return (
    <>
      {of.isError && (
        <ProblemNote problem={of.error} reading again={() => void of.refetch()} />
      )}
      {of.isPending && <Skeleton active paragraph={{ rows }} />}
      {of.data !== undefined && children(of.data)}
    </>
  );
}

// What is asked for once and shown whole: waiting, refused, or there. The answer to
// another question is never shown meanwhile, be it of the same page.
import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import type { ReactNode } from "react";

import { get, type Query } from "../api/client";
import { ProblemNote } from "./ProblemNote";

export function useAsked<T>(path: string, query?: Query, everyMs?: number | ((data?: T) => number | false)) {
  return useQuery({
    queryKey: [path, query ?? {}],
    queryFn: ({ signal }) => get<T>(path, query, signal),
    refetchInterval:
      typeof everyMs === "function" ? ({ state }) => everyMs(state.data) : everyMs,
  });
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

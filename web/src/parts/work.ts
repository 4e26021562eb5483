// The long work that a page shows stands in its address: a reload, or whoever is sent the
// address, still sees how far it is.
import { useCallback } from "react";
import { useSearchParams } from "react-router";

export const WORK = "work";
const OURS = /^wk_[0-9a-f]{1,64}$/;

export function useWork(): [string | null, (workId: string | null) => void] {
  const [search, setSearch] = useSearchParams();
  const named = search.get(WORK);
  const show = useCallback(
    (workId: string | null) =>
      setSearch(
        (now) => {
          const next = new URLSearchParams(now);
          if (workId === null) next.delete(WORK);
          else next.set(WORK, workId);
          return next;
        },
        { replace: true },
      ),
    [setSearch],
  );
  return [named !== null && OURS.test(named) ? named : null, show];
}

// A table that may be wider than the page.
import { useCallback, type ReactNode } from "react";

import { useReachable } from "./reachable";

export function Scroll({ label, atEnd = false, children }: {
  label: string;
  /** What is newest stands on the right: begin there. */
  atEnd?: boolean;
  children: ReactNode;
}) {
  const reachable = useReachable();
  const box = useCallback(
    (own: HTMLDivElement | null) => {
      if (own && atEnd) own.scrollLeft = own.scrollWidth;
      return reachable(own);
    },
    [atEnd, reachable],
  );
  return (
    <div ref={box} className="scroll" role="group" aria-label={label}>
      {children}
    </div>
  );
}

// What is wider than its place can be pushed by keyboard too: then it takes the focus.
import { useCallback } from "react";

type Ref = (box: HTMLElement | null) => (() => void) | undefined;

/** Of the box itself, or of what `within` names in it. */
export function useReachable(within?: string): Ref {
  return useCallback(
    (box) => {
      if (!box) return undefined;
      const look = () => {
        const at = within ? box.querySelector<HTMLElement>(within) : box;
        if (!at) return;
        if (at.scrollWidth > at.clientWidth) at.tabIndex = 0;
        else at.removeAttribute("tabindex");
      };
      const sized = new ResizeObserver(look);
      sized.observe(box);
      for (const child of box.children) sized.observe(child);
      look();
      return () => sized.disconnect();
    },
    [within],
  );
}

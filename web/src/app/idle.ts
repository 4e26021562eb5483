// Who went away from the screen is logged out: a page that asks by itself, as the
// overview does, would keep the session alive for him.
import { useEffect } from "react";

import { useKnown } from "./session";

const IDLE_MS = 30 * 60_000;
const LOOK_MS = 15_000;
const SIGNS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"] as const;

export function useIdleEnd(): void {
  const { end } = useKnown();
  useEffect(() => {
    let last = Date.now();
    const sign = () => {
      last = Date.now();
    };
    for (const name of SIGNS) addEventListener(name, sign, { passive: true });
    const timer = setInterval(() => {
      if (Date.now() - last > IDLE_MS) end();
    }, LOOK_MS);
    return () => {
      clearInterval(timer);
      for (const name of SIGNS) removeEventListener(name, sign);
    };
  }, [end]);
}

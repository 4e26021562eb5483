// A table that may be wider than the page: where it is, it can be pushed by keyboard too.
import { useEffect, useRef, useState, type ReactNode } from "react";

export function Scroll({ label, atEnd = false, children }: {
  label: string;
  /** What is newest stands on the right: begin there. */
  atEnd?: boolean;
  children: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const at = box.current;
    if (!at) return undefined;
    const sized = new ResizeObserver(() => setWide(at.scrollWidth > at.clientWidth));
    sized.observe(at);
    if (atEnd) at.scrollLeft = at.scrollWidth;
    if (at.firstElementChild) sized.observe(at.firstElementChild);
    return () => sized.disconnect();
  }, [atEnd]);
  return (
    <div
      ref={box}
      className="scroll"
      role="group"
      aria-label={label}
      tabIndex={wide ? 0 : undefined}
    >
      {children}
    </div>
  );
}

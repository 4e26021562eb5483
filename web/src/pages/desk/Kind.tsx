import { useText } from "../../text";
import { cases } from "../../text/cases";

/** A kind of case, as people call it; its code on the title. */
export function Kind({ code }: { code: string }) {
  const t = useText();
  const known = cases[code];
  return <span title={code}>{known ? t(known) : code}</span>;
}

// Pages that belong together: a line of links under the heading.
import { NavLink } from "react-router";

import { useText, type Text } from "../text";

export interface Section {
  /** `/books/balances` */
  to: string;
  title: Text;
}

export function Sections({ of, label }: { of: readonly Section[]; label: string }) {
  const t = useText();
  return (
    <nav className="sections" aria-label={label}>
      {of.map(({ to, title }) => (
        <NavLink key={to} to={to} end>
          {t(title)}
        </NavLink>
      ))}
    </nav>
  );
}

// What routes lead to: each kind of call at each account, in the order of their priority.
import { Scroll } from "../../parts/Scroll";
import { Name } from "../../parts/Show";
import { useText } from "../../text";
import { amountText } from "../../text/format";
import { said } from "./texts";
import type { RouteType } from "./types";

export function Types({ of }: { of: readonly RouteType[] }) {
  const t = useText();
  const sorted = of.toSorted(
    (a, b) => a.trans_type.localeCompare(b.trans_type) || a.priority - b.priority,
  );
  return (
    <Scroll label={t(said.types)}>
      <table className="plain rules" aria-label={t(said.types)}>
        <thead>
          <tr>
            <th scope="col">{t(said.transType)}</th>
            <th scope="col">{t(said.place)}</th>
            <th scope="col" className="right">
              {t(said.priority)}
            </th>
            <th scope="col" className="right">
              {t(said.weight)}
            </th>
            <th scope="col">{t(said.currency)}</th>
            <th scope="col" className="right">
              {t(said.each)}
            </th>
            <th scope="col" className="right">
              {t(said.daily)}
            </th>
            <th scope="col">{t(said.condition)}</th>
            <th scope="col">{t(said.enabled)}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((one) => (
            <tr key={one.inst_trans_id} className={one.enabled ? "" : "gone"}>
              <td title={one.inst_trans_id}>
                <Name code={one.trans_type} />
              </td>
              <td>
                {one.channel}
                <span className="quiet"> / {one.account}</span>
              </td>
              <td className="right">{one.priority}</td>
              <td className="right">{one.weight}</td>
              <td>{one.currencies.join(", ")}</td>
              <td className="right">{rangeText(one)}</td>
              <td className="right">{sumText(one.daily_limit, one)}</td>
              <td className="rule-where">{one.condition ? <code>{one.condition}</code> : "—"}</td>
              <td>{t(one.enabled ? said.yes : said.off)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function rangeText(one: RouteType): string {
  return `${sumText(one.single_min, one)} – ${sumText(one.single_max, one)}`;
}

/** Limits are the same number of minor units in each currency: shown as of the first. */
function sumText(amount: number | null, { currencies }: RouteType): string {
  return amount === null ? "∞" : amountText(amount, currencies[0] ?? "CNY");
}

// Balances by account and currency, in the chart's groups, with the sum of each currency.
import { Link } from "react-router";

import { Scroll } from "../../parts/Scroll";
import { useText } from "../../text";
import { amountText } from "../../text/format";
import "./page.css";
import { said } from "./texts";
import type { Balance } from "./types";

type Group = "assets" | "costs" | "liabilities" | "suspense" | "others";

const GROUPS: Record<string, Group> = {
  channel_receivable: "assets",
  available: "assets",
  marketing_cost: "costs",
  channel_fee: "costs",
  differences: "costs",
  merchant_pending: "liabilities",
  payer_pending: "liabilities",
  suspense_long: "suspense",
  suspense_short: "suspense",
};
const ORDER: readonly Group[] = ["assets", "costs", "liabilities", "suspense", "others"];

export function Accounts({ of, label }: { of: readonly Balance[]; label: string }) {
  const t = useText();
  const group = ({ account }: Balance) => GROUPS[account.split(":")[0] ?? ""] ?? "others";
  const full = of.some((one) => one.opening !== undefined);
  const currencies = [...new Set(of.map((one) => one.currency))].toSorted();
  return (
    <Scroll label={label}>
      <table className="plain" aria-label={label}>
        <thead>
          <tr>
            <th scope="col">{t(said.account)}</th>
            <th scope="col">{t(said.currency)}</th>
            {full && (
              <>
                <th scope="col" className="right">
                  {t(said.opening)}
                </th>
                <th scope="col" className="right">
                  {t(said.movement)}
                </th>
              </>
            )}
            <th scope="col" className="right">
              {t(said.debit)}
            </th>
            <th scope="col" className="right">
              {t(said.credit)}
            </th>
          </tr>
        </thead>
        {ORDER.map((name) => {
          const rows = of.filter((one) => group(one) === name);
          return (
            rows.length > 0 && (
              <tbody key={name}>
                <tr className="accounts-group">
                  <th scope="rowgroup" colSpan={full ? 6 : 4}>
                    {t(said[name])}
                  </th>
                </tr>
                {rows.map((one) => (
                  <Row key={`${one.account}/${one.currency}`} one={one} full={full} />
                ))}
              </tbody>
            )
          );
        })}
        <tbody>
          {currencies.map((currency) => (
            <Sum key={currency} currency={currency} of={of} full={full} />
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

function Row({ one, full }: { one: Balance; full: boolean }) {
  const { account, currency, amount } = one;
  return (
    <tr>
      <td>
        <Link to={`/books/postings?account=${encodeURIComponent(account)}`}>
          <code>{account}</code>
        </Link>
      </td>
      <td className="quiet">{currency}</td>
      {full && (
        <>
          <td className="right">{amountText(one.opening ?? 0, currency)}</td>
          <td className="right">{amountText(one.movement ?? 0, currency)}</td>
        </>
      )}
      <td className="right">{amount > 0 && amountText(amount, currency)}</td>
      <td className="right">{amount < 0 && amountText(-amount, currency)}</td>
    </tr>
  );
}

function Sum({ currency, of, full }: {
  currency: string;
  of: readonly Balance[];
  full: boolean;
}) {
  const t = useText();
  const own = of.filter((one) => one.currency === currency);
  const total = (sign: 1 | -1) =>
    own.reduce((sum, { amount }) => sum + Math.max(0, sign * amount), 0);
  return (
    <tr className="accounts-sum">
      <td>{t(said.sum)}</td>
      <td>{currency}</td>
      {full && <td colSpan={2} />}
      <td className="right">{amountText(total(1), currency)}</td>
      <td className="right">{amountText(total(-1), currency)}</td>
    </tr>
  );
}

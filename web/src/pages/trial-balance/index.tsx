// Whether the books add up, now or at the end of a day.
import { Alert, DatePicker } from "antd";
import dayjs from "dayjs";
import { useSearchParams } from "react-router";

import { Asked, useAsked } from "../../parts/Asked";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { useText } from "../../text";
import { Accounts } from "../books/Accounts";
import { AT, SECTIONS } from "../books/sections";
import { said } from "../books/texts";
import type { Balance } from "../books/types";

interface Tried {
  day: string | null;
  accounts: (Omit<Balance, "amount"> & { debit: number; credit: number })[];
  sums: { currency: string; balanced: boolean }[];
}

export default function TrialBalance() {
  const t = useText();
  const [search, setSearch] = useSearchParams();
  const day = search.get("day") ?? undefined;
  const asked = useAsked<Tried>(`${AT}/trial-balance`, { day });
  return (
    <Page
      title={t(said.title)}
      actions={
        <DatePicker
          aria-label={t(said.endOf)}
          placeholder={t(said.now)}
          value={day ? dayjs(day) : null}
          maxDate={dayjs()}
          onChange={(at) => setSearch(at ? { day: at.format("YYYY-MM-DD") } : {})}
        />
      }
    >
      <Sections of={SECTIONS} label={t(said.title)} />
      <Asked of={asked}>
        {({ sums, accounts }) => {
          const wrong = sums.filter((one) => !one.balanced).map((one) => one.currency);
          return (
            <>
              <Alert
                className="problem"
                showIcon
                type={wrong.length === 0 ? "success" : "error"}
                title={
                  wrong.length === 0
                    ? t(said.balanced)
                    : t(said.unbalanced, { list: wrong.join(", ") })
                }
              />
              <Panel flush>
                <Accounts
                  of={accounts.map((one) => ({ ...one, amount: one.debit - one.credit }))}
                  label={t(said.trial)}
                />
              </Panel>
            </>
          );
        }}
      </Asked>
    </Page>
  );
}

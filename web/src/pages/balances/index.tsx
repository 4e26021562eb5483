// What stands on each account of the books, grouped as the chart has them.
import { Empty } from "antd";

import type { Listed } from "../../api/types";
import { Asked, useAsked } from "../../parts/Asked";
import { Page, Panel } from "../../parts/Page";
import { Sections } from "../../parts/Sections";
import { useText } from "../../text";
import { Accounts } from "../books/Accounts";
import { AT, SECTIONS } from "../books/sections";
import { said } from "../books/texts";
import type { Balance } from "../books/types";

export default function Balances() {
  const t = useText();
  const asked = useAsked<Listed<Balance>>(`${AT}/balances`, { limit: 100 }, 10_000);
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <p className="intro">{t(said.balanceHint)}</p>
      <Asked of={asked}>
        {({ items }) => (
          <Panel flush={items.length > 0}>
            {items.length === 0 ? (
              <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(said.noBalances)} />
            ) : (
              <Accounts of={items} label={t(said.balances)} />
            )}
          </Panel>
        )}
      </Asked>
    </Page>
  );
}

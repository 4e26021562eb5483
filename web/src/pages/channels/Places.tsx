// Where calls go: how they go there, what is left of its limits, and whether any go at all.
import { Empty } from "antd";
import { useState } from "react";

import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useWhole } from "../../parts/Asked";
import { Page, Panel } from "../../parts/Page";
import { Sections, type Section } from "../../parts/Sections";
import { useText } from "../../text";
import { words } from "../../text/words";
import "./page.css";
import { Card } from "./Card";
import { said } from "./texts";
import type { Place } from "./types";

const SECTIONS: readonly Section[] = [
  { to: "/channels", title: said.accounts },
  { to: "/channels/carriers", title: said.carriers },
];

export function Places({ kind }: { kind: "channels" | "carriers" }) {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const at = `/v1/console/${kind}`;
  const asked = useWhole<Place>(at, 5_000);
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <Asked of={asked} rows={10}>
        {({ items, next }) => (
          <>
            {items.length === 0 && (
              <Panel>
                <Empty
                  image={Empty.PRESENTED_IMAGE_SIMPLE}
                  description={t(kind === "channels" ? said.none : said.noneCarrier)}
                />
              </Panel>
            )}
            <div className="places">
              {items.map((place) => (
                <Card key={keyOf(place)} place={place} at={`${at}/${keyOf(place)}`} open={setAct} />
              ))}
            </div>
            {next && <p>{t(words.firstOnly, { n: items.length })}</p>}
            {items.length > 0 && <p className="quiet small">{t(said.perNode)}</p>}
          </>
        )}
      </Asked>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function keyOf({ channel, carrier, account }: Place): string {
  return [channel ?? carrier, account].filter(Boolean).join("/");
}

// What runs: versions, nodes, the database, and the settings that are in force.
import { SearchOutlined } from "@ant-design/icons";
import { Checkbox, Input } from "antd";
import { useState } from "react";

import { Asked, useAsked } from "../../parts/Asked";
import { Facts, Page, Panel } from "../../parts/Page";
import { Scroll } from "../../parts/Scroll";
import { Pill, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import type { Language } from "../../text/language";
import { said } from "./texts";

const EVERY_MS = 10_000;
/** A node that said nothing for so long is taken for gone. */
const SILENT_MS = 60_000;
const UNITS = ["KiB", "MiB", "GiB", "TiB"];
const DEFAULT = "default";

interface System {
  version: string;
  nodes: Node[];
  database: { version: string; size: number; migrations: string[] };
  settings: Setting[];
}

interface Node {
  node: string;
  life: number;
  slot: number;
  since: string;
  beat_at: string;
  died_at: string | null;
}

interface Setting {
  name: string;
  value: string;
  from: string;
}

export default function SystemPage() {
  const t = useText();
  const { language } = useLanguage();
  const asked = useAsked<System>("/v1/console/system", undefined, EVERY_MS);
  return (
    <Page title={t(said.title)}>
      <Asked of={asked} rows={10}>
        {({ version, database, nodes, settings }) => (
          <>
            <Panel>
              <Facts
                items={[
                  [t(said.version), `paycore ${version}`],
                  [t(said.database), `PostgreSQL ${database.version}`],
                  [
                    t(said.size),
                    sizeText(database.size, language),
                  ],
                  [t(said.migrations), numberText(database.migrations.length, language)],
                  [t(said.nodes), numberText(nodes.filter((one) => alive(one)).length, language)],
                ]}
              />
            </Panel>
            <Panel title={t(said.nodes)} flush>
              <Scroll label={t(said.nodes)}>
                <table className="plain" aria-label={t(said.nodes)}>
                  <thead>
                    <tr>
                      <th scope="col">{t(said.node)}</th>
                      <th scope="col" className="right">
                        {t(said.life)}
                      </th>
                      <th scope="col">{t(said.state)}</th>
                      <th scope="col">{t(said.since)}</th>
                      <th scope="col">{t(said.beat)}</th>
                    </tr>
                  </thead>
                  <tbody>
                    {nodes.map((one) => (
                      <tr key={one.life} className={alive(one) ? "" : "gone"}>
                        <td>
                          <b>{one.node}</b>
                        </td>
                        <td className="right">{one.life}</td>
                        <td>
                          <Pill tone={alive(one) ? "good" : "calm"}>
                            {t(alive(one) ? said.alive : said.gone)}
                          </Pill>
                        </td>
                        <td>
                          <Time at={one.since} />
                        </td>
                        <td>
                          <Time at={one.beat_at} ago />
                        </td>
                      </tr>
                    ))}
                  </tbody>
                </table>
              </Scroll>
            </Panel>
            <Settings of={settings} />
          </>
        )}
      </Asked>
    </Page>
  );
}

function alive({ died_at: died, beat_at: beat }: Node): boolean {
  return died === null && Date.now() - Date.parse(beat) < SILENT_MS;
}

function sizeText(octets: number, language: Language): string {
  const steps = Math.min(UNITS.length, Math.max(1, Math.floor(Math.log2(octets + 1) / 10)));
  return `${numberText(octets / 1024 ** steps, language, 1)} ${UNITS[steps - 1]}`;
}

function Settings({ of }: { of: Setting[] }) {
  const t = useText();
  const [text, setText] = useState("");
  const [only, setOnly] = useState(false);
  const wanted = text.trim().toUpperCase();
  const shown = of.filter(
    (one) => one.name.includes(wanted) && !(only && one.from === DEFAULT),
  );
  return (
    <Panel
      flush
      title={t(said.settings)}
      extra={
        <>
          <Checkbox checked={only} onChange={(event) => setOnly(event.target.checked)}>
            {t(said.only)}
          </Checkbox>
          <Input
            size="small"
            allowClear
            prefix={<SearchOutlined aria-hidden="true" />}
            aria-label={t(said.search)}
            placeholder={t(said.search)}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        </>
      }
    >
      <Scroll label={t(said.settings)}>
        <table className="plain" aria-label={t(said.settings)}>
          <thead>
            <tr>
              <th scope="col">{t(said.name)}</th>
              <th scope="col">{t(said.value)}</th>
              <th scope="col">{t(said.from)}</th>
            </tr>
          </thead>
          <tbody>
            {shown.length === 0 && (
              <tr>
                <td colSpan={3} className="quiet">
                  {t(said.none)}
                </td>
              </tr>
            )}
            {shown.map((one) => (
              <tr key={one.name}>
                <td>
                  <code>{one.name}</code>
                </td>
                <td className="wraps">
                  {one.value === "" ? <span className="quiet">—</span> : <code>{one.value}</code>}
                </td>
                <td className="quiet">{one.from}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

// Who calls us, and with which keys. A key is shown once, when it is made.
import { Form, Input } from "antd";
import { useMemo, useState } from "react";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useWhole } from "../../parts/Asked";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { Page, Panel } from "../../parts/Page";
import { SecretOnce } from "../../parts/SecretOnce";
import { Pill, Time } from "../../parts/Show";
import { useText } from "../../text";
import { words } from "../../text/words";
import { said } from "./texts";

const AT = "/v1/console/lines";
const LABEL_MAX = 64;

interface Line {
  biz_line: string;
  title: string;
  language: "zh" | "en";
  currencies: string[];
  enabled: boolean;
  always_converted: boolean;
}

interface Key {
  key_id: string;
  label: string;
  created_at: string;
  disabled_at: string | null;
}

interface Made {
  line: string;
  key: string;
}

export default function Lines() {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const columns = useColumns();
  return (
    <Page title={t(said.title)}>
      <Panel flush>
        <CursorTable<Line>
          path={AT}
          columns={columns}
          rowKey={(line) => line.biz_line}
          rowClassName={(line) => (line.enabled ? "" : "gone")}
          label={t(said.title)}
          empty={t(said.none)}
          expandable={{
            expandedRowRender: ({ biz_line: line }) => (
              <Keys
                line={line}
                open={setAct}
                shown={(key) => setMade({ line, key })}
              />
            ),
            columnWidth: 40,
            columnTitle: <span className="heard">{t(said.keys)}</span>,
            expandRowByClick: true,
          }}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
      <SecretOnce
        title={t(said.secret, { line: made?.line ?? "" })}
        secret={made?.key ?? null}
        hint={t(said.secretHint)}
        done={() => setMade(null)}
      />
    </Page>
  );
}

function Keys({ line, open, shown }: {
  line: string;
  open: (act: Act) => void;
  shown: (key: string) => void;
}) {
  const t = useText();
  const at = `${AT}/${line}/keys`;
  const asked = useWhole<Key>(at);
  return (
    <div className="opened">
      <Asked of={asked} rows={2}>
        {({ items, next }) => (
          <>
            {items.length === 0 && <p className="quiet">{t(said.noKeys)}</p>}
            {items.length > 0 && (
              <table className="plain" aria-label={t(said.keysOf, { line })}>
                <thead>
                  <tr>
                    <th scope="col">{t(said.key)}</th>
                    <th scope="col">{t(said.label)}</th>
                    <th scope="col">{t(said.state)}</th>
                    <th scope="col">{t(said.made)}</th>
                    <th scope="col">{t(said.revoked)}</th>
                    <th scope="col">
                      <span className="heard">{t(said.acts)}</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {items.map((key) => (
                    <OneKey key={key.key_id} of={key} line={line} at={at} open={open} />
                  ))}
                </tbody>
              </table>
            )}
            {next && <p>{t(words.firstOnly, { n: items.length })}</p>}
          </>
        )}
      </Asked>
      <ActButton
        needs="ADMINISTER"
        size="small"
        onClick={() =>
          open({
            title: t(said.make),
            will: t(said.makeWill, { line }),
            path: at,
            fields: <Label />,
            then: (answer) => shown((answer as { api_key: string }).api_key),
            silent: true,
          })
        }
      >
        {t(said.make)}
      </ActButton>
    </div>
  );
}

function Label() {
  const t = useText();
  return (
    <Form.Item
      name="label"
      label={t(said.label)}
      extra={t(said.labelHint)}
      rules={[{ required: true, whitespace: true, message: t(said.labelNeeded) }]}
    >
      <Input autoComplete="off" maxLength={LABEL_MAX} />
    </Form.Item>
  );
}

function OneKey({ of, line, at, open }: {
  of: Key;
  line: string;
  at: string;
  open: (act: Act) => void;
}) {
  const t = useText();
  const good = of.disabled_at === null;
  return (
    <tr className={good ? "" : "gone"}>
      <td>
        <code>{of.key_id}</code>
      </td>
      <td>{of.label}</td>
      <td>
        <Pill tone={good ? "good" : "calm"}>{t(good ? said.good : said.ended)}</Pill>
      </td>
      <td>
        <Time at={of.created_at} />
      </td>
      <td>
        <Time at={of.disabled_at} />
      </td>
      <td className="right">
        {good && (
          <ActButton
            needs="ADMINISTER"
            size="small"
            type="text"
            danger
            onClick={() =>
              open({
                title: t(said.revoke),
                will: t(said.revokeWill, { key: of.key_id, line }),
                path: `${at}/${of.key_id}/revoke`,
                grave: true,
                silent: true,
              })
            }
          >
            {t(said.revoke)}
          </ActButton>
        )}
      </td>
    </tr>
  );
}

function useColumns(): Columns<Line> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.line), render: (_, line) => <b>{line.biz_line}</b> },
      { title: t(said.payee), dataIndex: "title" },
      {
        title: t(said.state),
        render: (_, line) => (
          <span className="with-pill">
            <Pill tone={line.enabled ? "good" : "calm"}>
              {t(line.enabled ? said.on : said.off)}
            </Pill>
            {line.always_converted && <span className="quiet">{t(said.converted)}</span>}
          </span>
        ),
      },
      { title: t(said.currencies), render: (_, line) => line.currencies.join(", ") },
      { title: t(said.language), render: (_, line) => t(said[line.language]) },
    ],
    [t],
  );
}

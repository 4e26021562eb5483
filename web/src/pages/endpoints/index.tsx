// Where notices go, and the secrets that they are signed with.
import { useMemo, useState } from "react";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { Page, Panel } from "../../parts/Page";
import { SecretOnce } from "../../parts/SecretOnce";
import { Sections } from "../../parts/Sections";
import { Pill } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { timeText } from "../../text/format";
import { SECTIONS } from "../notices";
import { said as notices } from "../notices/texts";
import { said } from "./texts";

const AT = "/v1/console/endpoints";

interface Endpoint {
  endpoint_id: string;
  biz_line: string;
  url: string;
  enabled: boolean;
  disabled_reason: string | null;
}

interface Made {
  secret: string;
  old_until: string | null;
}

export default function Endpoints() {
  const t = useText();
  const { language } = useLanguage();
  const [act, setAct] = useState<Act | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const columns = useColumns(setAct, (answer) => setMade(answer as Made));
  const hint = made?.old_until
    ? t(said.secretHint, { until: timeText(made.old_until, language, false) })
    : t(said.secretHintNext);
  return (
    <Page title={t(notices.title)}>
      <Sections of={SECTIONS} label={t(notices.title)} />
      <Panel flush>
        <CursorTable<Endpoint>
          path={AT}
          columns={columns}
          rowKey={(one) => one.endpoint_id}
          rowClassName={(one) => (one.enabled ? "" : "gone")}
          label={t(notices.endpoints)}
          empty={t(said.none)}
          everyMs={15_000}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
      <SecretOnce
        title={t(said.secret)}
        secret={made?.secret ?? null}
        hint={hint}
        done={() => setMade(null)}
      />
    </Page>
  );
}

function useColumns(
  open: (act: Act) => void,
  shown: (answer: unknown) => void,
): Columns<Endpoint> {
  const t = useText();
  return useMemo(
    () => [
      { title: t(said.line), render: (_, one) => <b>{one.biz_line}</b> },
      { title: t(said.url), render: (_, one) => <code>{one.url}</code> },
      {
        title: t(said.state),
        render: (_, one) => (
          <span className="with-pill">
            <Pill tone={one.enabled ? "good" : "calm"}>{t(one.enabled ? said.on : said.off)}</Pill>
            <span className="quiet">{one.disabled_reason}</span>
          </span>
        ),
      },
      { title: t(notices.endpoint), render: (_, one) => <code>{one.endpoint_id}</code> },
      {
        title: <span className="heard">{t(said.acts)}</span>,
        align: "right",
        render: (_, one) => (
          <span className="acts">
            <ActButton
              needs="CONFIGURE"
              size="small"
              onClick={() =>
                open({
                  title: t(said.rotate),
                  will: t(said.rotateWill),
                  path: `${AT}/${one.endpoint_id}/secrets`,
                  then: shown,
                  silent: true,
                })
              }
            >
              {t(said.rotate)}
            </ActButton>
            <ActButton
              needs="CONFIGURE"
              size="small"
              type="text"
              danger={one.enabled}
              onClick={() =>
                open({
                  title: t(one.enabled ? said.switchOff : said.switchOn),
                  will: t(one.enabled ? said.switchOffWill : said.switchOnWill, {
                    url: one.url,
                  }),
                  path: `${AT}/${one.endpoint_id}/switch`,
                  body: { enabled: !one.enabled },
                  grave: one.enabled,
                  silent: true,
                })
              }
            >
              {t(one.enabled ? said.switchOff : said.switchOn)}
            </ActButton>
          </span>
        ),
      },
    ],
    [t, open, shown],
  );
}

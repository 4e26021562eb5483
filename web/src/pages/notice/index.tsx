// One notice: what is sent, and every time that it was tried.
import { useState } from "react";
import { Link, useParams } from "react-router";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { JsonView } from "../../parts/JsonView";
import { Facts, Page, Panel } from "../../parts/Page";
import { Number, Status, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import { said } from "../notices/texts";
import type { Delivery, NoticeDetails } from "../notices/types";

export default function NoticePage() {
  const id = useParams().id ?? "";
  const at = `/v1/console/notices/${id}`;
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const asked = useAsked<NoticeDetails>(at, undefined, (data) =>
    data?.state === "PENDING" ? 3_000 : false,
  );
  const { data } = asked;
  return (
    <Page
      title={data ? data.type : t(said.notice)}
      up={{ to: "/notices", title: t(said.title) }}
      about={data && <Status code={data.state} />}
      actions={
        data && (
          <ActButton
            needs="ACT"
            onClick={() =>
              setAct({
                title: t(said.replay),
                will: t(said.replayWill),
                path: `${at}/replays`,
              })
            }
          >
            {t(said.replay)}
          </ActButton>
        )
      }
    >
      <Asked of={asked} rows={8}>
        {(one) => (
          <>
            <Panel title={t(said.facts)}>
              <Facts
                items={[
                  [t(said.notice), <Number no={one.notice_id} copy />],
                  [
                    t(said.payment),
                    <Link to={`/payments/${one.pay_order_no}`}>
                      <Number no={one.pay_order_no} />
                    </Link>,
                  ],
                  [t(said.line), one.biz_line],
                  [t(said.endpoint), one.endpoint ?? t(said.noEndpoint)],
                  [t(said.made), <Time at={one.created_at} />],
                  [t(said.tries), one.tries],
                  [t(said.delivered), <Time at={one.delivered_at} />],
                  [t(said.next), <Time at={one.next_at} />],
                ]}
              />
            </Panel>
            <Deliveries of={one.deliveries} />
            <Panel title={t(said.payload)}>
              <JsonView value={one.payload} label={t(said.payload)} />
            </Panel>
          </>
        )}
      </Asked>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function Deliveries({ of }: { of: Delivery[] }) {
  const t = useText();
  const { language } = useLanguage();
  return (
    <Panel title={t(said.deliveries)} flush>
      {of.length === 0 ? (
        <p className="quiet pad">{t(said.noDeliveries)}</p>
      ) : (
        <div className="scroll">
          <table className="plain">
            <thead>
              <tr>
                <th scope="col">{t(said.at)}</th>
                <th scope="col">{t(said.status)}</th>
                <th scope="col" className="right">
                  {t(said.took)}
                </th>
                <th scope="col">{t(said.says)}</th>
              </tr>
            </thead>
            <tbody>
              {of.map((one) => (
                <tr key={one.at}>
                  <td>
                    <Time at={one.at} />
                  </td>
                  <td>{one.status === null ? "—" : <code>{one.status}</code>}</td>
                  <td className="right">
                    {one.took_ms === null ? "—" : `${numberText(one.took_ms, language)} ms`}
                  </td>
                  <td className="wraps">{one.says || "—"}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

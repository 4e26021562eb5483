// One notice: what is sent, and what the last try came to.
import { useState } from "react";
import { Link, useParams } from "react-router";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { JsonView } from "../../parts/JsonView";
import { Facts, Page, Panel } from "../../parts/Page";
import { Number, Status, Time } from "../../parts/Show";
import { useText } from "../../text";
import { said } from "../notices/texts";
import type { Delivery, NoticeDetails } from "../notices/types";

export default function NoticePage() {
  const id = useParams().id ?? "";
  const at = `/v1/console/notices/${id}`;
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const asked = useAsked<NoticeDetails>(at, undefined, (data) =>
    data?.notice.state === "PENDING" ? 3_000 : false,
  );
  const notice = asked.data?.notice;
  return (
    <Page
      title={notice ? notice.type : t(said.notice)}
      up={{ to: "/notices", title: t(said.title) }}
      about={notice && <Status code={notice.state} />}
      actions={
        notice && (
          <ActButton
            needs="ACT"
            onClick={() =>
              setAct({
                title: t(said.replay),
                will: t(said.replayWill),
                path: `${at}/replays`,
                result: () => ({ how: "begun" }),
              })
            }
          >
            {t(said.replay)}
          </ActButton>
        )
      }
    >
      <Asked of={asked} rows={8}>
        {({ notice: one, url, replayed_at, deliveries, payload }) => (
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
                  [t(said.url), url],
                  [t(said.made), <Time at={one.created_at} />],
                  [t(said.tries), one.tries],
                  [t(said.delivered), <Time at={one.delivered_at} />],
                  [t(said.next), <Time at={one.next_at} />],
                  [t(said.replayed), <Time at={replayed_at} />],
                ]}
              />
            </Panel>
            <Deliveries of={deliveries} />
            <Panel title={t(said.payload)}>
              <JsonView value={payload} label={t(said.payload)} />
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
  return (
    <Panel title={t(said.deliveries)}>
      {of.length === 0 && <p className="quiet">{t(said.noDeliveries)}</p>}
      {of.map((one) => (
        <Facts
          key={one.status}
          items={[
            [t(said.status), <code>{one.status}</code>],
            [t(said.at), <Time at={one.at} />],
            [t(said.says), one.says || "—"],
          ]}
        />
      ))}
    </Panel>
  );
}

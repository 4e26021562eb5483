// One payment with all that it has, and what may be done about it now.
import { useQuery } from "@tanstack/react-query";
import { Button, Skeleton, Tooltip } from "antd";
import { useState } from "react";
import { Link, useParams } from "react-router";

import { get } from "../../api/client";
import { ActDialog, type Act as Deed } from "../../parts/ActDialog";
import { Page } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Money, Name, Status } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { words } from "../../text/words";
import { Aside } from "./Aside";
import { Axis } from "./Axis";
import { Legs } from "./Legs";
import { Order } from "./Order";
import "./page.css";
import { said } from "./texts";
import type { Act, Details } from "./types";

const OPEN_EVERY_MS = 3_000;

export default function Payment() {
  const no = useParams().no ?? "";
  const at = `/v1/console/payments/${no}`;
  const t = useText();
  const [deed, setDeed] = useState<Deed | null>(null);
  const asked = useQuery({
    queryKey: [at],
    queryFn: ({ signal }) => get<Details>(at, undefined, signal),
    // What has ended changes no more by itself.
    refetchInterval: ({ state }) =>
      state.data && state.data.payment.finished_at === null ? OPEN_EVERY_MS : false,
  });
  const { data } = asked;
  return (
    <Page
      title={t(said.title, { no })}
      about={
        data && (
          <>
            <Status code={data.payment.biz_status} />
            <span className="sum">
              <Money
                amount={data.payment.amount}
                currency={data.payment.currency}
                strong
              />
            </span>
            {data.payment.converted && (
              <span className="quiet">
                <Name code="QUICK_PAY" /> → <Name code="DEDUCT" />
              </span>
            )}
          </>
        )
      }
      actions={data?.acts.map((act) => (
        <ActButton key={act.act} act={act} at={at} open={setDeed} />
      ))}
    >
      <p className="crumb">
        <Link to="/payments">← {t(said.back)}</Link>
      </p>
      {asked.isError && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 12 }} />}
      {data && (
        <>
          <Order payment={data.payment} />
          <Legs legs={data.legs} currency={data.payment.currency} />
          <div className="grid payment">
            <Axis no={no} open={data.payment.finished_at === null} details={data} />
            <Aside data={data} />
          </div>
        </>
      )}
      <ActDialog act={deed} close={() => setDeed(null)} />
    </Page>
  );
}

function ActButton({ act, at, open }: {
  act: Act;
  at: string;
  open: (deed: Deed) => void;
}) {
  const { language } = useLanguage();
  const t = useText();
  const will = {
    close: said.closeWill,
    enquire: said.enquireWill,
    notices: said.noticesWill,
  }[act.act];
  const why = !act.may
    ? t(words.notAllowed)
    : act.allowed
      ? undefined
      : language === "zh"
        ? act.says_zh
        : act.says;
  return (
    <Tooltip title={why}>
      <Button
        disabled={why !== undefined}
        danger={act.act === "close"}
        onClick={() =>
          open({
            title: t(said[act.act]),
            will: t(will),
            path: `${at}/${act.act}`,
            grave: act.act === "close",
          })
        }
      >
        {t(said[act.act])}
      </Button>
    </Tooltip>
  );
}

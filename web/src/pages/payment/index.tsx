// One payment with all that it has, and what may be done about it now.
import { useQuery } from "@tanstack/react-query";
import { Button, Skeleton } from "antd";
import { useState } from "react";
import { useParams } from "react-router";

import { get } from "../../api/client";
import type { PaymentActed } from "../../api/types";
import { ActDialog, type Act as Deed } from "../../parts/ActDialog";
import { Page } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Money, Name, Status } from "../../parts/Show";
import { useLanguage, useText, type Say } from "../../text";
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
  const { language } = useLanguage();
  const t = useText();
  const [deed, setDeed] = useState<Deed | null>(null);
  const asked = useQuery({
    queryKey: [at],
    queryFn: ({ signal }) => get<Details>(at, undefined, signal),
    refetchInterval: ({ state }) =>
      state.data && goesOn(state.data) ? OPEN_EVERY_MS : false,
  });
  const { data } = asked;
  return (
    <Page
      title={t(said.title, { no })}
      up={{ to: "/payments", title: t(said.back) }}
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
      actions={data?.acts
        .filter((act) => act.may && act.allowed)
        .map(({ act }) => (
          <Button
            key={act}
            danger={act === "close"}
            onClick={() => setDeed(deedOf(act, at, t, language === "zh"))}
          >
            {t(said[act])}
          </Button>
        ))}
    >
      {asked.isError && (
        <ProblemNote problem={asked.error} reading again={() => void asked.refetch()} />
      )}
      {asked.isPending && <Skeleton active paragraph={{ rows: 12 }} />}
      {data && (
        <>
          <Order payment={data.payment} />
          <Legs legs={data.legs} />
          <div className="grid payment">
            <Axis no={no} open={goesOn(data)} details={data} />
            <Aside data={data} />
          </div>
        </>
      )}
      <ActDialog act={deed} close={() => setDeed(null)} />
    </Page>
  );
}

/** Whether anything of it changes by itself: what has ended has notices to be sent yet,
 * and may be given back. */
function goesOn({ payment, notices, refunds }: Details): boolean {
  return (
    payment.finished_at === null ||
    notices.some((one) => one.next_at !== null) ||
    refunds.some((one) => one.finished_at === null)
  );
}

function deedOf(act: Act["act"], at: string, t: Say, zh: boolean): Deed {
  const will = {
    close: said.closeWill,
    enquire: said.enquireWill,
    notices: said.noticesWill,
  };
  return {
    title: t(said[act]),
    will: t(will[act]),
    path: `${at}/${act}`,
    grave: act === "close",
    result: (answer) => {
      const { biz_status, says, says_zh } = answer as PaymentActed;
      const closed = biz_status === "CLOSED" ? "went" : "not";
      return { how: act === "close" ? closed : "begun", says: zh ? says_zh : says };
    },
  };
}

// What a payment has beside its legs: refunds, postings, notices, cases.
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Panel } from "../../parts/Page";
import { Money, Name, Number, Status, Time } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { words } from "../../text/words";
import { said } from "./texts";
import type { Act, Details } from "./types";

export function Aside({ data }: { data: Details }) {
  const t = useText();
  return (
    <div className="payment-aside">
      <MayNot acts={data.acts} />
      {data.cases.length > 0 && (
        <List title={t(said.cases)}>
          {data.cases.map((one) => (
            <li key={one.case_ref}>
              <Link to={`/desk/${one.case_ref}`}>
                <Name code={one.kind} />
              </Link>
              <Status code={one.status} />
            </li>
          ))}
        </List>
      )}
      <List title={t(said.postings)} none={data.postings.length === 0}>
        {data.postings.map((line, at) => (
          <li key={at} className={line.side === "CREDIT" ? "credit" : ""}>
            <span>
              <span className="quiet">{t(line.side === "DEBIT" ? said.debit : said.credit)}</span>{" "}
              <span className="account">{line.account}</span>
            </span>
            <Money amount={line.amount} currency={line.currency} />
          </li>
        ))}
      </List>
      <List title={t(said.told)} none={data.notices.length === 0}>
        {data.notices.map((notice) => (
          <li key={notice.notice_id}>
            <Link to={`/notices/${notice.notice_id}`}>{notice.type}</Link>
            <span>
              <Status code={notice.state} />{" "}
              <span className="quiet">{t(said.tries, { n: notice.tries })}</span>
            </span>
          </li>
        ))}
      </List>
      <List title={t(said.refunds)} none={data.refunds.length === 0}>
        {data.refunds.map((refund) => (
          <li key={refund.refund_no}>
            <span>
              <Link to={`/refunds/${refund.refund_no}`}>
                <Number no={refund.refund_no} />
              </Link>
              <br />
              <span className="quiet">
                <Time at={refund.created_at} />
              </span>
            </span>
            <span className="right">
              <Money amount={refund.amount} currency={refund.currency} />
              <br />
              <Status code={refund.biz_status} />
            </span>
          </li>
        ))}
      </List>
    </div>
  );
}

/** What cannot be done now, each with why: what can is at the head of the page. */
function MayNot({ acts }: { acts: Act[] }) {
  const { language } = useLanguage();
  const t = useText();
  const not = acts.filter((act) => !act.may || !act.allowed);
  if (not.length === 0) return null;
  return (
    <List title={t(said.notNow)}>
      {not.map((act) => (
        <li key={act.act}>
          {t(said[act.act])}
          <span className="quiet right">
            {!act.may ? t(words.notAllowed) : language === "zh" ? act.says_zh : act.says}
          </span>
        </li>
      ))}
    </List>
  );
}

function List({ title, none = false, children }: {
  title: string;
  none?: boolean;
  children: ReactNode;
}) {
  const t = useText();
  return (
    <Panel title={title}>
      {none ? <p className="quiet">{t(said.none)}</p> : <ul className="beside">{children}</ul>}
    </Panel>
  );
}

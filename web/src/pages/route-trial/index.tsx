// Where a payment would go, with every candidate and why it stays or is out.
import { useMutation } from "@tanstack/react-query";
import { Button, Empty, Form, Input, Select } from "antd";

import { call, newKey } from "../../api/client";
import { Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Scroll } from "../../parts/Scroll";
import { Sections } from "../../parts/Sections";
import { Pill } from "../../parts/Show";
import { useText } from "../../text";
import { minorOf } from "../../text/format";
import { names } from "../../text/words";
import { useDraft } from "../routes/draft";
import "../routes/page.css";
import { AT, SECTIONS } from "../routes/sections";
import { said } from "../routes/texts";
import type { Candidate, Tried } from "../routes/types";

const KINDS = ["QUICK_PAY_SEND_MSG", "SMS_VERIFY", "DEDUCT"];

interface Typed {
  biz_line: string;
  trans_type: string;
  amount: string;
  currency: string;
  bank: string;
  card_kind: string;
}

const FIRST: Typed = {
  biz_line: "",
  trans_type: "DEDUCT",
  amount: "128.00",
  currency: "CNY",
  bank: "ICBC",
  card_kind: "DEBIT",
};

export default function Trial() {
  const t = useText();
  const draft = useDraft();
  const trying = useMutation({
    mutationFn: (typed: Typed) =>
      call<Tried>("POST", `${AT}/trials`, {
        body: {
          facts: { ...typed, amount: minorOf(typed.amount, typed.currency) },
          rules: draft?.rules,
        },
        key: newKey(),
      }),
  });
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <p className="intro">{t(said.tryAbout)}</p>
      <div className="trial">
        <Panel
          title={t(said.trial)}
          extra={draft && <Pill tone="busy">{t(said.withDraft)}</Pill>}
        >
          <Facts go={trying.mutate} busy={trying.isPending} />
        </Panel>
        <Panel title={t(said.candidates)} flush={trying.isSuccess}>
          {trying.isError && <ProblemNote problem={trying.error} reading />}
          {trying.data ? (
            <Outcome tried={trying.data} />
          ) : (
            <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(said.nothingTried)} />
          )}
        </Panel>
      </div>
    </Page>
  );
}

function Facts({ go, busy }: { go: (typed: Typed) => void; busy: boolean }) {
  const t = useText();
  const needed = { required: true, whitespace: true, message: t(said.needed) };
  const kinds = KINDS.map((value) => ({ value, label: t(names[value] ?? [value, value]) }));
  return (
    <Form<Typed> layout="vertical" requiredMark={false} initialValues={FIRST} onFinish={go}>
      <Form.Item name="biz_line" label={t(said.line)} rules={[needed]}>
        <Input autoComplete="off" spellCheck={false} maxLength={32} />
      </Form.Item>
      <Form.Item name="trans_type" label={t(said.transType)}>
        <Select options={kinds} />
      </Form.Item>
      <div className="rule-fields rule-fields-4">
        <Form.Item
          name="amount"
          label={t(said.amount)}
          dependencies={["currency"]}
          rules={[
            ({ getFieldValue }) => ({
              validator: (_, text: string) =>
                minorOf(text ?? "", getFieldValue("currency") as string) === undefined
                  ? Promise.reject(new Error(t(said.amountWrong)))
                  : Promise.resolve(),
            }),
          ]}
        >
          <Input inputMode="decimal" autoComplete="off" />
        </Form.Item>
        <Form.Item name="currency" label={t(said.currency)}>
          <Select
            options={["CNY", "USD", "EUR", "HKD", "JPY", "GBP"].map((value) => ({ value }))}
          />
        </Form.Item>
        <Form.Item name="bank" label={t(said.bank)} rules={[needed]}>
          <Input autoComplete="off" spellCheck={false} maxLength={32} />
        </Form.Item>
        <Form.Item name="card_kind" label={t(said.cardKind)}>
          <Select
            options={(["DEBIT", "CREDIT"] as const).map((value) => ({
              value,
              label: t(said[value]),
            }))}
          />
        </Form.Item>
      </div>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {t(said.go)}
      </Button>
    </Form>
  );
}

function Outcome({ tried: { chosen, candidates } }: { tried: Tried }) {
  const t = useText();
  const is = (one: Candidate) => one.in && one.inst_trans_id === chosen;
  const to = candidates.find(is);
  return (
    <>
      <p className="pad trial-chosen" role="status">
        {to ? (
          <b>{t(said.chosen, { place: `${to.channel} / ${to.account}` })}</b>
        ) : (
          <b className="rule-wrong">{t(said.noRoute)}</b>
        )}
      </p>
      <Scroll label={t(said.candidates)}>
        <table className="plain">
          <thead>
            <tr>
              <th scope="col">{t(said.place)}</th>
              <th scope="col">
                <span className="heard">{t(said.effect)}</span>
              </th>
              <th scope="col">{t(said.reason)}</th>
            </tr>
          </thead>
          <tbody>
            {candidates.map((one) => (
              <tr
                key={one.inst_trans_id}
                className={one.in ? "" : "trial-out"}
              >
                <td>
                  {is(one) ? <b>{one.channel}</b> : one.channel}
                  <span className="quiet"> / {one.account}</span>
                </td>
                <td>
                  <Pill tone={is(one) ? "good" : one.in ? "busy" : "calm"}>
                    {t(is(one) ? said.isChosen : one.in ? said.stays : said.out)}
                  </Pill>
                </td>
                <td className="wraps">
                  {one.why || one.stage}
                  {one.why && !one.in && <span className="quiet"> ({one.stage})</span>}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </>
  );
}

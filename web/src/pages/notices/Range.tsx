// Sending a range again: counted first, sent after a word, and how far it is.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, DatePicker, Form, Input, Modal, Result, Select } from "antd";
import type { Dayjs } from "dayjs";

import { acted } from "../../api/acts";
import { call, newKey } from "../../api/client";
import { ProblemNote } from "../../parts/ProblemNote";
import { WorkProgress } from "../../parts/WorkProgress";
import { useLanguage, useText } from "../../text";
import { numberText } from "../../text/format";
import { words } from "../../text/words";
import { said } from "./texts";
import { TYPES, type Replayed } from "./types";

const AT = "/v1/console/notices/replays";
const WHY_MAX = 200;

interface Typed {
  between: [Dayjs, Dayjs];
  type?: string;
  endpoint?: string;
  why: string;
}

export function Range({ open, close }: { open: boolean; close: () => void }) {
  const t = useText();
  return (
    <Modal
      open={open}
      title={t(said.range)}
      footer={null}
      destroyOnHidden
      width={520}
      onCancel={close}
    >
      <Steps close={close} />
    </Modal>
  );
}

function Steps({ close }: { close: () => void }) {
  const t = useText();
  const { language } = useLanguage();
  const [form] = Form.useForm<Typed>();
  const known = useQueryClient();
  const counting = useMutation({
    mutationFn: (typed: Typed) =>
      call<Replayed>("POST", AT, { body: bodyOf(typed, true), key: newKey() }),
  });
  const sending = useMutation({
    mutationFn: (typed: Typed) => acted<Replayed>("POST", AT, bodyOf(typed, false)),
    onSettled: () => void known.invalidateQueries(),
  });
  const n = (value: number) => numberText(value, language);
  const counted = counting.data?.number;
  const most = counting.data?.more ?? false;

  function anew() {
    counting.reset();
    sending.reset();
  }

  if (sending.isSuccess) {
    const { work_id: workId } = sending.data;
    return (
      <Result
        status="success"
        title={t(said.went)}
        subTitle={workId && <WorkProgress workId={workId} />}
        extra={
          <Button type="primary" onClick={close}>
            {t(words.close)}
          </Button>
        }
      />
    );
  }
  return (
    <Form<Typed>
      form={form}
      layout="vertical"
      requiredMark={false}
      onValuesChange={anew}
      onFinish={(typed) => (counted ? sending.mutate(typed) : counting.mutate(typed))}
    >
      <div className="will">
        {counted === undefined && t(said.rangeWill)}
        {counted === 0 && t(said.foundNone)}
        {Boolean(counted) && (
          <>
            <p>
              <b>{t(most ? said.foundMore : said.found, { n: n(counted ?? 0) })}</b>
            </p>
            <p>{t(said.foundWill)}</p>
          </>
        )}
      </div>
      {counting.isError && <ProblemNote problem={counting.error} reading />}
      {sending.isError && <ProblemNote problem={sending.error} />}
      <Fields />
      <div className="dialog-foot">
        <Button onClick={close}>{t(words.cancel)}</Button>
        <Button
          type="primary"
          htmlType="submit"
          danger={Boolean(counted)}
          loading={counting.isPending || sending.isPending}
        >
          {counted
            ? t(most ? said.sendAll : said.sendAgain, { n: n(counted) })
            : t(said.count)}
        </Button>
      </div>
    </Form>
  );
}

function Fields() {
  const t = useText();
  return (
    <>
      <Form.Item
        name="between"
        label={t(said.between)}
        rules={[{ required: true, message: t(said.betweenNeeded) }]}
      >
        <DatePicker.RangePicker
          showTime={{ format: "HH:mm" }}
          format="YYYY-MM-DD HH:mm"
          className="whole"
        />
      </Form.Item>
      <Form.Item name="type" label={t(said.type)}>
        <Select
          allowClear
          placeholder={t(said.every)}
          options={TYPES.map((value) => ({ value, label: value }))}
        />
      </Form.Item>
      <Form.Item name="endpoint" label={t(said.endpoint)}>
        <Input allowClear autoComplete="off" placeholder={t(said.everyEndpoint)} maxLength={64} />
      </Form.Item>
      <Form.Item
        name="why"
        label={t(words.why)}
        extra={t(words.whyHint)}
        rules={[{ required: true, whitespace: true, message: t(words.why) }]}
      >
        <Input.TextArea maxLength={WHY_MAX} showCount autoSize={{ minRows: 2 }} />
      </Form.Item>
    </>
  );
}

function bodyOf({ between, type, endpoint, why }: Typed, preview: boolean) {
  return {
    from: between[0].toISOString(),
    to: between[1].toISOString(),
    type,
    endpoint: endpoint || undefined,
    why: why.trim(),
    preview,
  };
}

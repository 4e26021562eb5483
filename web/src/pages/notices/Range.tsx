// Sending a range again: counted first, sent after a word, and how far it is.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, DatePicker, Form, Input, Modal, Select } from "antd";
import type { Dayjs } from "dayjs";

import { acted } from "../../api/acts";
import { call, newKey } from "../../api/client";
import { ProblemNote } from "../../parts/ProblemNote";
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

interface Props {
  close: () => void;
  /** Called with the work once they are on their way. */
  begun: (workId: string) => void;
}

export function Range({ open, close, begun }: Props & { open: boolean }) {
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
      <Steps close={close} begun={begun} />
    </Modal>
  );
}

function Steps({ close, begun }: Props) {
  const t = useText();
  const [form] = Form.useForm<Typed>();
  const known = useQueryClient();
  const counting = useMutation({
    mutationFn: (typed: Typed) =>
      call<Replayed>("POST", AT, { body: bodyOf(typed, true), key: newKey() }),
  });
  const sending = useMutation({
    mutationFn: (typed: Typed) => acted<Replayed>("POST", AT, bodyOf(typed, false)),
    onSuccess: ({ work_id: workId }) => {
      if (workId !== null) begun(workId);
      close();
    },
    onSettled: () => void known.invalidateQueries(),
  });
  const counted = counting.data;
  const some = counted !== undefined && (counted.number > 0 || counted.more);

  function anew() {
    counting.reset();
    sending.reset();
  }

  return (
    <Form<Typed>
      form={form}
      layout="vertical"
      requiredMark={false}
      onValuesChange={anew}
      onFinish={(typed) => (some ? sending.mutate(typed) : counting.mutate(typed))}
    >
      <div className="will">
        {counted === undefined ? t(said.rangeWill) : <Found counted={counted} />}
      </div>
      {counting.isError && <ProblemNote problem={counting.error} reading />}
      {sending.isError && <ProblemNote problem={sending.error} />}
      <Fields />
      <div className="dialog-foot">
        <Button onClick={close}>{t(words.cancel)}</Button>
        <Button
          type="primary"
          htmlType="submit"
          danger={some}
          loading={counting.isPending || sending.isPending}
        >
          <Send counted={some ? counted : undefined} />
        </Button>
      </div>
    </Form>
  );
}

/** What would be sent, as far as it was counted. */
function Found({ counted: { number, more } }: { counted: Replayed }) {
  const t = useText();
  const { language } = useLanguage();
  const n = numberText(number, language);
  if (number === 0 && !more) return t(said.foundNone);
  const found = more ? said.foundMore : said.found;
  return (
    <>
      <p>
        <b>{number === 0 ? t(said.foundNoneYet) : t(found, { n })}</b>
      </p>
      {more && <p>{t(said.notToTheEnd)}</p>}
      <p>{t(said.foundWill)}</p>
    </>
  );
}

function Send({ counted }: { counted: Replayed | undefined }) {
  const t = useText();
  const { language } = useLanguage();
  if (counted === undefined) return t(said.count);
  if (counted.more) return t(said.sendAll);
  return t(said.sendAgain, { n: numberText(counted.number, language) });
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

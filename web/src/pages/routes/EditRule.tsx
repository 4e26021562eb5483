import { Button, Form, Input, Modal, Select, Switch } from "antd";

import { useText } from "../../text";
import { words } from "../../text/words";
import { said } from "./texts";
import type { Rule } from "./types";

const EMPTY: Rule = {
  rule_id: "",
  title: "",
  condition: "",
  effect: "PREFER",
  channel: "",
  account: null,
  enabled: true,
};

/** One rule of a draft: a new one, or one that keeps its name. */
export function EditRule({ rule, taken, keep, close }: {
  rule: Rule | "new" | null;
  taken: readonly string[];
  keep: (rule: Rule) => void;
  close: () => void;
}) {
  const t = useText();
  return (
    <Modal
      open={rule !== null}
      title={t(rule === "new" ? said.add : said.change)}
      footer={null}
      destroyOnHidden
      width={600}
      onCancel={close}
    >
      {rule && (
        <Fields
          rule={rule === "new" ? EMPTY : rule}
          named={rule !== "new"}
          taken={taken}
          keep={keep}
          close={close}
        />
      )}
    </Modal>
  );
}

function Fields({ rule, named, taken, keep, close }: {
  rule: Rule;
  named: boolean;
  taken: readonly string[];
  keep: (rule: Rule) => void;
  close: () => void;
}) {
  const t = useText();
  const needed = { required: true, whitespace: true, message: t(said.needed) };
  const effects = (["PREFER", "DROP"] as const).map((value) => ({
    value,
    label: t(said[value]),
  }));
  return (
    <Form<Rule>
      layout="vertical"
      requiredMark={false}
      initialValues={rule}
      onFinish={(typed) => keep({ ...typed, account: typed.account?.trim() || null })}
    >
      <div className="rule-fields">
        <Form.Item
          name="rule_id"
          label={t(said.name)}
          extra={t(said.nameHint)}
          rules={[
            { required: true, pattern: /^[A-Za-z0-9._:-]{1,64}$/, message: t(said.nameHint) },
            {
              validator: (_, name: string) =>
                !named && taken.includes(name)
                  ? Promise.reject(new Error(t(said.nameTaken)))
                  : Promise.resolve(),
            },
          ]}
        >
          <Input disabled={named} autoComplete="off" spellCheck={false} maxLength={64} />
        </Form.Item>
        <Form.Item name="title" label={t(said.says)} rules={[needed]}>
          <Input maxLength={120} />
        </Form.Item>
      </div>
      <Form.Item
        name="condition"
        label={t(said.condition)}
        extra={t(said.conditionHint)}
        normalize={(text: string) => text.replaceAll(/\s*\n\s*/g, " ")}
        rules={[needed]}
      >
        <Input.TextArea
          className="rule-code"
          autoSize={{ minRows: 2 }}
          maxLength={1000}
          spellCheck={false}
        />
      </Form.Item>
      <div className="rule-fields rule-fields-4">
        <Form.Item name="effect" label={t(said.effect)}>
          <Select options={effects} />
        </Form.Item>
        <Form.Item name="channel" label={t(said.channel)} rules={[needed]}>
          <Input autoComplete="off" spellCheck={false} maxLength={64} />
        </Form.Item>
        <Form.Item name="account" label={t(said.account)} extra={t(said.accountHint)}>
          <Input autoComplete="off" spellCheck={false} maxLength={64} />
        </Form.Item>
        <Form.Item name="enabled" label={t(said.enabled)} valuePropName="checked">
          <Switch />
        </Form.Item>
      </div>
      <div className="dialog-foot">
        <Button onClick={close}>{t(words.cancel)}</Button>
        <Button type="primary" htmlType="submit">
          {t(said.keep)}
        </Button>
      </div>
    </Form>
  );
}

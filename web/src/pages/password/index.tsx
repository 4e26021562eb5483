// One's own password: asked for together with the code, as at the log-in.
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";

import { call } from "../../api/client";
import { problemOf, type Problem } from "../../api/problem";
import { Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { texts, useText } from "../../text";

const said = texts({
  title: ["Your password", "修改密码"],
  old: ["Present password", "当前密码"],
  code: ["Code of your authenticator", "动态验证码"],
  fresh: ["New password", "新密码"],
  again: ["The same once more", "再次输入新密码"],
  hint: ["12 characters or more", "至少 12 个字符"],
  digits: ["Six digits", "6 位数字"],
  needed: ["Needed", "必填"],
  differs: ["The two differ", "两次输入不一致"],
  go: ["Change it", "修改"],
  done: ["Your password is changed.", "密码已修改。"],
  wrong: ["Password or code is wrong.", "密码或验证码错误。"],
});

interface Typed {
  password: string;
  code: string;
  new_password: string;
  again: string;
}

export default function Password() {
  const [form] = Form.useForm<Typed>();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [done, setDone] = useState(false);
  const [busy, setBusy] = useState(false);
  const t = useText();

  async function go({ password, code, new_password }: Typed) {
    setBusy(true);
    setProblem(null);
    setDone(false);
    const body = { password, code: code.trim(), new_password };
    try {
      await call<void>("POST", "/console/session/password", { body });
      form.resetFields();
      setDone(true);
    } catch (error) {
      setProblem(problemOf(error));
      form.setFieldValue("code", "");
    } finally {
      setBusy(false);
    }
  }

  return (
    <Page title={t(said.title)}>
      <Panel className="narrow">
        {done && <Alert type="success" showIcon title={t(said.done)} />}
        {problem?.status === 401 && <Alert type="error" showIcon title={t(said.wrong)} />}
        {problem && problem.status !== 401 && <ProblemNote problem={problem} />}
        <Form form={form} layout="vertical" requiredMark={false} onFinish={go}>
          <Form.Item
            name="password"
            label={t(said.old)}
            rules={[{ required: true, message: t(said.needed) }]}
          >
            <Input.Password autoComplete="current-password" maxLength={256} />
          </Form.Item>
          <Form.Item
            name="code"
            label={t(said.code)}
            validateTrigger="onSubmit"
            rules={[{ required: true, pattern: /^\s*\d{6}\s*$/, message: t(said.digits) }]}
          >
            <Input autoComplete="one-time-code" inputMode="numeric" maxLength={8} />
          </Form.Item>
          <Form.Item
            name="new_password"
            label={t(said.fresh)}
            extra={t(said.hint)}
            rules={[{ required: true, min: 12, message: t(said.hint) }]}
          >
            <Input.Password autoComplete="new-password" maxLength={256} />
          </Form.Item>
          <Form.Item
            name="again"
            label={t(said.again)}
            dependencies={["new_password"]}
            rules={[
              ({ getFieldValue }) => ({
                validator: (_, value) =>
                  value === getFieldValue("new_password")
                    ? Promise.resolve()
                    : Promise.reject(new Error(t(said.differs))),
              }),
            ]}
          >
            <Input.Password autoComplete="new-password" maxLength={256} />
          </Form.Item>
          <Button type="primary" htmlType="submit" loading={busy}>
            {t(said.go)}
          </Button>
        </Form>
      </Panel>
    </Page>
  );
}

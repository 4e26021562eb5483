// Name, password and the code of the authenticator, all at once: a wrong one of them is
// not told from another.
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";

import { problemOf, type Problem } from "../api/problem";
import { ProblemNote } from "../parts/ProblemNote";
import { texts, useText } from "../text";
import { Outside } from "./Outside";
import { useKnown } from "./session";

const said = texts({
  title: ["Log in", "登录"],
  hint: ["The console of your payment core", "支付核心控制台"],
  name: ["Name", "用户名"],
  password: ["Password", "密码"],
  code: ["Code of your authenticator", "动态验证码"],
  go: ["Log in", "登录"],
  ended: ["Your session ended. Log in to go on where you were.", "会话已结束，登录后可继续。"],
  wrong: [
    "Name, password or code is wrong. A code is good once: wait for the next one.",
    "用户名、密码或验证码错误。验证码只能使用一次，请等待下一个。",
  ],
  slow: ["Too many wrong tries. Try again in {n} s.", "错误次数过多，请 {n} 秒后重试。"],
  needed: ["Needed", "必填"],
  digits: ["Six digits", "6 位数字"],
});

interface Typed {
  name: string;
  password: string;
  code: string;
}

export function LogIn({ ended }: { ended: boolean }) {
  const { logIn } = useKnown();
  const [form] = Form.useForm<Typed>();
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const t = useText();

  async function go(typed: Typed) {
    setBusy(true);
    setProblem(null);
    try {
      await logIn({ ...typed, name: typed.name.trim(), code: typed.code.trim() });
    } catch (error) {
      setProblem(problemOf(error));
      form.setFieldValue("code", "");
      setBusy(false);
    }
  }

  const needed = [{ required: true, message: t(said.needed) }];
  return (
    <Outside title={t(said.title)} hint={t(said.hint)}>
      {ended && !problem && <Alert type="info" showIcon title={t(said.ended)} />}
      {problem?.status === 401 && <Alert type="error" showIcon title={t(said.wrong)} />}
      {problem?.status === 429 && (
        <Alert
          type="warning"
          showIcon
          title={t(said.slow, { n: problem.retryAfterS ?? 60 })}
        />
      )}
      {problem && problem.status !== 401 && problem.status !== 429 && (
        <ProblemNote problem={problem} reading />
      )}
      <Form form={form} layout="vertical" requiredMark={false} onFinish={go} size="large">
        <Form.Item name="name" label={t(said.name)} rules={needed}>
          <Input autoComplete="username" autoFocus spellCheck={false} maxLength={64} />
        </Form.Item>
        <Form.Item name="password" label={t(said.password)} rules={needed}>
          <Input.Password autoComplete="current-password" maxLength={256} />
        </Form.Item>
        <Form.Item
          name="code"
          label={t(said.code)}
          rules={[{ required: true, pattern: /^\s*\d{6}\s*$/, message: t(said.digits) }]}
          validateTrigger="onSubmit"
        >
          <Input autoComplete="one-time-code" inputMode="numeric" maxLength={8} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={busy}>
          {t(said.go)}
        </Button>
      </Form>
    </Outside>
  );
}

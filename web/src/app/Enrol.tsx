// The first log-in of an operator: an invitation becomes a password and an authenticator.
// The invitation stands behind the address's `#`, which no browser sends and no log keeps.
import { Alert, Button, Form, Input, QRCode, Result, Steps } from "antd";
import { useState } from "react";
import { useNavigate } from "react-router";

import { call } from "../api/client";
import { problemOf, type Problem } from "../api/problem";
import { Copy } from "../parts/Copy";
import { ProblemNote } from "../parts/ProblemNote";
import { texts, useText } from "../text";
import { Outside } from "./Outside";
import { useKnown } from "./session";

const said = texts({
  title: ["Join the console", "加入控制台"],
  hint: [
    "Your invitation is good once, for 24 hours.",
    "邀请仅可使用一次，24 小时内有效。",
  ],
  invitation: ["Invitation", "邀请码"],
  password: ["Choose a password", "设置密码"],
  passwordHint: ["12 characters or more", "至少 12 个字符"],
  again: ["The same once more", "再次输入"],
  differs: ["The two differ", "两次输入不一致"],
  next: ["Next", "下一步"],
  scan: [
    "Scan this with your authenticator, then type the code that it shows.",
    "用验证器扫描二维码，然后输入显示的验证码。",
  ],
  picture: ["The secret as a QR code", "密钥二维码"],
  cannot: ["If you cannot scan it, type this secret", "无法扫描时，请手动输入密钥"],
  code: ["Code of your authenticator", "动态验证码"],
  digits: ["Six digits", "6 位数字"],
  confirm: ["Confirm", "确认"],
  ready: ["You are in", "注册完成"],
  readyHint: [
    "Log in with your name, this password and the next code.",
    "请使用用户名、密码和下一个验证码登录。",
  ],
  logIn: ["Log in", "登录"],
  steps: ["Password", "密码"],
  steps2: ["Authenticator", "验证器"],
  refused: [
    "This invitation is not good any more: ask for a new one.",
    "邀请已失效，请重新获取。",
  ],
  wrong: [
    "Password or code is wrong, or the invitation has ended. Type the code that the authenticator shows now; if it is refused again, begin anew.",
    "密码或验证码错误，或邀请已失效。请输入验证器当前显示的验证码；如再次被拒，请重新开始。",
  ],
  anew: ["Begin anew", "重新开始"],
});

interface Made {
  totp_secret: string;
  otpauth_uri: string;
}

interface Typed {
  invitation: string;
  password: string;
  again: string;
}

export function Enrol() {
  const [given, setGiven] = useState<Typed | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  const [ready, setReady] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const { ask } = useKnown();
  const t = useText();

  /** Whether it went; else the page says why not. */
  async function attempt(act: () => Promise<void>): Promise<boolean> {
    setBusy(true);
    setProblem(null);
    try {
      await act();
      return true;
    } catch (error) {
      setProblem(problemOf(error));
      return false;
    } finally {
      setBusy(false);
    }
  }

  const begin = (typed: Typed) =>
    attempt(async () => {
      const body = { invitation: typed.invitation.trim(), password: typed.password };
      setMade(await call<Made>("POST", "/console/enrolment", { body }));
      setGiven(typed);
      history.replaceState(null, "", location.pathname);
    });

  const anew = () => {
    setMade(null);
    setProblem(null);
  };

  const confirm = ({ code }: { code: string }) =>
    attempt(async () => {
      const { invitation, password } = given as Typed;
      const body = { invitation: invitation.trim(), password, code: code.trim() };
      await call<void>("POST", "/console/enrolment/confirm", { body });
      setReady(true);
    });

  if (ready) {
    const leave = () => {
      ask();
      navigate("/", { replace: true });
    };
    return (
      <Outside title={t(said.title)}>
        <Result
          status="success"
          title={t(said.ready)}
          subTitle={t(said.readyHint)}
          extra={
            <Button type="primary" onClick={leave}>
              {t(said.logIn)}
            </Button>
          }
        />
      </Outside>
    );
  }
  return (
    <Outside title={t(said.title)} hint={t(said.hint)}>
      <Steps
        size="small"
        current={made ? 1 : 0}
        items={[{ title: t(said.steps) }, { title: t(said.steps2) }]}
      />
      {problem && problem.status !== 401 && <ProblemNote problem={problem} />}
      {problem?.status === 401 && (
        <Alert type="error" showIcon title={t(made ? said.wrong : said.refused)} />
      )}
      {made ? (
        <Scan made={made} busy={busy} confirm={confirm} anew={anew} />
      ) : (
        <Choose invitation={given?.invitation} busy={busy} begin={begin} />
      )}
    </Outside>
  );
}

function Choose({ invitation, busy, begin }: {
  /** As it was given before; at first it stands in the address. */
  invitation: string | undefined;
  busy: boolean;
  begin: (typed: Typed) => void;
}) {
  const t = useText();
  return (
    <Form
      layout="vertical"
      size="large"
      requiredMark={false}
      initialValues={{
        invitation: invitation ?? decodeURIComponent(location.hash.slice(1)),
      }}
      onFinish={begin}
    >
      <Form.Item name="invitation" label={t(said.invitation)} rules={[{ required: true }]}>
        <Input autoComplete="off" spellCheck={false} />
      </Form.Item>
      <Form.Item
        name="password"
        label={t(said.password)}
        extra={t(said.passwordHint)}
        rules={[{ required: true, min: 12, message: t(said.passwordHint) }]}
      >
        <Input.Password autoComplete="new-password" maxLength={256} />
      </Form.Item>
      <Form.Item
        name="again"
        label={t(said.again)}
        dependencies={["password"]}
        rules={[
          ({ getFieldValue }) => ({
            validator: (_, value) =>
              value === getFieldValue("password")
                ? Promise.resolve()
                : Promise.reject(new Error(t(said.differs))),
          }),
        ]}
      >
        <Input.Password autoComplete="new-password" maxLength={256} />
      </Form.Item>
      <Button type="primary" htmlType="submit" block loading={busy}>
        {t(said.next)}
      </Button>
    </Form>
  );
}

function Scan({ made, busy, confirm, anew }: {
  made: Made;
  busy: boolean;
  confirm: (typed: { code: string }) => Promise<boolean>;
  anew: () => void;
}) {
  const [form] = Form.useForm<{ code: string }>();
  const t = useText();
  const typed = async (code: { code: string }) => {
    if (!(await confirm(code))) form.setFieldValue("code", "");
  };
  return (
    <>
      <p>{t(said.scan)}</p>
      <div className="scan">
        <QRCode
          type="svg"
          value={made.otpauth_uri}
          size={184}
          color="#000"
          bgColor="#fff"
          aria-label={t(said.picture)}
        />
      </div>
      <p className="quiet">{t(said.cannot)}</p>
      <p className="secret">
        <code>{made.totp_secret}</code>
        <Copy text={made.totp_secret} />
      </p>
      <Form
        form={form}
        layout="vertical"
        size="large"
        requiredMark={false}
        onFinish={typed}
      >
        <Form.Item
          name="code"
          label={t(said.code)}
          rules={[{ required: true, pattern: /^\s*\d{6}\s*$/, message: t(said.digits) }]}
          validateTrigger="onSubmit"
        >
          <Input autoComplete="one-time-code" inputMode="numeric" maxLength={8} autoFocus />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={busy}>
          {t(said.confirm)}
        </Button>
        <Button type="link" block disabled={busy} onClick={anew}>
          {t(said.anew)}
        </Button>
      </Form>
    </>
  );
}

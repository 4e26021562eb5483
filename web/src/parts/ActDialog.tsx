// An act in three steps: what will happen, why it is done, what came of it.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, Modal, Result } from "antd";
import { useEffect, useRef, type ReactNode } from "react";

import { acted } from "../api/acts";
import { texts, useText } from "../text";
import { words } from "../text/words";
import { ProblemNote } from "./ProblemNote";

const WHY_MAX = 200;

const said = texts({
  needed: ["Say why", "请填写原因"],
  went: ["It is done", "操作完成"],
  begun: ["It is under way", "已发起"],
  not: ["It was not done", "操作未完成"],
});

/** What came of an act. */
export interface Came {
  /** Done, unless something else is said: an act may only begin what takes longer, and
   * an answer may say that nothing was done. */
  how?: "went" | "begun" | "not";
  says?: ReactNode;
}

const LOOKS = { went: "success", begun: "info", not: "warning" } as const;

export interface Act {
  /** What it is called, as a verb: the title and the button. */
  title: string;
  /** What will happen, and what will not. */
  will: ReactNode;
  method?: "POST" | "PUT" | "DELETE";
  path: string;
  /** What is sent beside `why`. */
  body?: Record<string, unknown>;
  /** It takes something away or cannot be undone. */
  grave?: boolean;
  /** More to be filled in; its fields are sent beside `why`. */
  fields?: ReactNode;
  /** What came of it, by the answer; done, and no more to be said, where it is left out. */
  result?: (answer: unknown) => Came;
  /** Called with the answer, before the dialog shows it. */
  then?: (answer: unknown) => void;
  /** The dialog closes by itself; `then` shows what came of it. */
  silent?: boolean;
  /** Acts that say no reason: they change nothing. */
  noWhy?: boolean;
}

/** One dialog of a page: open while there is an act. */
export function ActDialog({ act, close }: { act: Act | null; close: () => void }) {
  // The last act stays while the dialog fades.
  const last = useRef(act);
  if (act) last.current = act;
  return (
    <Modal
      open={act !== null}
      onCancel={close}
      title={last.current?.title}
      footer={null}
      destroyOnHidden
      width={520}
    >
      {last.current && <Steps act={last.current} close={close} />}
    </Modal>
  );
}

function Steps({ act, close }: { act: Act; close: () => void }) {
  const t = useText();
  const [form] = Form.useForm<Record<string, unknown>>();
  const answers = useQueryClient();

  const doing = useMutation({
    mutationFn: (typed: Record<string, unknown>) =>
      acted<unknown>(act.method ?? "POST", act.path, { ...act.body, ...typed }),
    onSuccess: (answer) => {
      act.then?.(answer);
      if (act.silent) close();
    },
    // After an answer that did not come, too: something may have changed.
    onSettled: () => void answers.invalidateQueries(),
  });

  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.querySelector<HTMLElement>("input, textarea")?.focus();
  }, []);

  if (doing.isSuccess && !act.silent) {
    const { how = "went", says } = act.result?.(doing.data) ?? {};
    return (
      <Result
        status={LOOKS[how]}
        title={t(said[how])}
        subTitle={says}
        extra={
          <Button type="primary" onClick={close}>
            {t(words.close)}
          </Button>
        }
      />
    );
  }
  return (
    <div ref={box}>
      <div className="will">{act.will}</div>
      {doing.isError && <ProblemNote problem={doing.error} />}
      <Form form={form} layout="vertical" requiredMark={false} onFinish={doing.mutate}>
        {act.fields}
        {!act.noWhy && (
          <Form.Item
            name="why"
            label={t(words.why)}
            extra={t(words.whyHint)}
            normalize={(text: string) => text.trimStart()}
            rules={[{ required: true, whitespace: true, message: t(said.needed) }]}
          >
            <Input.TextArea maxLength={WHY_MAX} showCount autoSize={{ minRows: 2 }} />
          </Form.Item>
        )}
        <div className="dialog-foot">
          <Button onClick={close}>{t(words.cancel)}</Button>
          <Button
            type="primary"
            htmlType="submit"
            danger={act.grave}
            loading={doing.isPending}
          >
            {act.title}
          </Button>
        </div>
      </Form>
    </div>
  );
}

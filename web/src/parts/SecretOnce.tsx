// What is shown this once: it closes only where somebody says that he has kept it.
import { Alert, Button, Modal } from "antd";

import { useText } from "../text";
import { words } from "../text/words";
import { Copy } from "./Copy";

export function SecretOnce({ title, secret, hint, done }: {
  title: string;
  secret: string | null;
  hint?: string;
  done: () => void;
}) {
  const t = useText();
  return (
    <Modal
      open={secret !== null}
      title={title}
      closable={false}
      mask={{ closable: false }}
      keyboard={false}
      destroyOnHidden
      footer={
        <Button type="primary" onClick={done}>
          {t(words.saved)}
        </Button>
      }
    >
      <Alert type="warning" showIcon title={t(words.shownOnce)} />
      {hint && <p className="hint">{hint}</p>}
      <p className="secret">
        <code>{secret}</code>
        <Copy text={secret ?? ""} />
      </p>
    </Modal>
  );
}

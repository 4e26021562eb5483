import { CheckOutlined, CopyOutlined } from "@ant-design/icons";
import { Button } from "antd";
import { useState } from "react";

import { useText } from "../text";
import { words } from "../text/words";

const SHOWN_MS = 1_500;

export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const t = useText();
  // Browsers have no clipboard where there is no TLS: then the text is selected by hand.
  if (!navigator.clipboard) return null;
  async function copy() {
    await navigator.clipboard.writeText(text);
    setDone(true);
    setTimeout(() => setDone(false), SHOWN_MS);
  }
  const label = t(done ? words.copied : words.copy);
  return (
    <Button
      type="text"
      size="small"
      className="copy"
      aria-label={label}
      title={label}
      icon={done ? <CheckOutlined /> : <CopyOutlined />}
      onClick={() => void copy()}
    />
  );
}

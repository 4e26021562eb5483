// Any number, from any page: `/` goes there. A whole card number goes nowhere at all.
import { SearchOutlined } from "@ant-design/icons";
import { Input, type InputRef } from "antd";
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { holdsSecret } from "../parts/secrets";
import { texts, useText } from "../text";
import { words } from "../text/words";

const said = texts({
  search: ["Any number of a payment", "搜索支付单的任意编号"],
  hint: ["Payment, order, request, channel, refund or coupon number; last 4 digits", "支付单号、订单号、流水号、退款号、券号，或后四位"],
});

export function QuickSearch() {
  const [text, setText] = useState("");
  const box = useRef<InputRef>(null);
  const navigate = useNavigate();
  const t = useText();
  const secret = holdsSecret(text);

  useEffect(() => {
    function toSearch(event: KeyboardEvent) {
      const at = event.target as HTMLElement;
      const typing = at.closest("input, textarea, [contenteditable]") !== null;
      if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      box.current?.focus();
    }
    addEventListener("keydown", toSearch);
    return () => removeEventListener("keydown", toSearch);
  }, []);

  function go() {
    const q = text.trim();
    if (q === "" || secret) return;
    setText("");
    box.current?.blur();
    navigate(`/payments?${new URLSearchParams({ q })}`);
  }

  return (
    <search className="quick">
      <Input
        ref={box}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onPressEnter={go}
        prefix={<SearchOutlined aria-hidden="true" />}
        suffix={<kbd aria-hidden="true">/</kbd>}
        placeholder={t(said.search)}
        aria-label={t(said.search)}
        title={secret ? t(words.wholeNumber) : t(said.hint)}
        status={secret ? "error" : ""}
        autoComplete="off"
        spellCheck={false}
        maxLength={128}
        allowClear
      />
      {secret && (
        <p className="quick-no" role="alert">
          {t(words.wholeNumber)}
        </p>
      )}
    </search>
  );
}

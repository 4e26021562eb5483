// An operator's own saved filters. A view's name stands in an address, where nothing may
// be escaped: it goes there as base64url.
import { DeleteOutlined, StarOutlined } from "@ant-design/icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Form, Input, Modal, Popover } from "antd";
import { useState } from "react";

import { call, get } from "../../api/client";
import type { Listed } from "../../api/types";
import { ProblemNote } from "../../parts/ProblemNote";
import type { Chosen } from "../../parts/filters";
import { useText } from "../../text";
import { words } from "../../text/words";
import { said } from "./texts";

const AT = "/v1/console/views";

interface View {
  name: string;
  query: string;
}

function inPath(name: string): string {
  const octets = String.fromCharCode(...new TextEncoder().encode(name));
  return btoa(octets).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function named(part: string): string {
  const text = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)));
}

export function Views({ page, chosen, replace }: {
  page: string;
  chosen: Chosen;
  replace: (chosen: Chosen) => void;
}) {
  const t = useText();
  const [open, setOpen] = useState(false);
  const [saving, setSaving] = useState(false);
  const known = useQueryClient();
  const views = useQuery({
    queryKey: [AT, page],
    queryFn: ({ signal }) => get<Listed<View>>(AT, { page }, signal),
    enabled: open,
  });
  const changed = useMutation({
    mutationFn: ({ name, query }: { name: string; query?: string }) =>
      query === undefined
        ? call<void>("DELETE", `${AT}/${page}/${name}`, {})
        : call<void>("PUT", `${AT}/${page}/${inPath(name)}`, { body: { query } }),
    onSuccess: () => setSaving(false),
    onSettled: () => void known.invalidateQueries({ queryKey: [AT, page] }),
  });

  function show({ query }: View) {
    replace(Object.fromEntries(new URLSearchParams(query)));
    setOpen(false);
  }

  const list = (
    <div className="views">
      {views.isError && <ProblemNote problem={views.error} reading />}
      {views.data?.items.length === 0 && <p className="quiet">{t(said.noViews)}</p>}
      <ul>
        {views.data?.items.map((view) => (
          <li key={view.name}>
            <Button type="text" onClick={() => show(view)}>
              {named(view.name)}
            </Button>
            <Button
              type="text"
              size="small"
              icon={<DeleteOutlined />}
              aria-label={t(said.remove, { name: named(view.name) })}
              onClick={() => changed.mutate({ name: view.name })}
            />
          </li>
        ))}
      </ul>
      <Button
        block
        disabled={Object.keys(chosen).length === 0}
        onClick={() => {
          setOpen(false);
          setSaving(true);
        }}
      >
        {t(said.save)}
      </Button>
    </div>
  );
  return (
    <>
      <Popover
        content={list}
        trigger="click"
        placement="bottomRight"
        open={open}
        onOpenChange={setOpen}
      >
        <Button icon={<StarOutlined />}>{t(said.views)}</Button>
      </Popover>
      <Modal
        open={saving}
        title={t(said.saveTitle)}
        footer={null}
        destroyOnHidden
        width={400}
        onCancel={() => setSaving(false)}
      >
        {changed.isError && <ProblemNote problem={changed.error} />}
        <Form
          layout="vertical"
          onFinish={({ name }: { name: string }) =>
            changed.mutate({ name: name.trim(), query: String(new URLSearchParams(chosen)) })
          }
        >
          <Form.Item name="name" label={t(said.name)} rules={[{ required: true, whitespace: true }]}>
            <Input maxLength={40} autoFocus />
          </Form.Item>
          <div className="dialog-foot">
            <Button onClick={() => setSaving(false)}>{t(words.cancel)}</Button>
            <Button type="primary" htmlType="submit" loading={changed.isPending}>
              {t(said.keep)}
            </Button>
          </div>
        </Form>
      </Modal>
    </>
  );
}

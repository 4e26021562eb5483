// The head of every page, and what there is where no page is.
import { Button, Result } from "antd";
import { useEffect, type ReactNode } from "react";
import { Link } from "react-router";

import { texts, useText } from "../text";

const said = texts({
  lost: ["There is no such page", "页面不存在"],
  home: ["To the overview", "返回总览"],
});

export function Page({ title, about, actions, up, children }: {
  /** Also the window's title. */
  title: string;
  /** What stands beside the title: a status, a number. */
  about?: ReactNode;
  actions?: ReactNode;
  /** The list that this is one of. */
  up?: { to: string; title: string };
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · paycore`;
  }, [title]);
  return (
    <>
      {up && (
        <Link to={up.to} className="up">
          ← {up.title}
        </Link>
      )}
      <div className="head">
        <h1>{title}</h1>
        {about && <div className="head-about">{about}</div>}
        {actions && <div className="head-actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

/** A part of a page with a heading and a frame. */
export function Panel({ title, extra, children, flush = false, className = "" }: {
  title?: ReactNode;
  extra?: ReactNode;
  children: ReactNode;
  /** To the edges: for tables. */
  flush?: boolean;
  className?: string;
}) {
  return (
    <section className={`panel ${flush ? "panel-flush" : ""} ${className}`}>
      {(title || extra) && (
        <div className="panel-head">
          <h2>{title}</h2>
          {extra && <div className="panel-extra">{extra}</div>}
        </div>
      )}
      <div className="panel-body">{children}</div>
    </section>
  );
}

/** Names and values, in columns as there is room. */
export function Facts({ items }: {
  items: readonly (readonly [label: string, value: ReactNode])[];
}) {
  return (
    <dl className="facts">
      {items.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>{value ?? "—"}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Lost() {
  const t = useText();
  return (
    <Result
      status="404"
      title={t(said.lost)}
      extra={
        <Link to="/">
          <Button>{t(said.home)}</Button>
        </Link>
      }
    />
  );
}

// A page that breaks must not take the console with it.
import { Button, Result } from "antd";
import { Component, type ReactNode } from "react";

import { useText } from "../text";
import { texts } from "../text";
import { words } from "../text/words";

const said = texts({
  broke: ["This page broke", "页面出错"],
  brokeHint: [
    "The rest of the console works. Nothing was changed by this.",
    "控制台其他部分可正常使用，此错误未更改任何数据。",
  ],
});

interface Props {
  children: ReactNode;
  /** Another value is another try. */
  at: string;
}

export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: Props) {
    if (before.at !== this.props.at && this.state.error) this.setState({ error: null });
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return <Broke error={this.state.error} again={() => this.setState({ error: null })} />;
  }
}

function Broke({ error, again }: { error: Error; again: () => void }) {
  const t = useText();
  return (
    <Result
      status="warning"
      title={t(said.broke)}
      subTitle={t(said.brokeHint)}
      extra={<Button onClick={again}>{t(words.again)}</Button>}
    >
      <code>{error.name}</code>
    </Result>
  );
}

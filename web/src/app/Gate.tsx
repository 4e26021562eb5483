// In front of every page: the log-in, or the console.
import { Button, Result, Spin } from "antd";

import { texts, useText } from "../text";
import { words } from "../text/words";
import { Frame } from "./Frame";
import { LogIn } from "./LogIn";
import { useKnown } from "./session";

const said = texts({
  away: ["The server does not answer", "服务器无响应"],
});

export function Gate() {
  const { state, ask } = useKnown();
  const t = useText();
  if (state === "asking") {
    return (
      <div className="gate" role="status" aria-label={t(words.loading)}>
        <Spin />
      </div>
    );
  }
  if (state === "away") {
    return (
      <main className="gate">
        <Result
          status="warning"
          title={t(said.away)}
          extra={<Button onClick={ask}>{t(words.again)}</Button>}
        />
      </main>
    );
  }
  if (state === "out" || state === "ended") return <LogIn ended={state === "ended"} />;
  return <Frame />;
}

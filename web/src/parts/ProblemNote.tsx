// Bad news in the reader's words, with the code by which it can be looked up.
import { Alert, Button } from "antd";

import { NO_ANSWER, STRANGE_ANSWER, problemOf } from "../api/problem";
import { useText } from "../text";
import { words } from "../text/words";

export function ProblemNote({ problem: given, again, reading = false }: {
  problem: unknown;
  again?: () => void;
  /** Nothing was to be changed: an answer that did not come leaves no doubt behind. */
  reading?: boolean;
}) {
  const problem = problemOf(given);
  const t = useText();
  const own =
    problem.code === NO_ANSWER
      ? t(reading ? words.noAnswerRead : words.noAnswer)
      : problem.code === STRANGE_ANSWER
        ? t(words.strangeAnswer)
        : undefined;
  return (
    <Alert
      type="error"
      showIcon
      className="problem"
      title={own ?? problem.detail}
      description={
        <span className="quiet">
          <code>{problem.code}</code>
          {problem.field && (
            <>
              {" · "}
              <code>{problem.field}</code>
            </>
          )}
        </span>
      }
      action={
        again && (
          <Button size="small" onClick={again}>
            {t(words.again)}
          </Button>
        )
      }
    />
  );
}

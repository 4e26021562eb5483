// Long work that somebody began: how far it is, until it has ended.
import { useQuery } from "@tanstack/react-query";
import { Button, Progress } from "antd";

import { get } from "../api/client";
import { texts, useLanguage, useText } from "../text";
import { numberText } from "../text/format";
import { words } from "../text/words";
import { Panel } from "./Page";
import { ProblemNote } from "./ProblemNote";

const EVERY_MS = 1_000;

export interface Work {
  work_id: string;
  kind: string;
  begun_by: string;
  begun_at: string;
  ended_at: string | null;
  done: number;
  /** null: it is not known beforehand. */
  total: number | null;
  state: "RUNNING" | "DONE" | "FAILED" | "LOST";
  said: string;
}

const said = texts({
  running: ["{done} done", "已完成 {done}"],
  of: ["{done} of {all}", "{done} / {all}"],
  label: ["How far it is", "进度"],
  lost: [
    "The node that was at it is gone: begin it again.",
    "执行该任务的节点已失联，请重新发起。",
  ],
});

/** The work that a page's address names, until somebody puts it away. */
export function WorkPanel({ title, workId, close }: {
  title: string;
  workId: string | null;
  close: () => void;
}) {
  const t = useText();
  if (workId === null) return null;
  return (
    <Panel
      title={title}
      extra={
        <Button size="small" type="text" onClick={close}>
          {t(words.close)}
        </Button>
      }
    >
      <WorkProgress workId={workId} />
    </Panel>
  );
}

function WorkProgress({ workId }: { workId: string }) {
  const t = useText();
  const { language } = useLanguage();
  const asked = useQuery({
    queryKey: ["/v1/console/works", workId],
    queryFn: ({ signal }) => get<Work>(`/v1/console/works/${workId}`, undefined, signal),
    refetchInterval: ({ state }) => (state.data && state.data.state !== "RUNNING" ? false : EVERY_MS),
  });
  const { data } = asked;
  if (asked.isError) return <ProblemNote problem={asked.error} reading />;
  if (!data) return null;
  const { state, total } = data;
  const share = total ? Math.floor((100 * data.done) / total) : 50;
  const done = numberText(data.done, language);
  return (
    <div role="status">
      <Progress
        aria-label={t(said.label)}
        percent={state === "DONE" ? 100 : share}
        status={state === "RUNNING" ? "active" : state === "DONE" ? "success" : "exception"}
        showInfo={total !== null || state !== "RUNNING"}
      />
      <p className="quiet">
        {total === null
          ? t(said.running, { done })
          : t(said.of, { done, all: numberText(total, language) })}
        {data.said && ` · ${data.said}`}
        {state === "LOST" && ` · ${t(said.lost)}`}
      </p>
    </div>
  );
}

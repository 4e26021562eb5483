// Long work that somebody began: how far it is, until it has ended.
import { useQuery } from "@tanstack/react-query";
import { Progress } from "antd";

import { get } from "../api/client";
import { texts, useLanguage, useText } from "../text";
import { numberText } from "../text/format";
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
  failed: boolean;
  said: string;
}

const said = texts({
  running: ["{done} done", "已完成 {done}"],
  of: ["{done} of {all}", "{done} / {all}"],
  label: ["How far it is", "进度"],
});

export function WorkProgress({ workId }: { workId: string }) {
  const t = useText();
  const { language } = useLanguage();
  const asked = useQuery({
    queryKey: ["/v1/console/work", workId],
    queryFn: ({ signal }) => get<Work>(`/v1/console/work/${workId}`, undefined, signal),
    refetchInterval: ({ state }) => (state.data?.ended_at ? false : EVERY_MS),
  });
  const { data } = asked;
  if (asked.isError) return <ProblemNote problem={asked.error} reading />;
  if (!data) return null;
  const ended = data.ended_at !== null;
  const share = data.total ? Math.floor((100 * data.done) / data.total) : ended ? 100 : 50;
  const done = numberText(data.done, language);
  return (
    <div className="work" role="status" aria-label={t(said.label)}>
      <Progress
        percent={ended && !data.failed ? 100 : share}
        status={data.failed ? "exception" : ended ? "success" : "active"}
        showInfo={data.total !== null || ended}
      />
      <p className="quiet">
        {data.total === null
          ? t(said.running, { done })
          : t(said.of, { done, all: numberText(data.total, language) })}
        {data.said && ` · ${data.said}`}
      </p>
    </div>
  );
}

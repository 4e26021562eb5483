// Jobs by the day: when each ran, what came of it, and a run out of turn.
import { DatePicker, Form } from "antd";
import type { Dayjs } from "dayjs";
import { useMemo, useState } from "react";

import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { Page, Panel } from "../../parts/Page";
import { Pill, Time } from "../../parts/Show";
import { WorkPanel } from "../../parts/WorkProgress";
import { useWork } from "../../parts/work";
import { useLanguage, useText } from "../../text";
import { durationText } from "../../text/format";
import type { Tone } from "../../text/words";
import { about, said } from "./texts";

const AT = "/v1/console/jobs";

interface Job {
  job: string;
  day: string | null;
  last_run_at: string | null;
  finished_at: string | null;
  took_s: number | null;
  tries: number;
  result: string;
  node: string;
  hour: number;
  next_run_at: string | null;
}

/** The one that works off what is due of each day, and may be told which. */
const OF_DAY = "statements";

export default function Jobs() {
  const t = useText();
  const [act, setAct] = useState<Act | null>(null);
  const [work, show] = useWork();
  const columns = useColumns(setAct, show);
  return (
    <Page title={t(said.title)}>
      <WorkPanel title={t(said.this)} workId={work} close={() => show(null)} />
      <Panel flush>
        <CursorTable<Job>
          path={AT}
          columns={columns}
          rowKey={(one) => one.job}
          label={t(said.title)}
          everyMs={3_000}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function stateOf(one: Job): { tone: Tone; text: "done" | "failed" | "waits" | "never" } {
  if (one.last_run_at === null) return { tone: "calm", text: "never" };
  if (one.finished_at !== null) return { tone: "good", text: "done" };
  return one.tries > 0 ? { tone: "bad", text: "failed" } : { tone: "busy", text: "waits" };
}

function DayField() {
  const t = useText();
  return (
    <Form.Item
      name="day"
      label={t(said.forDay)}
      extra={t(said.forDayHint)}
      normalize={(at: Dayjs | null) => at?.format("YYYY-MM-DD")}
      getValueProps={() => ({})}
    >
      <DatePicker className="whole" />
    </Form.Item>
  );
}

function useColumns(
  open: (act: Act) => void,
  show: (workId: string) => void,
): Columns<Job> {
  const t = useText();
  const { language } = useLanguage();
  return useMemo(
    () => [
      {
        title: t(said.job),
        render: (_, one) => (
          <span className="stacked">
            <b>{one.job}</b>
            <span className="quiet">{about[one.job] && t(about[one.job] ?? ["", ""])}</span>
          </span>
        ),
      },
      {
        title: t(said.state),
        render: (_, one) => {
          const { tone, text } = stateOf(one);
          return (
            <span className="with-pill">
              <Pill tone={tone}>{t(said[text])}</Pill>
              {one.tries > 0 && <span className="quiet">{t(said.tries, { n: one.tries })}</span>}
            </span>
          );
        },
      },
      {
        title: t(said.last),
        render: (_, one) => (
          <span className="stacked">
            <Time at={one.finished_at ?? one.last_run_at} />
            {one.last_run_at && (
              <span className="quiet">
                {[
                  one.day,
                  one.node,
                  one.took_s !== null && durationText(one.took_s, language),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
            )}
          </span>
        ),
      },
      { title: t(said.next), render: (_, one) => <Time at={one.next_run_at} /> },
      {
        title: t(said.result),
        className: "wraps-cell",
        render: (_, one) => one.result || "—",
      },
      {
        title: <span className="heard">{t(said.acts)}</span>,
        align: "right",
        render: (_, one) => (
          <ActButton
            needs="ACT"
            size="small"
            onClick={() =>
              open({
                title: t(said.run),
                will: t(said.runWill, { job: one.job }),
                path: `${AT}/${one.job}/runs`,
                fields: one.job === OF_DAY && <DayField />,
                then: (answer) => show((answer as { work_id: string }).work_id),
                silent: true,
              })
            }
          >
            {t(said.run)}
          </ActButton>
        ),
      },
    ],
    [t, language, open, show],
  );
}

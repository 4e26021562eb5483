// The routing rules in force, and a draft of the next ones: looked at by the API as it is
// written, published as a version.
import { useQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { useState } from "react";

import { call, newKey } from "../../api/client";
import { ActButton } from "../../parts/ActButton";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { Asked, useAsked } from "../../parts/Asked";
import { Page, Panel } from "../../parts/Page";
import { ProblemNote } from "../../parts/ProblemNote";
import { Sections } from "../../parts/Sections";
import { Pill } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { timeText } from "../../text/format";
import { differences } from "./differences";
import { Diff } from "./Diff";
import { keepDraft, useDraft, type Draft } from "./draft";
import { EditRule } from "./EditRule";
import "./page.css";
import { Rules } from "./Rules";
import { AT, SECTIONS } from "./sections";
import { said } from "./texts";
import { Types } from "./Types";
import type { Problems, Rule, Standing } from "./types";

export default function RoutesPage() {
  const t = useText();
  const { language } = useLanguage();
  const draft = useDraft();
  const [act, setAct] = useState<Act | null>(null);
  const asked = useAsked<Standing>(AT);
  const { data } = asked;
  const published =
    data?.published_at &&
    t(said.published, { at: timeText(data.published_at, language), name: data.by ?? "—" });
  return (
    <Page
      title={t(said.title)}
      about={
        data && (
          <span className="quiet">
            {t(said.version, { n: data.version })}
            {published && ` · ${published}`}
          </span>
        )
      }
      actions={
        data &&
        !draft && (
          <ActButton
            needs="CONFIGURE"
            type="primary"
            onClick={() => keepDraft({ on: data.version, rules: data.rules })}
          >
            {t(said.edit)}
          </ActButton>
        )
      }
    >
      <Sections of={SECTIONS} label={t(said.title)} />
      <p className="intro">{t(said.about)}</p>
      <Asked of={asked}>
        {(now) =>
          draft ? (
            <Drafting draft={draft} now={now} open={setAct} />
          ) : (
            <>
              <Panel flush>
                <Rules rules={now.rules} />
              </Panel>
              <Panel flush title={t(said.types)}>
                <Types of={now.types} />
              </Panel>
            </>
          )
        }
      </Asked>
      <ActDialog act={act} close={() => setAct(null)} />
    </Page>
  );
}

function Drafting({ draft, now, open }: {
  draft: Draft;
  now: Standing;
  open: (act: Act) => void;
}) {
  const t = useText();
  const [editing, setEditing] = useState<Rule | "new" | null>(null);
  const { rules } = draft;
  const changes = differences(now.rules, rules);
  const looked = useQuery({
    queryKey: [`${AT}/validations`, rules],
    queryFn: ({ signal }) =>
      call<Problems>("POST", `${AT}/validations`, { body: { rules }, key: newKey(), signal }),
    staleTime: Infinity,
  });
  const problems = looked.data?.problems ?? [];
  const no =
    changes.length === 0
      ? t(said.unchanged)
      : looked.isPending
        ? t(said.checking)
        : problems.length > 0 && t(said.wrong);

  function keep(rule: Rule) {
    const there = rules.some((one) => one.rule_id === rule.rule_id);
    keepDraft({
      ...draft,
      rules: there
        ? rules.map((one) => (one.rule_id === rule.rule_id ? rule : one))
        : [...rules, rule],
    });
    setEditing(null);
  }

  return (
    <>
      <Panel
        flush
        title={
          <>
            <Pill tone="busy">{t(said.editing)}</Pill>{" "}
            <span className="quiet thin">{t(said.editingHint)}</span>
          </>
        }
        extra={
          <>
            <Verdict problems={problems} looked={looked.isSuccess} />
            <Button size="small" onClick={() => setEditing("new")}>
              {t(said.add)}
            </Button>
          </>
        }
      >
        {looked.isError && <ProblemNote problem={looked.error} reading />}
        <Rules
          rules={rules}
          problems={problems}
          known={now.rules.map((rule) => rule.rule_id)}
          change={setEditing}
          keep={keep}
          remove={(rule) =>
            keepDraft({ ...draft, rules: rules.filter((one) => one !== rule) })
          }
        />
      </Panel>
      <Panel title={t(said.diff)}>
        <Diff of={changes} none={t(said.unchanged)} />
        <div className="dialog-foot">
          <Button type="text" danger onClick={() => keepDraft(null)}>
            {t(said.stop)}
          </Button>
          <ActButton
            needs="CONFIGURE"
            type="primary"
            no={no}
            onClick={() =>
              open({
                title: t(said.publish),
                will: (
                  <>
                    <p>{t(said.publishWill)}</p>
                    <Diff of={changes} none={t(said.unchanged)} />
                  </>
                ),
                path: AT,
                body: { rules, on_version: draft.on },
                then: () => keepDraft(null),
                silent: true,
              })
            }
          >
            {t(said.publish)}
          </ActButton>
        </div>
      </Panel>
      <EditRule
        rule={editing}
        taken={rules.map((rule) => rule.rule_id)}
        keep={keep}
        close={() => setEditing(null)}
      />
    </>
  );
}

function Verdict({ problems, looked }: { problems: Problems["problems"]; looked: boolean }) {
  const t = useText();
  if (!looked) return null;
  return problems.length > 0 ? (
    <Pill tone="bad">{t(said.problems, { n: problems.length })}</Pill>
  ) : (
    <Pill tone="good">{t(said.fine)}</Pill>
  );
}

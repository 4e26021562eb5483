// Rules as a table; of a draft, with what is wrong beside each.
import { Button, Empty } from "antd";

import { Scroll } from "../../parts/Scroll";
import { Pill } from "../../parts/Show";
import { useText } from "../../text";
import { said } from "./texts";
import type { Problems, Rule } from "./types";

export function Rules({ rules, problems = [], known = [], change, keep, remove }: {
  rules: readonly Rule[];
  problems?: Problems["problems"];
  /** Of a draft: which rules were there before. They are switched off, never removed. */
  known?: readonly string[];
  change?: (rule: Rule) => void;
  keep?: (rule: Rule) => void;
  remove?: (rule: Rule) => void;
}) {
  const t = useText();
  if (rules.length === 0) {
    return (
      <div className="pad">
        <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(said.none)} />
      </div>
    );
  }
  return (
    <Scroll label={t(said.rules)}>
      <table className="plain rules" aria-label={t(said.rules)}>
        <thead>
          <tr>
            <th scope="col">{t(said.rule)}</th>
            <th scope="col">{t(said.condition)}</th>
            <th scope="col">{t(said.effect)}</th>
            <th scope="col">{t(said.place)}</th>
            <th scope="col">{t(said.enabled)}</th>
            {change && (
              <th scope="col">
                <span className="heard">{t(said.acts)}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rules.map((rule) => {
            const wrong = problems.filter((one) => one.rule === rule.rule_id);
            return (
              <tr key={rule.rule_id} className={rule.enabled ? "" : "gone"}>
                <td>
                  <b>{rule.rule_id}</b>
                  <br />
                  <span className="quiet">{rule.title}</span>
                </td>
                <td className="rule-where">
                  <code>{rule.condition}</code>
                  {wrong.map(({ says }) => (
                    <p key={says} className="rule-wrong">
                      {says}
                    </p>
                  ))}
                </td>
                <td>
                  <Pill tone={rule.effect === "DROP" ? "bad" : "good"}>
                    {t(said[rule.effect])}
                  </Pill>
                </td>
                <td>
                  {rule.channel}
                  <span className="quiet"> / {rule.account ?? t(said.all)}</span>
                </td>
                <td>{t(rule.enabled ? said.yes : said.off)}</td>
                {change && (
                  <td className="right">
                    <span className="acts">
                      <Button size="small" onClick={() => change(rule)}>
                        {t(said.change)}
                      </Button>
                      {known.includes(rule.rule_id) ? (
                        <Button
                          size="small"
                          type="text"
                          danger={rule.enabled}
                          onClick={() => keep?.({ ...rule, enabled: !rule.enabled })}
                        >
                          {t(rule.enabled ? said.turnOff : said.turnOn)}
                        </Button>
                      ) : (
                        <Button size="small" type="text" danger onClick={() => remove?.(rule)}>
                          {t(said.remove)}
                        </Button>
                      )}
                    </span>
                  </td>
                )}
              </tr>
            );
          })}
        </tbody>
      </table>
    </Scroll>
  );
}

import { useText, type Text } from "../../text";
import type { Difference } from "./differences";
import { said } from "./texts";
import type { Rule } from "./types";

const CALLED: Record<keyof Rule, Text> = {
  rule_id: said.name,
  title: said.says,
  condition: said.condition,
  effect: said.effect,
  channel: said.channel,
  account: said.account,
  enabled: said.enabled,
};

/** Rule by rule: what was in red, what is to be in green, each said by a sign as well. */
export function Diff({ of, none }: { of: Difference[]; none: string }) {
  const t = useText();
  if (of.length === 0) return <p className="quiet">{none}</p>;
  return (
    <ul className="diff">
      {of.map(({ rule, what, members }) => (
        <li key={rule}>
          <p>
            <b>{rule}</b> <span className={`diff-${what}`}>{t(said[what])}</span>
          </p>
          <dl>
            {members.map(({ name, before, after }) => (
              <div key={name}>
                <dt>{t(CALLED[name])}</dt>
                <dd>
                  {before && (
                    <del>
                      <span aria-hidden="true">− </span>
                      {before}
                    </del>
                  )}
                  {after && (
                    <ins>
                      <span aria-hidden="true">+ </span>
                      {after}
                    </ins>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

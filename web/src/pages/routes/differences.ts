// What differs between two sets of rules, rule by rule and member by member.
import type { Rule } from "./types";

export interface Difference {
  rule: string;
  what: "added" | "removed" | "changed";
  members: { name: keyof Rule; before: string; after: string }[];
}

const MEMBERS = ["title", "condition", "effect", "channel", "account", "enabled"] as const;

export function differences(before: readonly Rule[], after: readonly Rule[]): Difference[] {
  const old = new Map(before.map((rule) => [rule.rule_id, rule]));
  const found: Difference[] = after.flatMap((rule) => {
    const was = old.get(rule.rule_id);
    old.delete(rule.rule_id);
    const members = MEMBERS.filter((name) => was?.[name] !== rule[name])
      .map((name) => ({
        name,
        before: was ? text(was[name]) : "",
        after: text(rule[name]),
      }))
      .filter(({ before, after }) => before !== after);
    if (members.length === 0) return [];
    return [{ rule: rule.rule_id, what: was ? "changed" : "added", members }];
  });
  const gone = [...old.values()].map((rule) => ({
    rule: rule.rule_id,
    what: "removed" as const,
    members: MEMBERS.map((name) => ({ name, before: text(rule[name]), after: "" })).filter(
      (member) => member.before !== "",
    ),
  }));
  return [...found, ...gone];
}

/** What stands once these are published: a rule that they leave out is switched off. */
export function published(now: readonly Rule[], rules: readonly Rule[]): Rule[] {
  const named = new Set(rules.map((rule) => rule.rule_id));
  const left = now.filter((rule) => !named.has(rule.rule_id));
  return [...rules, ...left.map((rule) => ({ ...rule, enabled: false }))];
}

function text(value: string | boolean | null): string {
  return value === null ? "" : String(value);
}

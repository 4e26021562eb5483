import { CloseOutlined, FilterOutlined, SearchOutlined } from "@ant-design/icons";
import { Button, DatePicker, Input, Select } from "antd";
import dayjs from "dayjs";
import { useEffect, useState, type ReactNode } from "react";

import { useText } from "../text";
import { amountText, minorOf } from "../text/format";
import { words } from "../text/words";
import { holdsSecret } from "./secrets";
import { parametersOf, type Chosen, type Filter } from "./filters";

interface Props {
  filters: readonly Filter[];
  chosen: Chosen;
  choose: (changes: Record<string, string | undefined>) => void;
  /** What else belongs into the bar: saved views, an export. */
  extra?: ReactNode;
}

export function FilterBar({ filters, chosen, choose, extra }: Props) {
  const t = useText();
  const [all, setAll] = useState(false);
  const any = Object.keys(chosen).length > 0;
  const none = Object.fromEntries(Object.keys(chosen).map((name) => [name, undefined]));
  const used = (filter: Filter) => parametersOf(filter).some((name) => chosen[name]);
  const shown = filters.filter((filter) => all || !filter.rare || used(filter));
  return (
    <search className="filters" aria-label={t(words.filters)}>
      {shown.map((filter) => (
        <One key={filter.name} filter={filter} chosen={chosen} choose={choose} />
      ))}
      {(all || shown.length < filters.length) && (
        <Button
          type="text"
          icon={<FilterOutlined />}
          aria-expanded={all}
          onClick={() => setAll(!all)}
        >
          {t(all ? words.fewerFilters : words.moreFilters)}
        </Button>
      )}
      {any && (
        <Button type="text" icon={<CloseOutlined />} onClick={() => choose(none)}>
          {t(words.clear)}
        </Button>
      )}
      {extra && <span className="filters-extra">{extra}</span>}
    </search>
  );
}

type OneProps = Omit<Props, "filters" | "extra"> & { filter: Filter };

function One({ filter, chosen, choose }: OneProps) {
  const t = useText();
  if (filter.kind === "choice") {
    const value = chosen[filter.name];
    return (
      <Select
        className="filter"
        aria-label={t(filter.label)}
        placeholder={t(filter.label)}
        value={value ?? null}
        allowClear
        popupMatchSelectWidth={false}
        showSearch={filter.options.length > 8 && { optionFilterProp: "label" }}
        options={filter.options.map(({ value, label }) => ({
          value,
          label: typeof label === "string" ? label : t(label),
        }))}
        onChange={(next: string | null) => choose({ [filter.name]: next ?? undefined })}
      />
    );
  }
  if (filter.kind === "days") return <Days chosen={chosen} choose={choose} />;
  if (filter.kind === "amounts") {
    return <Amounts label={t(filter.label)} chosen={chosen} choose={choose} />;
  }
  return <Search filter={filter} chosen={chosen} choose={choose} />;
}

function Search({ filter, chosen, choose }: OneProps & {
  filter: Extract<Filter, { kind: "search" }>;
}) {
  const t = useText();
  const given = chosen[filter.name] ?? "";
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  const secret = holdsSecret(text);
  const go = () => {
    if (!secret && text.trim() !== given) choose({ [filter.name]: text.trim() });
  };
  return (
    <span className={filter.wide ? "filter filter-wide" : "filter"}>
      <Input
        value={text}
        prefix={<SearchOutlined aria-hidden="true" />}
        placeholder={t(filter.label)}
        aria-label={t(filter.label)}
        title={filter.hint && t(filter.hint)}
        status={secret ? "error" : ""}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === "" && given) choose({ [filter.name]: undefined });
        }}
        onPressEnter={go}
        onBlur={go}
        autoComplete="off"
        spellCheck={false}
        maxLength={128}
        allowClear
      />
      {secret && (
        <small className="filter-no" role="alert">
          {t(words.wholeNumber)}
        </small>
      )}
    </span>
  );
}

function Days({ chosen, choose }: Pick<Props, "chosen" | "choose">) {
  const t = useText();
  const [from, to] = [chosen.from, chosen.to];
  return (
    <DatePicker.RangePicker
      className="filter filter-days"
      allowEmpty={[true, true]}
      aria-label={`${t(words.from)} – ${t(words.to)}`}
      placeholder={[t(words.from), t(words.to)]}
      value={[from ? dayjs(from) : null, to ? dayjs(to).subtract(1, "ms") : null]}
      onChange={(days) =>
        choose({
          from: days?.[0]?.startOf("day").toISOString(),
          // The API's `to` is the first moment that is too late.
          to: days?.[1]?.add(1, "day").startOf("day").toISOString(),
        })
      }
    />
  );
}

function Amounts({ label, chosen, choose }: Pick<Props, "chosen" | "choose"> & {
  label: string;
}) {
  const t = useText();
  const currency = chosen.currency ?? "CNY";
  return (
    <span className="filter filter-amounts" role="group" aria-label={label}>
      {(["amount_from", "amount_to"] as const).map((name) => {
        const limit = t(name === "amount_from" ? words.from : words.to);
        return (
          <AmountInput
            key={`${name} ${chosen[name]} ${currency}`}
            label={`${label}: ${limit}`}
            hint={`${label} ${name === "amount_from" ? "≥" : "≤"}`}
            minor={chosen[name]}
            currency={currency}
            set={(minor) => choose({ [name]: minor })}
          />
        );
      })}
    </span>
  );
}

function AmountInput({ label, hint, minor, currency, set }: {
  label: string;
  hint: string;
  minor: string | undefined;
  currency: string;
  set: (minor: string | undefined) => void;
}) {
  const [text, setText] = useState(minor ? amountText(Number(minor), currency) : "");
  const value = text.trim() === "" ? undefined : minorOf(text, currency);
  const wrong = text.trim() !== "" && value === undefined;
  const go = () => {
    const next = value === undefined ? undefined : String(value);
    if (!wrong && next !== minor) set(next);
  };
  return (
    <Input
      value={text}
      placeholder={hint}
      aria-label={label}
      inputMode="decimal"
      status={wrong ? "error" : ""}
      onChange={(event) => setText(event.target.value)}
      onPressEnter={go}
      onBlur={go}
    />
  );
}

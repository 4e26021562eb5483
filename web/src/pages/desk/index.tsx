// Cases that wait for a person, the oldest first.
import { useMemo } from "react";
import { Link, useNavigate } from "react-router";

import { useSession } from "../../app/session";
import { useAsked } from "../../parts/Asked";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { FilterBar } from "../../parts/FilterBar";
import { useFilters, type Filter } from "../../parts/filters";
import { Page, Panel } from "../../parts/Page";
import { Sections, type Section } from "../../parts/Sections";
import { Money, Number, Status, Time, useNow } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { cases } from "../../text/cases";
import { cures } from "../../text/cures";
import { durationText, numberText } from "../../text/format";
import { Kind } from "./Kind";
import "./page.css";
import { said } from "./texts";
import { NOBODY, type Case } from "./types";

const EVERY = "ALL";
const OLD_S = 3_600;
const TOO_OLD_S = 86_400;

export const SECTIONS: readonly Section[] = [
  { to: "/desk", title: said.cases },
  { to: "/desk/unknown", title: said.unknown },
];

const FILTERS: readonly Filter[] = [
  {
    kind: "choice",
    name: "status",
    label: said.open,
    options: [
      { value: "OPEN", label: said.open },
      { value: "CLOSED", label: said.closed },
      { value: EVERY, label: said.everything },
    ],
  },
  {
    kind: "choice",
    name: "kind",
    label: said.kind,
    options: Object.entries(cases).map(([value, label]) => ({ value, label })),
  },
  { kind: "search", name: "pay_order_no", label: said.payment },
  { kind: "search", name: "owner", label: said.owner },
];

export default function Desk() {
  const t = useText();
  const navigate = useNavigate();
  const { chosen, choose } = useFilters(FILTERS);
  const columns = useColumns();
  const status = chosen.status === EVERY ? undefined : (chosen.status ?? "OPEN");
  return (
    <Page title={t(said.title)}>
      <Sections of={SECTIONS} label={t(said.title)} />
      <Kinds chosen={chosen.kind} choose={(kind) => choose({ kind })} />
      <FilterBar filters={FILTERS} chosen={chosen} choose={choose} />
      <Panel flush>
        <CursorTable<Case>
          path="/v1/desk/cases"
          query={{ ...chosen, status }}
          columns={columns}
          rowKey={(one) => one.case_ref}
          label={t(said.cases)}
          everyMs={10_000}
          empty={Object.keys(chosen).length === 0 ? t(said.none) : undefined}
          open={(one) => void navigate(`/desk/${one.case_ref}`)}
        />
      </Panel>
    </Page>
  );
}

interface Counted {
  cases: { kind: string; number: number }[];
}

/** How many of which kind are open: each chooses its kind, or all again. */
function Kinds({ chosen, choose }: {
  chosen: string | undefined;
  choose: (kind: string | undefined) => void;
}) {
  const t = useText();
  const { language } = useLanguage();
  const { data } = useAsked<Counted>("/v1/console/overview", undefined, 10_000);
  if (!data || data.cases.length === 0) return null;
  return (
    <ul className="kinds" aria-label={t(said.byKind)}>
      {data.cases.map(({ kind, number }) => (
        <li key={kind}>
          <button
            type="button"
            aria-pressed={kind === chosen}
            onClick={() => choose(kind === chosen ? undefined : kind)}
          >
            <b>{numberText(number, language)}</b> <Kind code={kind} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** How long it has waited, the louder the longer. */
export function Age({ since }: { since: string }) {
  const { language } = useLanguage();
  const now = useNow(10_000);
  const s = (now - Date.parse(since)) / 1000;
  const looks = s > TOO_OLD_S ? "age-bad" : s > OLD_S ? "age-warn" : "";
  return (
    <time dateTime={since} title={since} className={`time ${looks}`}>
      {durationText(s, language)}
    </time>
  );
}

export function Owner({ name }: { name: string }) {
  const t = useText();
  const me = useSession().name;
  if (name === NOBODY) return <span className="quiet">{t(said.nobody)}</span>;
  return name === me ? <b>{t(said.you)}</b> : <>{name}</>;
}

function useColumns(): Columns<Case> {
  const t = useText();
  return useMemo(
    () => [
      {
        title: t(said.age),
        render: (_, one) =>
          one.closed_at ? <Time at={one.opened_at} /> : <Age since={one.opened_at} />,
      },
      {
        title: t(said.kind),
        render: (_, one) => (
          <Link to={`/desk/${one.case_ref}`}>
            <Kind code={one.kind} />
          </Link>
        ),
      },
      {
        title: t(said.amount),
        align: "right",
        render: (_, one) => <Money amount={one.amount} currency={one.currency} strong />,
      },
      {
        title: t(said.payment),
        render: (_, one) =>
          one.pay_order_no ? (
            <Link to={`/payments/${one.pay_order_no}`}>
              <Number no={one.pay_order_no} />
            </Link>
          ) : (
            "—"
          ),
      },
      {
        title: t(said.suggested),
        render: (_, one) => {
          const best = cures[one.suggested[0] ?? ""];
          return best ? t(best.name) : (one.suggested[0] ?? "—");
        },
      },
      { title: t(said.owner), render: (_, one) => <Owner name={one.owner} /> },
      {
        title: t(said.status),
        render: (_, one) => <Status code={one.status} />,
      },
    ],
    [t],
  );
}

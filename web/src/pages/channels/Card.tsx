// One account: what it does, what it may still take, and what can be done about it.
import { useMutation } from "@tanstack/react-query";
import { Alert, DatePicker, Form } from "antd";

import { acted } from "../../api/acts";
import { ActButton } from "../../parts/ActButton";
import type { Act } from "../../parts/ActDialog";
import { ProblemNote } from "../../parts/ProblemNote";
import { Scroll } from "../../parts/Scroll";
import { Name, Pill, Time, useNow } from "../../parts/Show";
import { useLanguage, useText } from "../../text";
import { amountText, millionthsText, numberText, timeText } from "../../text/format";
import { said } from "./texts";
import type { Going, Limit, Place, Window } from "./types";

interface Props {
  place: Place;
  /** `/v1/console/channels/unionpay/main` */
  at: string;
  open: (act: Act) => void;
}

export function Card({ place, at, open }: Props) {
  const t = useText();
  const code = place.channel ?? place.carrier ?? "";
  const name = [code, place.account].filter(Boolean).join(" / ");
  const { windows = [] } = place;
  return (
    <section className={place.enabled ? "panel place" : "panel place place-off"} aria-label={name}>
      <div className="place-head">
        <div>
          <h2>
            {code}
            {place.account && <span className="quiet"> / {place.account}</span>}
          </h2>
          <p className="quiet small">{place.name}</p>
        </div>
        <Standing place={place} />
      </div>
      {place.operations && <Operations of={place.operations} />}
      {place.limits.length > 0 && (
        <div className="place-part">
          <h3>{t(said.limits)}</h3>
          {place.limits.map((limit) => (
            <Used key={limit.name} limit={limit} />
          ))}
        </div>
      )}
      {windows.length > 0 && (
        <div className="place-part">
          <h3>{t(said.windows)}</h3>
          <ul>
            {windows.map((window) => (
              <Planned key={window.window_id} window={window} name={name} at={at} open={open} />
            ))}
          </ul>
        </div>
      )}
      <div className="place-acts">
        <Acts place={place} name={name} at={at} open={open} />
      </div>
    </section>
  );
}

function Standing({ place }: { place: Place }) {
  const t = useText();
  const { language } = useLanguage();
  const now = useNow(5_000);
  const inside = place.windows?.find(
    ({ from, to }) => Date.parse(from) <= now && now < Date.parse(to),
  );
  if (!place.enabled) return <Pill tone="calm">{t(said.off)}</Pill>;
  if (inside) {
    const at = timeText(inside.to, language, false);
    return <Pill tone="warn">{t(said.inWindow, { at })}</Pill>;
  }
  if (place.operations?.some((one) => one.breaker === "OPEN")) {
    return <Pill tone="bad">{t(said.troubled)}</Pill>;
  }
  return <Pill tone="good">{t(said.on)}</Pill>;
}

function Acts({ place, name, at, open }: Props & { name: string }) {
  const t = useText();
  return (
    <>
      {place.windows && (
        <ActButton
          needs="CONFIGURE"
          size="small"
          onClick={() =>
            open({
              title: t(said.window),
              will: t(said.windowWill, { name }),
              path: `${at}/windows`,
              fields: <Times />,
              silent: true,
            })
          }
        >
          {t(said.window)}
        </ActButton>
      )}
      {place.enabled ? (
        <ActButton
          needs="ACT"
          size="small"
          danger
          onClick={() =>
            open({
              title: t(said.switchOff),
              will: t(said.switchOffWill, { name }),
              path: `${at}/switch`,
              body: { enabled: false },
              grave: true,
              silent: true,
            })
          }
        >
          {t(said.switchOff)}
        </ActButton>
      ) : (
        <ActButton
          needs="CONFIGURE"
          size="small"
          type="primary"
          onClick={() =>
            open({
              title: t(said.switchOn),
              will: t(said.switchOnWill, { name }),
              path: `${at}/switch`,
              body: { enabled: true },
              silent: true,
            })
          }
        >
          {t(said.switchOn)}
        </ActButton>
      )}
      <Check at={at} />
    </>
  );
}

function Times() {
  const t = useText();
  const how = { showTime: { format: "HH:mm" }, format: "YYYY-MM-DD HH:mm" } as const;
  return (
    <div className="times">
      <Form.Item
        name="from"
        label={t(said.from)}
        rules={[{ required: true, message: t(said.fromNeeded) }]}
      >
        <DatePicker {...how} />
      </Form.Item>
      <Form.Item
        name="to"
        label={t(said.to)}
        rules={[{ required: true, message: t(said.toNeeded) }]}
      >
        <DatePicker {...how} />
      </Form.Item>
    </div>
  );
}

interface Looked {
  ok: boolean;
  says: string[];
}

function Check({ at }: { at: string }) {
  const t = useText();
  const checking = useMutation({
    mutationFn: () => acted<Looked>("POST", `${at}/check`, {}),
  });
  const looked = checking.data;
  return (
    <>
      <ActButton
        needs="ACT"
        size="small"
        hint={t(said.checkHint)}
        loading={checking.isPending}
        onClick={() => checking.mutate()}
      >
        {t(said.check)}
      </ActButton>
      {checking.isError && <ProblemNote problem={checking.error} />}
      {looked && (
        <Alert
          className="place-looked"
          type={looked.ok ? "success" : "error"}
          showIcon
          closable
          title={t(looked.ok ? said.fine : said.notFine)}
          description={looked.says.map((line) => (
            <p key={line}>{line}</p>
          ))}
        />
      )}
    </>
  );
}

const TONES = { CLOSED: "good", HALF_OPEN: "warn", OPEN: "bad" } as const;

function Operations({ of }: { of: Going[] }) {
  const t = useText();
  const { language } = useLanguage();
  if (of.length === 0) return <p className="place-part quiet">{t(said.noCalls)}</p>;
  return (
    <Scroll label={t(said.operation)}>
      <table className="plain place-table">
        <thead>
          <tr>
            <th scope="col">{t(said.operation)}</th>
            <th scope="col">{t(said.breaker)}</th>
            <th scope="col" className="right">
              {t(said.calls)}
            </th>
            <th scope="col" className="right">
              {t(said.failures)}
            </th>
            <th scope="col" className="right">
              {t(said.median)}
            </th>
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={one.operation}>
              <td>
                <Name code={one.operation.toLowerCase()} />
              </td>
              <td>
                <span className={`lamp lamp-${TONES[one.breaker]}`}>
                  {t(said[one.breaker])}
                  <span className="lamp-more">: {t(said[`${one.breaker}_MORE`])}</span>
                </span>
              </td>
              <td className="right">{numberText(one.calls, language)}</td>
              <td className={one.failures > 0 ? "right place-failed" : "right"}>
                {numberText(one.failures, language)}
              </td>
              <td className="right">
                {one.p50_ms === null ? "—" : `${numberText(one.p50_ms, language)} ms`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** A carrier's limit of money, in millionths of whatever it bills in. */
const SPEND = "spend";

function Used({ limit: { name, used, limit } }: { limit: Limit }) {
  const t = useText();
  const { language } = useLanguage();
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  const looks = share >= 0.95 ? "bad" : share >= 0.8 ? "warn" : "good";
  // A limit of money ends with its currency.
  const currency = /\b[A-Z]{3}$/.exec(name)?.[0];
  const digits = (value: number) => {
    if (name === SPEND) return millionthsText(value);
    return currency ? amountText(value, currency) : numberText(value, language);
  };
  return (
    <div className="used">
      <span>{name === SPEND ? t(said.spend) : name}</span>
      <span className={`used-bar used-${looks}`} aria-hidden="true">
        <span style={{ width: `${share * 100}%` }} />
      </span>
      <span className="right">
        {digits(used)} <span className="quiet">/ {digits(limit)}</span>
      </span>
    </div>
  );
}

function Planned({ window, name, at, open }: Omit<Props, "place"> & {
  window: Window;
  name: string;
}) {
  const t = useText();
  return (
    <li className="planned">
      <span>
        <Time at={window.from} /> – <Time at={window.to} />
        <br />
        <span className="quiet small">
          {window.why} · {t(said.by, { name: window.by })}
        </span>
      </span>
      <ActButton
        needs="CONFIGURE"
        size="small"
        type="text"
        onClick={() =>
          open({
            title: t(said.end),
            will: t(said.endWill, { name }),
            path: `${at}/windows/${window.window_id}/end`,
            silent: true,
          })
        }
      >
        {t(said.end)}
      </ActButton>
    </li>
  );
}

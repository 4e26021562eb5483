// Who may work here, as what, and who no longer. An invitation is shown this once.
import { UserAddOutlined } from "@ant-design/icons";
import { Button, Form, Input, Select } from "antd";
import { useMemo, useState } from "react";
import { Link } from "react-router";

import { useMay, useSession } from "../../app/session";
import { ActDialog, type Act } from "../../parts/ActDialog";
import { CursorTable, type Columns } from "../../parts/CursorTable";
import { Page, Panel } from "../../parts/Page";
import { SecretOnce } from "../../parts/SecretOnce";
import { Name, Pill, Time } from "../../parts/Show";
import { useText } from "../../text";
import { names } from "../../text/words";
import { said } from "./texts";

const AT = "/v1/console/operators";
const ROLES = ["viewer", "operator", "approver", "admin"] as const;

interface Operator {
  operator_id: string;
  name: string;
  role: string;
  created_at: string;
  revoked_at: string | null;
  last_seen_at: string | null;
  enrolled: boolean;
}

interface Invited {
  invitation: string;
  expires_at: string;
}

export default function Operators() {
  const t = useText();
  const may = useMay();
  const [act, setAct] = useState<Act | null>(null);
  const [invited, setInvited] = useState<Invited | null>(null);
  const shown = (answer: unknown) => setInvited(answer as Invited);
  const columns = useColumns(setAct, shown);
  const page = invited
    ? `${location.origin}/console/enrol#${encodeURIComponent(invited.invitation)}`
    : null;
  return (
    <Page
      title={t(said.title)}
      actions={
        may("ADMINISTER") && (
          <Button
            type="primary"
            icon={<UserAddOutlined />}
            onClick={() =>
              setAct({
                title: t(said.invite),
                will: t(said.inviteWill),
                path: AT,
                fields: <Newcomer />,
                then: shown,
                silent: true,
              })
            }
          >
            {t(said.invite)}
          </Button>
        )
      }
    >
      <Panel flush>
        <CursorTable<Operator>
          path={AT}
          columns={columns}
          rowKey={(operator) => operator.operator_id}
          rowClassName={(operator) => (operator.revoked_at ? "gone" : "")}
          label={t(said.title)}
        />
      </Panel>
      <ActDialog act={act} close={() => setAct(null)} />
      <SecretOnce
        title={t(said.invitation)}
        secret={page}
        hint={t(said.invitationHint)}
        done={() => setInvited(null)}
      />
    </Page>
  );
}

function Newcomer() {
  const t = useText();
  return (
    <>
      <Form.Item
        name="name"
        label={t(said.name)}
        extra={t(said.nameHint)}
        rules={[
          {
            required: true,
            pattern: /^[a-z0-9][a-z0-9._@-]{0,63}$/,
            message: t(said.nameHint),
          },
        ]}
      >
        <Input autoComplete="off" spellCheck={false} maxLength={64} />
      </Form.Item>
      <Form.Item name="role" label={t(said.role)} rules={[{ required: true, message: t(said.chooseRole) }]}>
        <Select
          options={ROLES.map((role) => ({
            value: role,
            label: (
              <>
                {t(names[role] ?? [role, role])}{" "}
                <span className="quiet">{t(said[role])}</span>
              </>
            ),
          }))}
        />
      </Form.Item>
    </>
  );
}

function useColumns(
  open: (act: Act) => void,
  shown: (answer: unknown) => void,
): Columns<Operator> {
  const t = useText();
  const may = useMay();
  const me = useSession().name;
  return useMemo(() => {
    const columns: Columns<Operator> = [
      {
        title: t(said.name),
        dataIndex: "name",
        render: (name: string) => (
          <Link to={`/audit?operator=${encodeURIComponent(name)}`}>
            <b>{name}</b>
          </Link>
        ),
      },
      { title: t(said.role), dataIndex: "role", render: (role: string) => <Name code={role} /> },
      {
        title: t(said.state),
        render: (_, { revoked_at, enrolled }) =>
          revoked_at ? (
            <Pill tone="calm">{t(said.revoked)}</Pill>
          ) : enrolled ? (
            <Pill tone="good">{t(said.active)}</Pill>
          ) : (
            <Pill tone="busy">{t(said.awaited)}</Pill>
          ),
      },
      {
        title: t(said.seen),
        dataIndex: "last_seen_at",
        render: (at: string | null) => (at ? <Time at={at} ago /> : "—"),
      },
      { title: t(said.since), dataIndex: "created_at", render: (at: string) => <Time at={at} /> },
      {
        title: t(said.until),
        dataIndex: "revoked_at",
        render: (at: string | null) => <Time at={at} />,
      },
    ];
    if (!may("ADMINISTER")) return columns;
    return [
      ...columns,
      {
        title: t(said.acts),
        align: "right",
        render: (_, { operator_id, name, revoked_at }) =>
          revoked_at === null && (
            <span className="acts">
              <Button
                size="small"
                onClick={() =>
                  open({
                    title: t(said.renew),
                    will: t(said.renewWill, { name }),
                    path: `${AT}/${operator_id}/invitation`,
                    grave: true,
                    then: shown,
                    silent: true,
                  })
                }
              >
                {t(said.renew)}
              </Button>
              <Button
                size="small"
                type="text"
                danger
                disabled={name === me}
                onClick={() =>
                  open({
                    title: t(said.revoke),
                    will: t(said.revokeWill, { name }),
                    path: `${AT}/${operator_id}/revoke`,
                    grave: true,
                  })
                }
              >
                {t(said.revoke)}
              </Button>
            </span>
          ),
      },
    ];
  }, [t, may, me, open, shown]);
}

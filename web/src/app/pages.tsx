// Every page of the console: where it is, what it is called, who sees it in the menu.
// A page is a folder under `pages/` with an `index.tsx` whose default export is it; its
// own texts are beside it. One row here and it is there, in a file of its own.
import {
  AuditOutlined,
  DashboardOutlined,
  TeamOutlined,
  TransactionOutlined,
} from "@ant-design/icons";
import { lazy, type ComponentType, type LazyExoticComponent, type ReactNode } from "react";

import type { Right } from "../api/types";
import { texts, type Text } from "../text";

export type Group = "money" | "work" | "setup" | "machine" | "people";

export const groups = texts({
  money: ["Money", "资金"],
  work: ["Work", "处理"],
  setup: ["Set-up", "配置"],
  machine: ["Machine", "系统"],
  people: ["People", "人员"],
}) satisfies Record<Group, Text>;

interface Entry {
  /** Below `/console/`, in the router's words: `payments/:no`. */
  path: string;
  title: Text;
  page: LazyExoticComponent<ComponentType>;
  /** In the menu under this group, or in none. */
  group?: Group;
  icon?: ReactNode;
  /** Without it the API refuses all of the page. */
  needs: Right;
}

export const pages: readonly Entry[] = [
  {
    path: "",
    title: ["Overview", "总览"],
    page: lazy(() => import("../pages/overview")),
    group: "money",
    icon: <DashboardOutlined />,
    needs: "READ",
  },
  {
    path: "payments",
    title: ["Payments", "支付单"],
    page: lazy(() => import("../pages/payments")),
    group: "money",
    icon: <TransactionOutlined />,
    needs: "READ",
  },
  {
    path: "payments/:no",
    title: ["Payment", "支付单"],
    page: lazy(() => import("../pages/payment")),
    needs: "READ",
  },
  {
    path: "operators",
    title: ["Operators", "操作员"],
    page: lazy(() => import("../pages/operators")),
    group: "people",
    icon: <TeamOutlined />,
    needs: "READ",
  },
  {
    path: "audit",
    title: ["Audit log", "审计日志"],
    page: lazy(() => import("../pages/audit")),
    group: "people",
    icon: <AuditOutlined />,
    needs: "READ",
  },
  {
    path: "password",
    title: ["Your password", "修改密码"],
    page: lazy(() => import("../pages/password")),
    needs: "READ",
  },
];

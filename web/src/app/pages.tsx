// Every page of the console: where it is, what it is called, who sees it in the menu.
// A page is a folder under `pages/` with an `index.tsx` whose default export is it; its
// own texts are beside it. One row here and it is there, in a file of its own.
import {
  ApiOutlined,
  AuditOutlined,
  BankOutlined,
  BellOutlined,
  BranchesOutlined,
  DashboardOutlined,
  FileProtectOutlined,
  KeyOutlined,
  ReconciliationOutlined,
  RollbackOutlined,
  SafetyOutlined,
  ScheduleOutlined,
  SettingOutlined,
  TagOutlined,
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
    path: "refunds",
    title: ["Refunds", "退款"],
    page: lazy(() => import("../pages/refunds")),
    group: "money",
    icon: <RollbackOutlined />,
    needs: "READ",
  },
  {
    path: "refunds/:no",
    title: ["Refund", "退款"],
    page: lazy(() => import("../pages/refund")),
    needs: "READ",
  },
  {
    path: "agreements",
    title: ["Agreements", "协议"],
    page: lazy(() => import("../pages/agreements")),
    group: "money",
    icon: <FileProtectOutlined />,
    needs: "READ",
  },
  {
    path: "coupons",
    title: ["Coupons", "优惠券"],
    page: lazy(() => import("../pages/coupons")),
    group: "money",
    icon: <TagOutlined />,
    needs: "READ",
  },
  {
    path: "books",
    title: ["Books", "账务"],
    page: lazy(() => import("../pages/books")),
    group: "money",
    icon: <BankOutlined />,
    needs: "READ",
  },
  {
    path: "books/days/:channel/:account/:day",
    title: ["Reconciliation", "对账"],
    page: lazy(() => import("../pages/day")),
    needs: "READ",
  },
  {
    path: "books/balances",
    title: ["Balances", "余额"],
    page: lazy(() => import("../pages/balances")),
    needs: "READ",
  },
  {
    path: "books/postings",
    title: ["Postings", "分录"],
    page: lazy(() => import("../pages/postings")),
    needs: "READ",
  },
  {
    path: "books/trial-balance",
    title: ["Trial balance", "试算平衡"],
    page: lazy(() => import("../pages/trial-balance")),
    needs: "READ",
  },
  {
    path: "desk",
    title: ["Exception desk", "差错处理"],
    page: lazy(() => import("../pages/desk")),
    group: "work",
    icon: <ReconciliationOutlined />,
    needs: "READ",
  },
  {
    path: "desk/:ref",
    title: ["Case", "差错"],
    page: lazy(() => import("../pages/case")),
    needs: "READ",
  },
  {
    path: "desk/unknown",
    title: ["Unknown results", "结果未知"],
    page: lazy(() => import("../pages/unknown")),
    needs: "READ",
  },
  {
    path: "notices",
    title: ["Notices", "通知"],
    page: lazy(() => import("../pages/notices")),
    group: "work",
    icon: <BellOutlined />,
    needs: "READ",
  },
  {
    path: "notices/endpoints",
    title: ["End points", "通知地址"],
    page: lazy(() => import("../pages/endpoints")),
    needs: "READ",
  },
  {
    path: "notices/:id",
    title: ["Notice", "通知"],
    page: lazy(() => import("../pages/notice")),
    needs: "READ",
  },
  {
    path: "channels",
    title: ["Channels", "渠道"],
    page: lazy(() => import("../pages/channels")),
    group: "setup",
    icon: <ApiOutlined />,
    needs: "READ",
  },
  {
    path: "channels/carriers",
    title: ["SMS carriers", "短信通道"],
    page: lazy(() => import("../pages/carriers")),
    needs: "READ",
  },
  {
    path: "routes",
    title: ["Routing", "路由"],
    page: lazy(() => import("../pages/routes")),
    group: "setup",
    icon: <BranchesOutlined />,
    needs: "READ",
  },
  {
    path: "routes/try",
    title: ["Try a route", "路由试算"],
    page: lazy(() => import("../pages/route-trial")),
    needs: "READ",
  },
  {
    path: "routes/versions",
    title: ["Versions of the rules", "规则版本"],
    page: lazy(() => import("../pages/route-versions")),
    needs: "READ",
  },
  {
    path: "lines",
    title: ["Business lines", "业务方"],
    page: lazy(() => import("../pages/lines")),
    group: "setup",
    icon: <KeyOutlined />,
    needs: "READ",
  },
  {
    path: "jobs",
    title: ["Jobs", "任务"],
    page: lazy(() => import("../pages/jobs")),
    group: "machine",
    icon: <ScheduleOutlined />,
    needs: "READ",
  },
  {
    path: "invariants",
    title: ["Invariants", "不变量"],
    page: lazy(() => import("../pages/invariants")),
    group: "machine",
    icon: <SafetyOutlined />,
    needs: "READ",
  },
  {
    path: "system",
    title: ["System", "系统"],
    page: lazy(() => import("../pages/system")),
    group: "machine",
    icon: <SettingOutlined />,
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

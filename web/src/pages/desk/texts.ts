import { texts } from "../../text";

export const said = texts({
  title: ["Exception desk", "差错处理"],
  cases: ["Cases", "差错"],
  unknown: ["Unknown results", "结果未知"],
  status: ["Status", "状态"],
  open: ["Open", "待处理"],
  closed: ["Closed", "已结案"],
  everything: ["Open and closed", "全部状态"],
  kind: ["Kind", "类型"],
  allKinds: ["All kinds", "全部类型"],
  owner: ["Owner", "处理人"],
  nobody: ["nobody yet", "待认领"],
  you: ["you", "我"],
  payment: ["Payment", "支付单"],
  amount: ["Amount", "金额"],
  age: ["Open for", "待处理时长"],
  opened: ["Opened", "发现时间"],
  suggested: ["Suggested", "建议处理"],
  byKind: ["Open cases by kind", "待处理差错分类"],
  none: [
    "No case is open: nothing waits for a person.",
    "没有待处理的差错。",
  ],
});

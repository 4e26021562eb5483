import { texts } from "../../text";

export const said = texts({
  title: ["Invariants", "不变量"],
  about: [
    "What must always hold. A round looks at the newest payments and whatever is open; what it finds is a case at the desk.",
    "必须始终成立的约束。每轮检查近期支付与所有未完结项；发现问题即在差错处理中建案。",
  ],
  HOLDS: ["Holds", "成立"],
  VIOLATED: ["Violated", "被破坏"],
  UNANSWERED: ["No answer in time", "未及时得出"],
  NOT_ASKED: ["Not asked", "未检查"],
  ELSEWHERE: ["Shown elsewhere", "另行验证"],
  must: ["What must hold", "约束"],
  state: ["State", "状态"],
  found: ["Violations", "违反数"],
  at: ["Looked at", "检查时间"],
  cases: ["Cases", "差错"],
  all: ["All {n} hold.", "全部 {n} 项成立。"],
  those: ["{n} hold.", "{n} 项成立。"],
  unknown: [
    "Without an answer: {n}. Whether these hold is not known.",
    "{n} 项未得出结果，尚不能确认是否成立。",
  ],
  some: ["Violated: {n}. Their cases are at the desk.", "{n} 项被破坏，详见差错处理。"],
  none: ["No round has ended yet.", "尚未完成任何一轮检查。"],
  run: ["Audit now", "立即检查"],
  runWill: [
    "The payments of the last {span} and whatever is still open are looked at, in one read-only snapshot: no payment waits for it. It may take minutes; what it finds is shown here. Older payments that have ended are not looked at.",
    "在只读快照中检查最近 {span} 的支付及所有未完结项，不影响支付处理；可能需要数分钟，结果显示在本页。更早且已完结的支付不在检查之列。",
  ],
  this: ["This audit", "本次检查"],
});

import { texts } from "../../text";

export const said = texts({
  title: ["Audit log", "审计日志"],
  seq: ["No.", "序号"],
  at: ["Time", "时间"],
  operator: ["Operator", "操作员"],
  act: ["Act", "操作"],
  subject: ["Subject", "对象"],
  why: ["Why", "原因"],
  detail: ["Detail", "详情"],
  hash: ["Hash", "哈希"],
  head: ["Last hash; keep it elsewhere to know later that nothing was cut off:", "末尾哈希，请另存以便日后核对未被截断："],
  verify: ["Verify the chain", "校验链"],
  verifyHint: [
    "Every entry is hashed anew, from the first on",
    "从第一条起重新计算全部哈希",
  ],
  intact: ["All {n} entries are as they were written.", "全部 {n} 条记录完整无改动。"],
  broken: [
    "The chain is broken at entry {n}: something was changed behind our back.",
    "链在第 {n} 条处断裂：数据曾被绕过系统修改。",
  ],
});

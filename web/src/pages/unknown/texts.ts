import { texts } from "../../text";

export const said = texts({
  about: [
    "Payments that have no last word yet. Their channels are asked by schedule until there is one; an enquiry now only asks sooner. Nothing is ever charged again.",
    "尚无最终结果的支付。系统会按计划自动查单直至得到结果；立即查单只是提前查询，绝不会重复扣款。",
  ],
  age: ["Open for", "未决时长"],
  amount: ["Amount", "金额"],
  payment: ["Payment", "支付单"],
  type: ["Type", "方式"],
  order: ["Order", "业务单"],
  channel: ["Channel", "渠道"],
  code: ["Last word", "最近应答"],
  held: ["For a person", "待人工"],
  line: ["Business line", "业务方"],
  enquire: ["Ask now", "立即查单"],
  enquireWill: [
    "The channel is asked at once what became of {no}. Nothing is charged: the answer is taken as any enquiry's.",
    "立即向渠道查询 {no} 的结果。不会发起扣款，答复按正常查单处理。",
  ],
  none: ["Every payment has its last word.", "所有支付均有最终结果。"],
  acts: ["Acts", "操作"],
});

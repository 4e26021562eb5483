import { texts } from "../../text";

export const said = texts({
  about: [
    "Money was asked for or given back, and nobody knows yet what became of it. The channels are asked by schedule until they say; an enquiry now only asks sooner. Nothing is ever charged again.",
    "已发起扣款或退款但尚不知结果。系统会按计划自动查单直至得到结果；立即查单只是提前查询，绝不会重复扣款。",
  ],
  payments: ["Payments", "支付"],
  refunds: ["Refunds", "退款"],
  age: ["Unknown for", "未知时长"],
  amount: ["Amount", "金额"],
  payment: ["Payment", "支付单"],
  refund: ["Refund", "退款单"],
  type: ["Type", "方式"],
  order: ["Order", "业务单"],
  outNo: ["Line's number", "业务退款号"],
  channel: ["Channel", "渠道"],
  code: ["Last word", "最近应答"],
  held: ["For a person", "待人工"],
  line: ["Business line", "业务方"],
  enquire: ["Ask now", "立即查单"],
  enquireWill: [
    "The channel is asked at once what became of {no}. Nothing is charged: the answer is taken as any enquiry's.",
    "立即向渠道查询 {no} 的结果。不会发起扣款，答复按正常查单处理。",
  ],
  none: ["The result of every payment is known.", "没有结果未知的支付。"],
  noRefunds: ["The result of every refund is known.", "没有结果未知的退款。"],
  acts: ["Acts", "操作"],
});

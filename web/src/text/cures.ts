// What a person may do about a case (docs/desk.md).
import type { Text } from "./index";

export const cures: Record<string, { name: Text; about: Text }> = {
  ENQUIRE: {
    name: ["Ask the channel now", "立即查单"],
    about: [
      "Out of turn; the case stays open until the channel has said its word.",
      "不等排期立即查询；渠道答复前差错保持待处理。",
    ],
  },
  RENOTIFY: {
    name: ["Send the notice again", "重发通知"],
    about: ["The same notice, with the same id.", "重发同一通知，编号不变。"],
  },
  REFUND: {
    name: ["Give the money back", "原路退回"],
    about: [
      "By the leg that took it; the case is closed when the channel says that it went back.",
      "由原扣款渠道退回；渠道确认退款后结案。",
    ],
  },
  ADJUST: {
    name: ["Move it to the business line", "调账至业务方"],
    about: [
      "What is parked leaves suspense, to the business line's account.",
      "将挂账金额转入业务方账户。",
    ],
  },
  WRITE_OFF: {
    name: ["Write it off", "计入差错损益"],
    about: [
      "What is parked leaves suspense, as our loss or gain.",
      "将挂账金额计为我方损益。",
    ],
  },
  RELEASE: {
    name: ["Undo the parking", "解除挂账"],
    about: [
      "The statement was corrected, or our books have caught up.",
      "对账文件已更正，或我方账务已补齐。",
    ],
  },
  NOTE: {
    name: ["Close with a note", "备注结案"],
    about: [
      "It was settled elsewhere, or needs nothing. Nothing else is done.",
      "已在别处解决或无需处理；不做其他操作。",
    ],
  },
  ADOPT: {
    name: ["Write the charge down again", "补记支付"],
    about: [
      "A leg that a restore made us forget is asked after; the payment goes by what its channel says.",
      "补记恢复后遗失的交易并查单，以渠道结果为准。",
    ],
  },
  CLOSE: {
    name: ["Let the order end", "关闭订单"],
    about: [
      "Nothing begins any more, and it closes at its time. What was taken is not given back by us.",
      "不再发起任何交易，到期关闭；已扣资金不由系统退回。",
    ],
  },
  FORCE_NOT_TAKEN: {
    name: ["Write down: no money taken", "强制认定未扣款"],
    about: [
      "By two people's word, where the channel will never say. The payment fails.",
      "渠道永远无法答复时，由两人确认；支付置为失败。",
    ],
  },
  FORCE_NOT_REFUNDED: {
    name: ["Write down: nothing given back", "强制认定未退款"],
    about: [
      "By two people's word, where the channel will never say. The refund fails.",
      "渠道永远无法答复时，由两人确认；退款置为失败。",
    ],
  },
};

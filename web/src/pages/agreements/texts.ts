import { texts } from "../../text";

export const said = texts({
  title: ["Agreements", "协议"],
  q: ["Card or signing number, or last four digits", "卡号标识、签约号或尾号四位"],
  state: ["State", "状态"],
  channel: ["Channel", "渠道"],
  card: ["Card", "银行卡"],
  payments: ["Payments with such a card", "该尾号的支付单"],
  phone: ["Phone", "手机号"],
  line: ["Business line", "业务方"],
  use: ["For", "用途"],
  limits: ["Limit, each / a day", "单笔 / 单日限额"],
  noLimit: ["none", "无"],
  since: ["Since", "起始"],
  until: ["Until", "截止"],
  signing: ["Signing", "签约号"],
  registered: ["with the card", "随卡登记"],
  none: ["No card has an agreement yet.", "尚无协议。"],
});

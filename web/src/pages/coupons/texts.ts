import { texts } from "../../text";

export const said = texts({
  title: ["Coupons", "优惠券"],
  q: ["Coupon or payment number", "券号或支付单号"],
  state: ["State", "状态"],
  coupon: ["Coupon", "优惠券"],
  line: ["Business line", "业务方"],
  amount: ["Worth", "面额"],
  holder: ["Held by", "占用订单"],
  used: ["Used", "使用时间"],
  until: ["Good until", "有效期至"],
  where: ["Kept", "归属"],
  here: ["here", "本系统"],
  elsewhere: ["elsewhere", "外部系统"],
  last: ["Last word", "最近应答"],
  none: ["There is no coupon yet.", "尚无优惠券。"],
});

import { texts } from "../../text";

export const said = texts({
  line: ["Business line", "业务方"],
  url: ["Address", "地址"],
  state: ["State", "状态"],
  on: ["On", "启用"],
  off: ["Off", "停用"],
  switchOff: ["Switch off", "停用"],
  switchOffWill: [
    "Nothing is sent to {url} from now on. Its notices are parked, and can be sent again once it is on.",
    "立即停止向 {url} 发送；通知将搁置，启用后可重发。",
  ],
  switchOn: ["Switch on", "启用"],
  switchOnWill: [
    "Notices are sent to {url} again. What was parked stays so until it is sent again.",
    "恢复向 {url} 发送；已搁置的通知须手动重发。",
  ],
  rotate: ["New secret", "更换密钥"],
  rotateWill: [
    "A new secret is made and shown once. Every notice is signed with it and with the one before it, so that the line can change over without a gap; an older one than that ends now.",
    "生成新密钥并仅显示一次。通知同时以新密钥和上一把密钥签名，便于业务方平滑切换；更早的密钥立即失效。",
  ],
  secret: ["New secret", "新密钥"],
  secretHint: [
    "Give it to the business line by a way that you trust. The old one ends {until}.",
    "请通过可信渠道交给业务方。旧密钥失效时间：{until}。",
  ],
  secretHintNext: [
    "Give it to the business line by a way that you trust. The old one signs as well until the next is made: then make another, once the line has taken this one.",
    "请通过可信渠道交给业务方。旧密钥将同时签名至下一次更换；待业务方切换后再更换一次即可作废旧密钥。",
  ],
  none: ["No line has an end point yet.", "尚无通知地址。"],
  acts: ["Acts", "操作"],
});

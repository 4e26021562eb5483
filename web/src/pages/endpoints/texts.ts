import { texts } from "../../text";

export const said = texts({
  line: ["Business line", "业务方"],
  url: ["Address", "地址"],
  state: ["State", "状态"],
  on: ["On", "启用"],
  off: ["Off", "停用"],
  secrets: ["Secrets in force", "有效密钥"],
  parked: ["Waiting", "待发"],
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
    "A new secret is made and shown once. Until the old one ends, every notice is signed with both: give the line time to take the new one.",
    "生成新密钥并仅显示一次。旧密钥失效前，通知同时以两把密钥签名，请通知业务方在此期间切换。",
  ],
  secret: ["New secret", "新密钥"],
  secretHint: [
    "Give it to the business line by a way that you trust. The old one ends {until}.",
    "请通过可信渠道交给业务方。旧密钥失效时间：{until}。",
  ],
  none: ["No line has an end point yet.", "尚无通知地址。"],
  acts: ["Acts", "操作"],
});

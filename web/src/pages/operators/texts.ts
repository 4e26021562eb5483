import { texts } from "../../text";

export const said = texts({
  title: ["Operators", "操作员"],
  name: ["Name", "用户名"],
  nameHint: [
    "a–z, 0–9 and . _ @ -, up to 64; it is kept with all that they do",
    "小写字母、数字及 . _ @ -，最多 64 位；将记录在其全部操作中",
  ],
  role: ["Role", "角色"],
  chooseRole: ["Choose a role", "请选择角色"],
  state: ["State", "状态"],
  active: ["Active", "有效"],
  awaited: ["Invited", "待注册"],
  revoked: ["Revoked", "已撤销"],
  seen: ["Last seen", "最近活动"],
  since: ["Since", "创建时间"],
  until: ["Revoked", "撤销时间"],
  acts: ["Acts", "操作"],
  invite: ["Invite somebody", "邀请操作员"],
  inviteWill: [
    "An operator is made, and an invitation is shown once. It is good once, for 24 hours; with it they choose a password and set up an authenticator.",
    "将创建操作员，并显示一次邀请链接（仅可使用一次，24 小时内有效）。对方凭此设置密码并绑定验证器。",
  ],
  invitation: ["Invitation", "邀请链接"],
  invitationHint: [
    "Give it to them by a way that you trust. Whoever opens it first is that operator.",
    "请通过可信渠道转交。最先打开链接的人即成为该操作员。",
  ],
  renew: ["New invitation", "重新邀请"],
  renewWill: [
    "Password and authenticator of {name} are good for nothing from now on; all sessions end. They begin anew with an invitation that is shown once.",
    "{name} 的密码和验证器立即失效，所有会话结束，须凭新的邀请重新注册（链接仅显示一次）。",
  ],
  revoke: ["Revoke", "撤销"],
  revokeWill: [
    "{name} is refused from now on, and all sessions end. What they did stays under their name. This cannot be undone; the name may be invited anew.",
    "{name} 将立即被拒绝访问，所有会话结束；其历史操作仍保留。此操作不可撤回，但可用同名重新邀请。",
  ],
  viewer: ["reads everything", "查看全部数据"],
  operator: ["acts on payments, notices and jobs", "处理支付、通知与任务"],
  approver: ["also approves at the desk", "另可审批差错处理"],
  admin: ["also changes routes, channels and operators", "另可修改路由、渠道与操作员"],
});

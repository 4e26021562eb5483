// What operators do, by the call's name: as the audit log and the time axis show it.
import type { Text } from "./index";

export const acts: Record<string, Text> = {
  logIn: ["Logged in", "登录"],
  logInRefused: ["Log-in refused", "登录被拒"],
  logOut: ["Logged out", "退出登录"],
  changePassword: ["Changed the password", "修改密码"],
  beginEnrolment: ["Began to enrol", "开始注册"],
  enrol: ["Enrolled", "完成注册"],
  addOperator: ["Added an operator", "添加操作员"],
  inviteOperator: ["Invited an operator", "邀请操作员"],
  inviteOperatorAgain: ["Invited an operator anew", "重新邀请操作员"],
  revokeOperator: ["Revoked an operator", "撤销操作员"],
  closeConsolePayment: ["Closed a payment", "关闭支付单"],
  enquireConsolePayment: ["Asked the channel", "向渠道查单"],
  notifyConsolePayment: ["Told the line again", "重发通知"],
  takeCase: ["Took a case", "领取差错"],
  previewCure: ["Previewed a cure", "预览处理方案"],
  approveCure: ["Approved a cure", "审批处理方案"],
  executeCure: ["Executed a cure", "执行处理方案"],
};

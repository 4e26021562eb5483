// What many pages say, and the names of what the API names.
import { texts, type Text } from "./index";

export const words = texts({
  why: ["Why", "原因"],
  whyHint: ["For whoever reads the audit log", "供查阅审计日志的人"],
  cancel: ["Cancel", "取消"],
  close: ["Close", "关闭"],
  done: ["Done", "完成"],
  more: ["Load more", "加载更多"],
  all: ["All", "全部"],
  clear: ["Clear", "清除"],
  filters: ["Filters", "筛选"],
  search: ["Search", "搜索"],
  from: ["From", "起始"],
  to: ["To", "截止"],
  nothing: ["Nothing here", "暂无数据"],
  nothingFits: ["Nothing fits these filters", "没有符合条件的数据"],
  again: ["Try again", "重试"],
  refresh: ["Refresh", "刷新"],
  copy: ["Copy", "复制"],
  copied: ["Copied", "已复制"],
  saved: ["I have kept it", "我已保存"],
  shownOnce: [
    "Shown this once: it cannot be looked up again.",
    "仅显示这一次，之后无法再次查看。",
  ],
  notAllowed: ["Your role may not do this.", "您的角色无权执行此操作。"],
  noAnswer: [
    "No answer came. It is not known whether anything was done: look before you try again.",
    "未收到响应，无法确定操作是否已执行，请先核实再重试。",
  ],
  noAnswerRead: ["No answer came from the server.", "服务器无响应。"],
  strangeAnswer: [
    "The answer was not one of paycore's.",
    "收到的响应并非来自 paycore。",
  ],
  cardNumber: [
    "This looks like a card number, which is never searched for: take its last four digits.",
    "这像是完整卡号，不能用于搜索；请使用卡号后四位。",
  ],
  loading: ["Loading", "加载中"],
  yes: ["Yes", "是"],
  no: ["No", "否"],
  ago: ["{t} ago", "{t}前"],
  seconds: ["{n} s", "{n} 秒"],
  minutes: ["{n} min", "{n} 分"],
  hours: ["{n} h", "{n} 小时"],
  days: ["{n} d", "{n} 天"],
});

export type Tone = "good" | "bad" | "busy" | "warn" | "calm";

/** A code of the API as people call it, and how it looks. */
export const statuses: Record<string, { text: Text; tone: Tone }> = {
  SUCCESS: { text: ["Succeeded", "成功"], tone: "good" },
  SUCCEEDED: { text: ["Succeeded", "成功"], tone: "good" },
  FAIL: { text: ["Failed", "失败"], tone: "bad" },
  FAILED: { text: ["Failed", "失败"], tone: "bad" },
  DECLINED: { text: ["Declined", "已拒绝"], tone: "bad" },
  DOING: { text: ["In progress", "处理中"], tone: "busy" },
  CLOSED: { text: ["Closed", "已关闭"], tone: "calm" },
  UNKNOWN: { text: ["Unknown", "结果未知"], tone: "warn" },
  PENDING: { text: ["Pending", "待定"], tone: "busy" },
  NOT_VERIFIED: { text: ["Not verified", "未验证"], tone: "calm" },
  PASS: { text: ["Code passed", "验证通过"], tone: "good" },
  WRONG: { text: ["Wrong code", "验证码错误"], tone: "bad" },
  EXPIRED: { text: ["Expired", "已过期"], tone: "calm" },
  LOCKED: { text: ["Locked", "已锁定"], tone: "warn" },
  DELIVERED: { text: ["Delivered", "已送达"], tone: "good" },
  WAITING: { text: ["Waiting", "等待中"], tone: "busy" },
  OPEN: { text: ["Open", "待处理"], tone: "warn" },
  SETTLED: { text: ["Settled", "已解决"], tone: "good" },
  ACTIVE: { text: ["Active", "有效"], tone: "good" },
  REVOKED: { text: ["Revoked", "已撤销"], tone: "calm" },
  ENABLED: { text: ["On", "启用"], tone: "good" },
  DISABLED: { text: ["Off", "停用"], tone: "calm" },
};

export const names: Record<string, Text> = {
  QUICK_PAY: ["Quick pay", "快捷支付"],
  DEDUCT: ["Deduct", "代扣"],
  BATCH_DEDUCT: ["Batch deduct", "批扣"],
  SEND_CODE: ["Send code", "发送短信"],
  CONFIRM: ["Confirm", "短信确认"],
  ENQUIRE: ["Enquiry", "查单"],
  REFUND: ["Refund", "退款"],
  CLOSE: ["Close", "关闭"],
  REVERSE: ["Reversal", "冲正"],
  viewer: ["Viewer", "只读"],
  operator: ["Operator", "操作员"],
  approver: ["Approver", "审批员"],
  admin: ["Administrator", "管理员"],
};

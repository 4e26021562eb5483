import { texts, type Text } from "../../text";

export const said = texts({
  title: ["Jobs", "任务"],
  job: ["Job", "任务"],
  state: ["State", "状态"],
  last: ["Last run", "最近运行"],
  next: ["Next run", "下次运行"],
  result: ["What came of it", "结果"],
  tries: ["{n} ×, tried again", "{n} 次，将重试"],
  done: ["Done", "已完成"],
  failed: ["Failed", "失败"],
  waits: ["Under way", "进行中"],
  never: ["Never ran", "从未运行"],
  run: ["Run now", "立即运行"],
  this: ["This run", "本次运行"],
  runWill: [
    "{job} is due at once, at whichever node is first; it runs once. What it has done already it leaves as it is.",
    "{job} 立即到期，由最先取得的节点运行一次；已完成的部分不会重复处理。",
  ],
  forDay: ["Of which day", "处理日期"],
  forDayHint: ["Empty: what is due", "留空：处理到期的内容"],
  acts: ["Acts", "操作"],
});

export const about: Record<string, Text> = {
  statements: [
    "Fetches the channels' statements and compares them",
    "获取渠道对账文件并核对",
  ],
  cutoff: ["Cuts off the books of a day", "账务日切"],
  channels: ["Reads what the channels say of themselves", "更新渠道信息"],
  retention: ["Takes away what is older than it is kept", "清理超过保存期的数据"],
  partitions: ["Makes tables for the time to come", "预建数据分区"],
};

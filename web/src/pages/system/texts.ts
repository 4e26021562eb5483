import { texts } from "../../text";

export const said = texts({
  title: ["System", "系统"],
  version: ["Version", "版本"],
  database: ["Database", "数据库"],
  size: ["Size", "大小"],
  migrations: ["Migrations", "迁移"],
  nodes: ["Nodes", "节点"],
  node: ["Node", "节点"],
  life: ["Life", "生命序号"],
  since: ["Since", "启动时间"],
  beat: ["Last heard", "最近心跳"],
  state: ["State", "状态"],
  alive: ["Alive", "存活"],
  gone: ["Gone", "已离线"],
  settings: ["Settings", "配置"],
  name: ["Setting", "配置项"],
  value: ["Value, secrets masked", "值（密钥已隐藏）"],
  from: ["From", "来源"],
  search: ["Find a setting", "查找配置项"],
  only: ["Only those that were set", "仅显示已修改"],
  none: ["No setting is called so", "没有匹配的配置项"],
});

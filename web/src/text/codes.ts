// More statuses of the API's: those of the desk, notices, books, channels and jobs.
import type { Text } from "./index";
import type { Tone } from "./words";

export const codes: Record<string, { text: Text; tone: Tone }> = {
  PREVIEWED: { text: ["Previewed", "已预览"], tone: "busy" },
  EXECUTED: { text: ["Under way", "执行中"], tone: "busy" },
  DONE: { text: ["Done", "已完成"], tone: "good" },
  PARKED: { text: ["Parked", "已搁置"], tone: "warn" },
  AWAITED: { text: ["Awaited", "待到"], tone: "busy" },
  KEPT: { text: ["Not compared yet", "待核对"], tone: "busy" },
  BROKEN: { text: ["File no good", "文件异常"], tone: "bad" },
  RECONCILED: { text: ["Compared", "已核对"], tone: "good" },
  REVOKING: { text: ["Ending", "解约中"], tone: "busy" },
  REFUSED: { text: ["Refused", "已拒绝"], tone: "bad" },
  AVAILABLE: { text: ["Available", "可用"], tone: "good" },
  USED: { text: ["Used", "已使用"], tone: "calm" },
  NAMED: { text: ["Named", "已指定"], tone: "calm" },
  ASKED: { text: ["Asked for", "请求中"], tone: "busy" },
  USING: { text: ["Being used", "核销中"], tone: "busy" },
  FREEING: { text: ["Being freed", "释放中"], tone: "busy" },
  FREED: { text: ["Freed", "已释放"], tone: "calm" },
  CLOSED_BREAKER: { text: ["Calls go through", "正常"], tone: "good" },
  HALF_OPEN: { text: ["Trying", "试探中"], tone: "warn" },
  OPEN_BREAKER: { text: ["Cut off", "已熔断"], tone: "bad" },
  RUNNING: { text: ["Running", "运行中"], tone: "busy" },
  HELD: { text: ["Holds", "成立"], tone: "good" },
  VIOLATED: { text: ["Violated", "被破坏"], tone: "bad" },
  NEVER: { text: ["Never ran", "从未运行"], tone: "calm" },
};

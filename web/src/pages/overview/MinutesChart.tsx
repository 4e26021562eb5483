// The last hour, a bar a minute: what succeeded and what failed, and on it what was
// converted.
import { useMemo } from "react";

import { moves, useTheme } from "../../app/theme";
import { Chart } from "../../parts/Chart";
import { useText } from "../../text";
import { said } from "./texts";
import type { Minute } from "./types";

export const COLOURS = {
  light: { good: "#2f9e77", bad: "#e0623d", converted: "#3347d4", ink: "#5f667a", line: "#e6e9ef" },
  dark: { good: "#2fb585", bad: "#f2764f", converted: "#9fadff", ink: "#9da5b5", line: "#252b37" },
} as const;

export default function MinutesChart({ minutes }: { minutes: Minute[] }) {
  const { mode } = useTheme();
  const t = useText();
  const sum = (of: (minute: Minute) => number) =>
    minutes.reduce((all, minute) => all + of(minute), 0);

  const option = useMemo(() => {
    const colours = COLOURS[mode];
    const clock = (at: string) => {
      const time = new Date(at);
      const two = (n: number) => String(n).padStart(2, "0");
      return `${two(time.getHours())}:${two(time.getMinutes())}`;
    };
    const axis = { axisLine: { show: false }, axisTick: { show: false } };
    const label = { color: colours.ink, fontSize: 11 };
    return {
      animation: moves(),
      animationDuration: 300,
      grid: { left: 0, right: 8, top: 12, bottom: 0, outerBoundsMode: "same" as const },
      tooltip: {
        trigger: "axis" as const,
        axisPointer: { type: "shadow" as const },
        backgroundColor: mode === "dark" ? "#1b202b" : "#fff",
        borderColor: colours.line,
        textStyle: { color: mode === "dark" ? "#e6e9f0" : "#1a1f36", fontSize: 12 },
      },
      xAxis: {
        type: "category" as const,
        data: minutes.map(({ at }) => clock(at)),
        ...axis,
        axisLabel: { ...label, interval: 9, showMinLabel: true },
      },
      yAxis: {
        type: "value" as const,
        minInterval: 1,
        splitNumber: 4,
        axisLabel: label,
        splitLine: { lineStyle: { color: colours.line } },
      },
      series: [
        {
          name: t(said.succeeded),
          type: "bar" as const,
          stack: "ended",
          barCategoryGap: "25%",
          itemStyle: { color: colours.good },
          data: minutes.map((minute) => minute.succeeded),
        },
        {
          name: t(said.failed),
          type: "bar" as const,
          stack: "ended",
          itemStyle: { color: colours.bad, borderRadius: [2, 2, 0, 0] },
          data: minutes.map((minute) => minute.failed),
        },
        {
          name: t(said.converted),
          type: "line" as const,
          symbol: "none",
          lineStyle: { width: 2, color: colours.converted },
          itemStyle: { color: colours.converted },
          data: minutes.map((minute) => minute.converted),
        },
      ],
    };
  }, [minutes, mode, t]);

  return (
    <Chart
      option={option}
      height="100%"
      label={t(said.chart, {
        good: sum((minute) => minute.succeeded),
        bad: sum((minute) => minute.failed),
        converted: sum((minute) => minute.converted),
      })}
    />
  );
}

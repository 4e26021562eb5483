// ECharts, with only what the console draws. A chart is a picture: what it says stands in
// words or numbers beside it, and its `label` says what it is.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, TooltipComponent } from "echarts/components";
import { init, use, type EChartsType } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

import { useTheme } from "../app/theme";

use([BarChart, LineChart, GridComponent, TooltipComponent, SVGRenderer]);

type Option = Parameters<EChartsType["setOption"]>[0];

export function Chart({ option, height, label }: {
  option: Option;
  height: number | string;
  label: string;
}) {
  const at = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const { mode } = useTheme();

  useEffect(() => {
    const box = at.current;
    if (!box) return undefined;
    const made = init(box, null, { renderer: "svg" });
    chart.current = made;
    const sized = new ResizeObserver(() => made.resize());
    sized.observe(box);
    return () => {
      sized.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, [mode]);

  useEffect(() => {
    chart.current?.setOption(option, { lazyUpdate: true });
  }, [option, mode]);

  return <div ref={at} role="img" aria-label={label} className="chart" style={{ height }} />;
}

// Light and dark: one set of colours for our own styles and for the widgets.
import { theme as antd, type ThemeConfig } from "antd";
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

export type Mode = "light" | "dark";

const KEPT_AS = "paycore.theme";

function first(): Mode {
  const kept = localStorage.getItem(KEPT_AS);
  if (kept === "light" || kept === "dark") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

interface Themed {
  mode: Mode;
  turn: (mode: Mode) => void;
}

const Theme = createContext<Themed>({ mode: "light", turn: () => undefined });

export function Themes({ children }: { children: ReactNode }) {
  const [mode, setMode] = useState<Mode>(first);
  useEffect(() => {
    document.documentElement.dataset.theme = mode;
  }, [mode]);
  const themed = useMemo(
    () => ({
      mode,
      turn(chosen: Mode) {
        localStorage.setItem(KEPT_AS, chosen);
        setMode(chosen);
      },
    }),
    [mode],
  );
  return <Theme value={themed}>{children}</Theme>;
}

export function useTheme(): Themed {
  return use(Theme);
}

export const FONT =
  '"Inter", system-ui, -apple-system, "Segoe UI", "PingFang SC", "Noto Sans CJK SC", "Microsoft YaHei", sans-serif';

const SHARED = {
  fontFamily: FONT,
  fontSize: 13,
  borderRadius: 6,
  controlHeight: 32,
  motionDurationMid: "0.12s",
  motionDurationSlow: "0.18s",
} as const;

// Greys are chosen for a contrast of 4.5 : 1 and more, placeholders too.
const LIGHT = {
  colorPrimary: "#3347d4",
  colorInfo: "#3347d4",
  colorLink: "#3347d4",
  colorSuccess: "#12805c",
  colorError: "#c4320a",
  colorWarning: "#a15c07",
  colorSuccessBg: "#e9f8f1",
  colorErrorBg: "#fdeee9",
  colorWarningBg: "#fdf3dc",
  colorWarningBorder: "#ecd39a",
  colorTextBase: "#1a1f36",
  colorText: "#1a1f36",
  colorTextSecondary: "#4f566b",
  colorTextTertiary: "#5f667a",
  colorTextQuaternary: "#697186",
  colorTextPlaceholder: "#697186",
  colorTextDescription: "#5f667a",
  colorBgLayout: "#f6f7f9",
  colorBorder: "#d5dae3",
  colorBorderSecondary: "#e6e9ef",
};

const DARK = {
  colorPrimary: "#8b9cff",
  colorInfo: "#8b9cff",
  colorLink: "#9fadff",
  colorSuccess: "#4cc79a",
  colorError: "#ff8a66",
  colorWarning: "#f0b455",
  colorBgBase: "#12151c",
  colorBgLayout: "#0d1016",
  colorBgContainer: "#151922",
  colorBgElevated: "#1b202b",
  colorText: "#e6e9f0",
  colorTextSecondary: "#b3bac8",
  colorTextTertiary: "#9da5b5",
  colorTextQuaternary: "#939bac",
  colorTextPlaceholder: "#939bac",
  colorTextDescription: "#9da5b5",
  colorBorder: "#333a49",
  colorBorderSecondary: "#252b37",
  colorTextLightSolid: "#10131a",
};

/** Whether things may grow and fade: what grows moves away from under an early press. */
export function moves(): boolean {
  return !matchMedia("(prefers-reduced-motion: reduce)").matches;
}

export function widgets(mode: Mode): ThemeConfig {
  const dark = mode === "dark";
  return {
    algorithm: dark ? antd.darkAlgorithm : antd.defaultAlgorithm,
    token: { ...SHARED, ...(dark ? DARK : LIGHT), motion: moves() },
    components: {
      Table: {
        cellPaddingBlockSM: 7,
        cellPaddingInlineSM: 12,
        headerBg: "transparent",
        headerColor: dark ? DARK.colorTextTertiary : LIGHT.colorTextTertiary,
        headerSplitColor: "transparent",
        cellFontSizeSM: 13,
      },
      Menu: {
        itemHeight: 32,
        itemBorderRadius: 6,
        itemMarginInline: 8,
        itemMarginBlock: 1,
        groupTitleFontSize: 11,
        activeBarBorderWidth: 0,
        itemSelectedBg: dark ? "#1e2440" : "#eef0fd",
        itemSelectedColor: dark ? "#b5c0ff" : LIGHT.colorPrimary,
      },
      Modal: { titleFontSize: 16 },
      // Its text is of the colour that is light on the primary one, in both modes.
      Tooltip: dark ? { colorBgSpotlight: "#e6e9f0" } : {},
      Form: { verticalLabelPadding: "0 0 4px", itemMarginBottom: 18, labelHeight: 22 },
    },
  };
}

// The language and the colours, wherever one is.
import { MoonOutlined, SunOutlined } from "@ant-design/icons";
import { Button } from "antd";

import { texts, useLanguage, useText } from "../text";
import { useTheme } from "./theme";

const said = texts({
  dark: ["Dark colours", "深色模式"],
  light: ["Light colours", "浅色模式"],
});

export function Switches() {
  const { language, speak } = useLanguage();
  const { mode, turn } = useTheme();
  const t = useText();
  return (
    <span className="switches">
      <Button
        type="text"
        size="small"
        lang={language === "zh" ? "en" : "zh-CN"}
        onClick={() => speak(language === "zh" ? "en" : "zh")}
      >
        {language === "zh" ? "English" : "中文"}
      </Button>
      <Button
        type="text"
        size="small"
        aria-label={t(mode === "dark" ? said.light : said.dark)}
        title={t(mode === "dark" ? said.light : said.dark)}
        icon={mode === "dark" ? <SunOutlined /> : <MoonOutlined />}
        onClick={() => turn(mode === "dark" ? "light" : "dark")}
      />
    </span>
  );
}

// Texts in both languages, side by side: a text with only one of them is no `Text`, so
// the compiler holds that both are complete. Each page has a table of its own.
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";

import { currentLanguage, keepLanguage, type Language } from "./language";

/** English, Chinese. `{name}` stands for a value. */
export type Text = readonly [en: string, zh: string];
export type Values = Record<string, string | number>;

export function texts<const T extends Record<string, Text>>(table: T): T {
  return table;
}

interface Speaking {
  language: Language;
  speak: (language: Language) => void;
}

const Speaks = createContext<Speaking>({ language: "en", speak: () => undefined });

export function Languages({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(currentLanguage);
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  const speaking = useMemo(
    () => ({
      language,
      speak(chosen: Language) {
        keepLanguage(chosen);
        setLanguage(chosen);
      },
    }),
    [language],
  );
  return <Speaks value={speaking}>{children}</Speaks>;
}

export function useLanguage(): Speaking {
  return use(Speaks);
}

export type Say = (text: Text, values?: Values) => string;

/** `t(table.key, {n: 3})`, or any text: in the language that is shown. */
export function useText(): Say {
  const { language } = use(Speaks);
  return useMemo(() => (text, values) => said(text, language, values), [language]);
}

export function said(text: Text, language: Language, values?: Values): string {
  const words = text[language === "zh" ? 1 : 0];
  return words.replace(/\{(\w+)\}/g, (whole, name: string) =>
    String(values?.[name] ?? whole),
  );
}

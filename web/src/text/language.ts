// Which language is shown: what was chosen, else the browser's.

export type Language = "en" | "zh";

const KEPT_AS = "paycore.language";

let current: Language = kept() ?? (navigator.language.startsWith("zh") ? "zh" : "en");

function kept(): Language | undefined {
  const value = localStorage.getItem(KEPT_AS);
  return value === "en" || value === "zh" ? value : undefined;
}

export function currentLanguage(): Language {
  return current;
}

export function keepLanguage(language: Language): void {
  current = language;
  localStorage.setItem(KEPT_AS, language);
}

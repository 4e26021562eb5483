// What a cure does, in the language of whoever reads it: a person says yes to this.
import { useCallback } from "react";

import { useLanguage } from "../../text";
import type { Cure } from "../desk/types";

export function useDoes(): (cure: Cure) => string {
  const { language } = useLanguage();
  return useCallback(
    (cure: Cure) => (language === "zh" && cure.does_zh) || cure.does,
    [language],
  );
}

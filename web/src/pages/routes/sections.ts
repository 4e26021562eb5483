import type { Section } from "../../parts/Sections";
import { said } from "./texts";

export const AT = "/v1/console/routes";

export const SECTIONS: readonly Section[] = [
  { to: "/routes", title: said.rules },
  { to: "/routes/try", title: said.trial },
  { to: "/routes/versions", title: said.versions },
];

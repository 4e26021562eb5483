// A button of an act. What may not be done stands there too, and says why: whoever looks
// for it learns who may, or what is missing.
import { Button, Tooltip, type ButtonProps } from "antd";

import type { Right } from "../api/types";
import { useMay } from "../app/session";
import { useText } from "../text";
import { words } from "../text/words";

interface Props extends Omit<ButtonProps, "disabled" | "title"> {
  needs: Right;
  /** Why it cannot be done now, whoever asks. */
  no?: string | false | null;
  /** What it does, where its word does not say enough. */
  hint?: string;
}

export function ActButton({ needs, no, hint, onClick, className = "", ...button }: Props) {
  const t = useText();
  const may = useMay();
  const reason = may(needs) ? no || undefined : t(words.notAllowed);
  // Not `disabled`: that could not be reached by a keyboard, nor its reason be heard.
  return (
    <Tooltip title={reason ?? hint}>
      <Button
        {...button}
        data-needs={needs}
        className={reason ? `${className} act-off` : className}
        danger={reason ? false : button.danger}
        type={reason && button.type === "primary" ? "default" : button.type}
        aria-disabled={reason !== undefined}
        aria-description={reason ?? hint}
        onClick={reason ? undefined : onClick}
      />
    </Tooltip>
  );
}

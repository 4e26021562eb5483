// Acts: what changes something, or asks a stranger, and must not be done twice.
import { call, newKey } from "./client";
import { problemOf, SHOWN_ONCE } from "./problem";

// Of acts that have no answer yet, by all that is sent. It outlives the dialog: whoever
// closes it and comes back asks for the same act, which is done once however often its
// answer is lost.
const unanswered = new Map<string, string>();

/** Do it under a key that stays the same until the answer came; then it is another act. */
export async function acted<T>(method: string, path: string, body: unknown): Promise<T> {
  const act = JSON.stringify([method, path, body]);
  const key = unanswered.get(act) ?? newKey();
  unanswered.set(act, key);
  try {
    const answer = await call<T>(method, path, { body, key });
    unanswered.delete(act);
    return answer;
  } catch (error) {
    // No other refusal says what came of a sending before it; under its key nothing is
    // kept, so that the key is good for another try.
    if (problemOf(error).code === SHOWN_ONCE) unanswered.delete(act);
    throw error;
  }
}

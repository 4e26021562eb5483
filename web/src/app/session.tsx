// Who is logged in. The cookie is the browser's own; the page only knows what it may.
import { useQueryClient } from "@tanstack/react-query";
import {
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useState,
  type ReactNode,
} from "react";

import { call, get, onSessionEnd } from "../api/client";
import { problemOf } from "../api/problem";
import type { Right, Session } from "../api/types";

const AT = "/console/session";

type State = "asking" | "out" | "ended" | "away" | Session;

interface Known {
  state: State;
  logIn: (who: { name: string; password: string; code: string }) => Promise<void>;
  logOut: () => Promise<void>;
  /** The same at once, where nobody asked for it. */
  end: () => void;
  ask: () => void;
}

const Knows = createContext<Known | null>(null);

export function Sessions({ children }: { children: ReactNode }) {
  const [state, setState] = useState<State>("asking");
  const answers = useQueryClient();

  const ask = useCallback(() => {
    setState("asking");
    get<Session>(AT).then(setState, (error) =>
      setState(problemOf(error).status === 401 ? "out" : "away"),
    );
  }, []);

  // Nothing of what one operator saw stays for the next.
  const left = useCallback(
    (to: "out" | "ended" | "away") => {
      answers.clear();
      setState(to);
    },
    [answers],
  );

  useEffect(ask, [ask]);
  useEffect(() => onSessionEnd(() => left("ended")), [left]);

  const logOut = useCallback(
    () =>
      call<void>("DELETE", AT, {}).then(
        () => left("out"),
        // Whose session is over already has left; else it may be good still.
        (error) => left(problemOf(error).status === 401 ? "out" : "away"),
      ),
    [left],
  );
  const end = useCallback(() => {
    // Whatever comes of it, what stood here is nobody's to read: a session that is not
    // asked for any more ends by itself.
    call<void>("DELETE", AT, {}).catch(() => undefined);
    left("ended");
  }, [left]);

  const known = useMemo<Known>(
    () => ({
      state,
      ask,
      async logIn(who) {
        setState(await call<Session>("POST", AT, { body: who }));
      },
      logOut,
      end,
    }),
    [state, ask, logOut, end],
  );
  return <Knows value={known}>{children}</Knows>;
}

export function useKnown(): Known {
  const known = use(Knows);
  if (known === null) throw new Error("no <Sessions> above");
  return known;
}

/** The session that every page inside the console has. */
export function useSession(): Session {
  const { state } = useKnown();
  if (typeof state === "string") throw new Error("not logged in");
  return state;
}

/** Whether the API would let us; it decides by itself, this only keeps menus honest. */
export function useMay(): (right: Right) => boolean {
  const session = useSession();
  return useCallback((right: Right) => session.may.includes(right), [session]);
}

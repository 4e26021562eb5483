// The frame of the pages in front of the log-in.
import type { ReactNode } from "react";

import { Switches } from "./Switches";

export function Outside({ title, hint, children }: {
  title: string;
  hint?: string;
  children: ReactNode;
}) {
  return (
    <div className="outside">
      <header className="outside-bar">
        <Mark />
        <Switches />
      </header>
      <main className="outside-card">
        <h1>{title}</h1>
        {hint && <p className="quiet">{hint}</p>}
        {children}
      </main>
    </div>
  );
}

export function Mark() {
  return (
    <span className="mark">
      <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#3347d4" />
        <path
          d="M9 24V8h8.5a5.5 5.5 0 0 1 0 11H13"
          fill="none"
          stroke="#fff"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
        <circle cx="22.5" cy="23" r="2" fill="#8fe3c0" />
      </svg>
      paycore
    </span>
  );
}

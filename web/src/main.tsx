import { createRoot } from "react-dom/client";

import { App } from "./app/App";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/parts.css";
import "./styles/lists.css";
import "./styles/sections.css";
import "./styles/narrow.css";

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);

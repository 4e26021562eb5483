// What surrounds every page: language, colours, the API's answers, who is logged in.
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { App as Messages, ConfigProvider } from "antd";
import enUS from "antd/locale/en_US";
import zhCN from "antd/locale/zh_CN";
import { useState } from "react";
import { BrowserRouter, Route, Routes } from "react-router";

import { problemOf } from "../api/problem";
import { Languages, useLanguage } from "../text";
import { Enrol } from "./Enrol";
import { Gate } from "./Gate";
import { Sessions } from "./session";
import { Themes, useTheme, widgets } from "./theme";

const RETRIES = 2;

function answers(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        gcTime: 60_000,
        // A refusal stays one; only what had no answer is worth another try.
        retry: (failed, error) =>
          failed < RETRIES && (problemOf(error).status === 0 || problemOf(error).status === 503),
      },
    },
  });
}

export function App() {
  const [client] = useState(answers);
  return (
    <Languages>
      <Themes>
        <QueryClientProvider client={client}>
          <Dressed />
        </QueryClientProvider>
      </Themes>
    </Languages>
  );
}

function Dressed() {
  const { language } = useLanguage();
  const { mode } = useTheme();
  return (
    <ConfigProvider
      locale={language === "zh" ? zhCN : enUS}
      theme={widgets(mode)}
      button={{ autoInsertSpace: false }}
      wave={{ disabled: true }}
    >
      <Messages>
        <BrowserRouter basename="/console">
          <Sessions>
            <Routes>
              <Route path="enrol" element={<Enrol />} />
              <Route path="*" element={<Gate />} />
            </Routes>
          </Sessions>
        </BrowserRouter>
      </Messages>
    </ConfigProvider>
  );
}

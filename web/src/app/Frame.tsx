// The console around a page: menu, search by any number, language, who is logged in.
import { LogoutOutlined, MenuOutlined, UserOutlined } from "@ant-design/icons";
import { Button, Drawer, Dropdown, Menu, Spin, type MenuProps } from "antd";
import { Suspense, useEffect, useMemo, useState } from "react";
import { Link, Route, Routes, useLocation, useNavigate } from "react-router";

import { Lost } from "../parts/Page";
import { texts, useText } from "../text";
import { names, words } from "../text/words";
import { ErrorBoundary } from "./ErrorBoundary";
import { Mark } from "./Outside";
import { useIdleEnd } from "./idle";
import { groups, pages, type Group } from "./pages";
import { QuickSearch } from "./QuickSearch";
import { useKnown, useMay, useSession } from "./session";
import { Switches } from "./Switches";

const said = texts({
  menu: ["Menu", "菜单"],
  skip: ["Skip to the page", "跳到正文"],
  account: ["Account", "账户"],
  password: ["Change password", "修改密码"],
  logOut: ["Log out", "退出登录"],
});

export function Frame() {
  useIdleEnd();
  const { pathname } = useLocation();
  const [open, setOpen] = useState(false);
  const t = useText();
  useEffect(() => setOpen(false), [pathname]);
  return (
    <div className="frame">
      <a className="skip" href="#page">
        {t(said.skip)}
      </a>
      <aside className="side">
        <Link to="/" className="side-mark">
          <Mark />
        </Link>
        <Navigation />
      </aside>
      <Drawer
        open={open}
        onClose={() => setOpen(false)}
        placement="left"
        size={248}
        title={<Mark />}
        styles={{ body: { padding: 0 } }}
      >
        <Navigation />
      </Drawer>
      <div className="body">
        <header className="bar">
          <Button
            className="bar-menu"
            type="text"
            aria-label={t(said.menu)}
            icon={<MenuOutlined />}
            onClick={() => setOpen(true)}
          />
          <QuickSearch />
          <span className="bar-end">
            <Switches />
            <Account />
          </span>
        </header>
        <main id="page" className="page" tabIndex={-1}>
          <ErrorBoundary at={pathname}>
            <Suspense fallback={<Wait />}>
              <Routes>
                {pages.map(({ path, page: Page }) => (
                  <Route key={path} path={path} element={<Page />} />
                ))}
                <Route path="*" element={<Lost />} />
              </Routes>
            </Suspense>
          </ErrorBoundary>
        </main>
      </div>
    </div>
  );
}

function Wait() {
  const t = useText();
  return (
    <div className="wait" role="status" aria-label={t(words.loading)}>
      <Spin delay={150} />
    </div>
  );
}

function Navigation() {
  const { pathname } = useLocation();
  const may = useMay();
  const t = useText();
  const items = useMemo<MenuProps["items"]>(
    () =>
      (Object.keys(groups) as Group[])
        .map((group) => ({
          key: group,
          type: "group" as const,
          label: t(groups[group]),
          children: pages
            .filter((entry) => entry.group === group && may(entry.needs))
            .map(({ path, title, icon }) => ({
              key: `/${path}`,
              icon,
              label: <Link to={`/${path}`}>{t(title)}</Link>,
            })),
        }))
        .filter((group) => group.children.length > 0),
    [may, t],
  );
  const at = `/${pathname.split("/")[1] ?? ""}`;
  return (
    <nav aria-label={t(said.menu)}>
      <Menu mode="inline" items={items} selectedKeys={[at]} className="menu" />
    </nav>
  );
}

function Account() {
  const { name, role } = useSession();
  const { logOut } = useKnown();
  const navigate = useNavigate();
  const t = useText();
  const menu: MenuProps = {
    items: [
      { key: "password", icon: <UserOutlined />, label: t(said.password) },
      { key: "out", icon: <LogoutOutlined />, label: t(said.logOut) },
    ],
    onClick: ({ key }) => (key === "out" ? void logOut() : void navigate("/password")),
  };
  const called = names[role];
  return (
    <Dropdown menu={menu} trigger={["click"]}>
      <Button type="text" size="small" className="who" title={t(said.account)}>
        <b>{name}</b>
        <span className="quiet who-role">{called ? t(called) : role}</span>
      </Button>
    </Dropdown>
  );
}

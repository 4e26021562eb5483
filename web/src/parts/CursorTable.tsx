// A list of the API's: a page at a time, by its cursor. It counts nothing: among ten
// million rows a number of pages would cost more than all that anybody reads.
import { useInfiniteQuery, type InfiniteData } from "@tanstack/react-query";
import { Button, Empty, Table, type TableProps } from "antd";
import type { MouseEvent, ReactNode } from "react";

import { get, type Query } from "../api/client";
import type { Listed } from "../api/types";
import { useLanguage, useText } from "../text";
import { timeText } from "../text/format";
import { words } from "../text/words";
import { ProblemNote } from "./ProblemNote";
import { useReachable } from "./reachable";

const LIMIT = 50;

export type Columns<T> = NonNullable<TableProps<T>["columns"]>;

interface Props<T> {
  /** Where the list is: `/v1/console/payments`. */
  path: string;
  query?: Query;
  columns: Columns<T>;
  rowKey: (row: T) => string;
  /** Of the table, for who hears it. */
  label: string;
  empty?: ReactNode;
  /** Asked for anew so often, and where its window comes to the front; not at all once
   * more than one page is shown: each page is a search of its own. */
  everyMs?: number;
  expandable?: TableProps<T>["expandable"];
  rowClassName?: (row: T) => string;
  /** What a click anywhere in a row opens; the row has a link to it, too. */
  open?: (row: T) => void;
}

export function CursorTable<T extends object>(props: Props<T>) {
  const { path, query = {}, everyMs } = props;
  const { language } = useLanguage();
  const t = useText();
  const box = useReachable(".ant-table-content");
  const list = useInfiniteQuery({
    queryKey: [path, query],
    queryFn: ({ pageParam, signal }) =>
      get<Listed<T>>(path, { limit: LIMIT, ...query, cursor: pageParam }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next,
    placeholderData: (before) => before,
    refetchInterval: (asked) => (everyMs && isShort(asked) ? everyMs : false),
    refetchOnWindowFocus: isShort,
    refetchOnReconnect: isShort,
  });
  if (list.isError && !list.data) {
    return <ProblemNote problem={list.error} reading again={() => void list.refetch()} />;
  }
  const searched = list.data?.pages.at(-1)?.searched_from;
  const filtered = Object.values(query).some(Boolean);
  return (
    <div className="list" ref={box}>
      <Table<T>
        size="small"
        aria-label={props.label}
        columns={props.columns}
        dataSource={list.data?.pages.flatMap((page) => page.items) ?? []}
        rowKey={props.rowKey}
        rowClassName={(row) =>
          `${props.open ? "opens" : ""} ${props.rowClassName?.(row) ?? ""}`
        }
        onRow={(row) => ({ onClick: (event) => openRow(event, () => props.open?.(row)) })}
        expandable={props.expandable}
        loading={{ spinning: list.isPending || list.isPlaceholderData, delay: 200 }}
        pagination={false}
        scroll={{ x: "max-content" }}
        locale={{
          emptyText: list.isPending ? (
            <div className="list-wait" />
          ) : (
            <Empty
              image={Empty.PRESENTED_IMAGE_SIMPLE}
              description={
                props.empty ??
                t(filtered || list.hasNextPage ? words.nothingFits : words.nothing)
              }
            />
          ),
        }}
      />
      {list.isError && <ProblemNote problem={list.error} reading />}
      {list.hasNextPage && (
        <div className="list-more">
          {searched && (
            <span className="quiet">
              {t(words.searchedFrom, { t: timeText(searched, language) })}
            </span>
          )}
          <Button
            loading={list.isFetchingNextPage}
            onClick={() => void list.fetchNextPage()}
          >
            {t(words.more)}
          </Button>
        </div>
      )}
    </div>
  );
}

function isShort({ state }: { state: { data?: InfiniteData<unknown> | undefined } }) {
  return (state.data?.pages.length ?? 0) <= 1;
}

/** Not where something in the row is clicked, or text is being selected. */
function openRow(event: MouseEvent, open: () => void) {
  const inside = (event.target as HTMLElement).closest("a, button, input");
  if (inside === null && String(getSelection()) === "") open();
}

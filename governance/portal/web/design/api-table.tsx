import { useState } from 'react';
import type { AnswerOf, Name, RequestOf } from '../api/client.ts';
import { EVERY, useApi } from '../api/hooks.ts';
import { Button } from './button.tsx';
import { EmptyState, Loaded } from './states.tsx';
import { type Column, Table } from './table.tsx';

/** Operations that answer with a page of items. */
export type ListName = {
  [K in Name]: AnswerOf<K> extends { items: readonly unknown[] } ? K : never;
}[Name];
export type ItemOf<K extends ListName> = AnswerOf<K> extends { items: readonly (infer T)[] } ? T : never;

interface Props<K extends ListName> {
  readonly operation: K;
  readonly request: RequestOf<K>;
  readonly label: string;
  readonly columns: readonly Column<ItemOf<K>>[];
  readonly keyOf: (row: ItemOf<K>) => string;
  /** What it means that there is nothing, and what to do about it. */
  readonly empty: string;
  readonly every?: number;
  readonly enabled?: boolean;
  /** Of one page. */
  readonly limit?: number;
}

/** A list of the API, page by page, kept fresh. Another request begins at its first page. */
export function ApiTable<K extends ListName>(props: Props<K>) {
  const {
    operation,
    request,
    label,
    columns,
    keyOf,
    empty,
    every = EVERY.list,
    enabled = true,
    limit,
  } = props;
  const about = JSON.stringify(request);
  // Where the pages begin that were looked at before this one, of this very list.
  const [visited, setVisited] = useState<Visited>({ about, cursors: [] });
  const cursors = visited.about === about ? visited.cursors : [];
  const setCursors = (next: readonly string[]) => setVisited({ about, cursors: next });
  const cursor = cursors.at(-1);
  const paged = withPage(request, { cursor, limit });
  const answer = useApi(operation, paged, { every, enabled });
  return (
    <Loaded of={answer} what={`Loading ${label.toLowerCase()}`}>
      {(page) => {
        // What ListName says of every operation, and the compiler cannot see of one that it does not know.
        const { items, next } = page as unknown as { items: readonly ItemOf<K>[]; next?: string };
        return (
          <>
            {items.length === 0 ? (
              <EmptyState title={empty} />
            ) : (
              <Table label={label} rows={items} columns={columns} keyOf={keyOf} />
            )}
            {(cursor !== undefined || next !== undefined) && (
              <nav className="pager" aria-label={`Pages of ${label.toLowerCase()}`}>
                <Button
                  icon="back"
                  denied={cursor === undefined ? 'This is the first page' : undefined}
                  onPress={() => setCursors(cursors.slice(0, -1))}
                >
                  Previous
                </Button>
                <span className="muted">Page {cursors.length + 1}</span>
                <Button
                  icon="next"
                  denied={next === undefined ? 'This is the last page' : undefined}
                  onPress={() => next !== undefined && setCursors([...cursors, next])}
                >
                  Next
                </Button>
              </nav>
            )}
          </>
        );
      }}
    </Loaded>
  );
}

interface Visited {
  readonly about: string;
  readonly cursors: readonly string[];
}

interface PageWish {
  readonly cursor: string | undefined;
  readonly limit: number | undefined;
}

function withPage<R extends object>(request: R, { cursor, limit }: PageWish): R {
  if (cursor === undefined && limit === undefined) return request;
  const before: unknown = Reflect.get(request, 'query');
  const query = { ...(typeof before === 'object' ? before : {}), cursor, limit };
  return { ...request, query };
}

import type { ReactNode } from 'react';

export interface Column<T> {
  readonly name: string;
  readonly cell: (row: T) => ReactNode;
  /** Figures, set to the right. */
  readonly figures?: boolean;
  /** Long names without a space, such as addresses and fingerprints: they may be broken anywhere. */
  readonly breaks?: boolean;
  /** Buttons: the heading is there for screen readers alone. */
  readonly actions?: boolean;
}

interface Props<T> {
  readonly label: string;
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
}

/**
 * On a narrow screen every row becomes a card with the names of the columns beside the values (table.css), which takes
 * the meaning of a table from the elements in some browsers: the roles give it back.
 */
export function Table<T>({ label, rows, columns, keyOf }: Props<T>) {
  return (
    // biome-ignore-start lint/a11y: what can be scrolled has to be reachable with the keyboard, and is no landmark
    <div className="table-frame" role="group" aria-label={`${label}, to scroll`} tabIndex={0}>
      {/* biome-ignore-end lint/a11y: see above */}
      {/* biome-ignore-start lint/a11y/noRedundantRoles: see above */}
      <table role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map(({ name, figures, actions }) => (
              <th
                key={name}
                role="columnheader"
                scope="col"
                className={figures === true ? 'figures' : undefined}
              >
                {actions === true ? <span className="sr-only">{name}</span> : name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row">
              {columns.map((column) => (
                <td
                  key={column.name}
                  role="cell"
                  className={classOf(column)}
                  data-label={column.actions === true ? undefined : column.name}
                >
                  {column.actions === true ? column.cell(row) : <div>{column.cell(row)}</div>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {/* biome-ignore-end lint/a11y/noRedundantRoles: see above */}
    </div>
  );
}

function classOf({ figures, breaks, actions }: Omit<Column<never>, 'cell' | 'name'>): string | undefined {
  if (figures === true) return 'figures';
  if (breaks === true) return 'breaks';
  return actions === true ? 'row-actions' : undefined;
}

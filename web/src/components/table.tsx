import { Button, Center } from "@mantine/core";
import type { Key, ReactNode } from "react";

export interface Column<T> {
  label: string;
  render: (row: T) => ReactNode;
  /** Figures stand at the end, under each other. */
  end?: boolean;
  /** What the row is about: its heading on a phone. */
  lead?: boolean;
  /** Without its label on a phone. */
  bare?: boolean;
}

interface TableProps<T> {
  /** What the table shows, for those who do not see it. */
  caption: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => Key;
  /** Fetches the next rows, where there are more. */
  more?: (() => void) | undefined;
  loading?: boolean;
}

/** A table; on a phone, a list of blocks. The roles keep it a table there, too. */
export function DataTable<T>({ caption, columns, rows, rowKey, more, loading }: TableProps<T>) {
  const kind = (column: Column<T>) => [column.end ? "end numeric" : "", column.lead ? "lead" : "", column.bare ? "bare" : ""].join(" ").trim() || undefined;
  return (
    <>
      <div className="table-room">
        <table className="table" role="table">
          <caption>{caption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map((column) => (
                <th key={column.label} role="columnheader" scope="col" className={column.end ? "end" : undefined}>{column.label}</th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((row) => (
              <tr key={rowKey(row)} role="row">
                {columns.map((column) => (
                  <td key={column.label} role="cell" data-label={column.label} className={kind(column)}><div className="value">{column.render(row)}</div></td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {more ? (
        <Center p="md">
          <Button variant="default" onClick={more} loading={loading ?? false}>Show more</Button>
        </Center>
      ) : null}
    </>
  );
}

/** Names and values under each other. */
export function Facts({ items }: { items: [string, ReactNode][] }) {
  return (
    <dl className="facts">
      {items.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

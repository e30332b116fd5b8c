/** Columns for people, aligned as docker and runc align theirs. */

const MIN_WIDTH = 12
const GAP = 3

/** @returns lines, the header first; the last column is not padded */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows]
  const widths = header.map((_, column) =>
    Math.max(MIN_WIDTH, ...lines.map(cells => (cells[column] ?? '').length + GAP)),
  )
  return lines
    .map(
      cells =>
        `${cells
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('')
          .trimEnd()}\n`,
    )
    .join('')
}

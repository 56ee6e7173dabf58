// A QR code as the path of an SVG: its policy lets the page draw, but load no picture that somebody else has made.

/** One square a dark module, joined along the rows. */
export function pathOf(rows: boolean[][]): string {
  return rows.map(rowPath).join('');
}

function rowPath(row: boolean[], y: number): string {
  let path = '';
  for (let x = 0; x < row.length; x += 1) {
    if (!row[x]) continue;
    const from = x;
    while (row[x + 1]) x += 1;
    path += `M${from} ${y}h${x - from + 1}v1h-${x - from + 1}z`;
  }
  return path;
}

// Rows as a table that spreadsheets read. Source of the form: RFC 4180.

export const csv = (rows) => rows.map((cells) => `${cells.map(quoted).join(",")}\r\n`).join("");

// The apostrophe keeps a spreadsheet from running what someone typed as a formula.
function quoted(cell) {
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

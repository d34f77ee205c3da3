// Whether a contender really does what its cell says, judged by what a short run left at the sink.

/** `{ observed, problems }`; `observed` are bytes an item before and after, and items a request at the sink. */
export function checkOf(cell, report, stats) {
  const { total, window } = report;
  if (total.accepted_items === 0) {
    return {
      observed: {},
      problems: [`accepted nothing (${JSON.stringify({ ...total.refused, failed: total.failed })})`],
    };
  }
  const observed = {
    bytes_per_item_in: window.body_bytes / window.items,
    bytes_per_item_out: stats.body_bytes / stats.items,
    wire_bytes_per_item_out: stats.wire_bytes / stats.items,
    items_per_request_out: stats.items / stats.requests,
    delivered_share: stats.items / total.accepted_items,
  };
  const problems = expectations(cell)
    .filter(({ holds }) => !holds(observed))
    .map(({ text }) => text);
  return { observed, problems };
}

const plainShareMin = 0.8;
const isPlain = (seen) => seen.wire_bytes_per_item_out > plainShareMin * seen.bytes_per_item_out;

/** By how many bytes an item grew. */
const change = (seen) => seen.bytes_per_item_out - seen.bytes_per_item_in;

function expectations(cell) {
  const kept = cell.step?.action === 'filter' ? 0.5 : 1;
  const list = [
    { text: `not ${kept * 100} % of the items arrived`, holds: (seen) => Math.abs(seen.delivered_share - kept) < 0.05 },
  ];
  const isJson = cell.encoding === 'json';
  if (cell.step?.action === 'insert') list.push({ text: 'nothing was inserted', holds: (seen) => change(seen) > 10 });
  if (cell.step?.action === 'rename') list.push({ text: 'nothing was renamed', holds: (seen) => change(seen) > 0.5 });
  if (cell.step?.action === 'delete') list.push({ text: 'nothing was deleted', holds: (seen) => change(seen) < -5 });
  if (cell.step === null && !isJson) {
    list.push({
      text: 'the size of items changed',
      holds: (seen) => Math.abs(change(seen)) < 0.1 * seen.bytes_per_item_in,
    });
  }
  if (cell.batch) list.push({ text: 'not batched', holds: (seen) => seen.items_per_request_out > 1.5 * cell.items });
  // A single record shrinks little, and headers weigh as much as it does; there, nothing can be told.
  if (cell.items === 1) return list;
  if (cell.compressionOut === 'none') list.push({ text: 'compressed', holds: isPlain });
  else list.push({ text: 'not compressed', holds: (seen) => !isPlain(seen) });
  return list;
}

// Reading callgrind's output: the total, and where the instructions went by function. Inlined code counts for the
// function it was inlined into, as people look for it there.

/** Instructions collected in all. */
export function totalOf(text) {
  const total = Number(/^(?:summary|totals): (\d+)/m.exec(text)?.[1] ?? NaN);
  if (!Number.isFinite(total)) throw new Error('no total in the output of callgrind');
  return total;
}

/**
 * Functions as `{ name, self, inclusive }`, instructions. A call of a function by itself, directly, adds nothing to its
 * inclusive count.
 */
export function functionsOf(text) {
  const names = new Map();
  const functions = new Map();
  let current = null;
  let callee = null;
  let callCost = false;
  const named = (reference) => {
    const [, id, name] = /^\((\d+)\)(?: (.*))?$/.exec(reference) ?? [null, reference, reference];
    if (name !== undefined) names.set(id, name.replace(/'\d+$/, ''));
    return names.get(id) ?? id;
  };
  const entry = (name) => {
    if (!functions.has(name)) functions.set(name, { name, self: 0, inclusive: 0 });
    return functions.get(name);
  };
  for (const line of text.split('\n')) {
    if (line.startsWith('fn=')) current = entry(named(line.slice(3)));
    else if (line.startsWith('cfn=')) callee = entry(named(line.slice(4)));
    else if (line.startsWith('calls=')) callCost = true;
    else if (current !== null && /^[\d+*-]/.test(line)) {
      const cost = Number(line.split(' ')[1] ?? 0);
      if (!callCost) {
        current.self += cost;
        current.inclusive += cost;
      } else if (callee !== current) current.inclusive += cost;
      callCost = false;
    }
  }
  return [...functions.values()];
}

/** The functions with most instructions by themselves and with what they call, as text, per request. */
export function profile(text, requests, rows = 25) {
  const total = totalOf(text);
  const functions = functionsOf(text);
  const table = (title, key) => {
    const sorted = functions.toSorted((a, b) => b[key] - a[key]).slice(0, rows);
    const lines = sorted.map((row) => {
      const share = ((row[key] / total) * 100).toFixed(1).padStart(5);
      return `${(row[key] / requests).toFixed(0).padStart(10)} ${share} %  ${row.name}`;
    });
    return [title, ...lines].join('\n');
  };
  return `${table('by itself', 'self')}\n\n${table('with what it calls', 'inclusive')}\n`;
}

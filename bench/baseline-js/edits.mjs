// Attribute edits and the filter on decoded objects: `insert`, `rename`, `delete`, `filter`.
import { recordListsOf, recordsOf } from './otlp.mjs';

const editors = {
  insert:
    ({ key, value }) =>
    ({ attributes }) => {
      if (!attributes.some((attribute) => attribute.key === key))
        attributes.push({ key, value: { stringValue: value } });
    },
  rename:
    ({ key, to }) =>
    ({ attributes }) => {
      const found = attributes.find((attribute) => attribute.key === key);
      if (found === undefined) return;
      if (attributes.some((attribute) => attribute.key === to)) attributes.splice(attributes.indexOf(found), 1);
      else found.key = to;
    },
  delete:
    ({ key }) =>
    ({ attributes }) => {
      const index = attributes.findIndex((attribute) => attribute.key === key);
      if (index >= 0) attributes.splice(index, 1);
    },
};

/** A function that applies `step` (`{action, key, value?, to?}`) to a decoded request; null changes nothing. */
export function compileStep(otlp, step) {
  if (step === null) return () => undefined;
  if (step.action === 'filter') return (request) => filter(otlp, request, step);
  const make = editors[step.action];
  if (make === undefined) throw new Error(`unknown action: ${step.action}`);
  const edit = make(step);
  return (request) => {
    for (const record of recordsOf(otlp, request)) edit(record);
  };
}

/** Drops the records whose attribute `key` is the text `value`. */
function filter(otlp, request, { key, value }) {
  const keep = ({ attributes }) => !attributes.some((each) => each.key === key && each.value?.stringValue === value);
  for (const { holder, key: list } of recordListsOf(otlp, request)) holder[list] = holder[list].filter(keep);
}

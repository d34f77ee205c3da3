/**
 * The code of docs/sdk.md, compiled against the package's types. What the exporters do is tested elsewhere.
 */
import { jest } from '@jest/globals';

import { blocksOf, compile, isCode } from '../support/documents.js';

jest.setTimeout(60_000);

test('the code compiles', async () => {
  const code = blocksOf('docs/sdk.md').filter(isCode);
  expect(code).not.toEqual([]);
  const packages = ['@opentelemetry'];
  expect(await compile(code, { packages, given: '', before: () => '' })).toBe('');
});

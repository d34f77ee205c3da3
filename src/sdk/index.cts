/**
 * The same names for `require`. What they are is in the ES modules, of which there is one instance either way.
 */

/** @ts-ignore -- resolution `node16` knows no `require` of an ES module, which all supported versions of Node have */
export * from './index.js';

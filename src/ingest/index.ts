/**
 * Handing a request over without a socket: what may be said of it, checked before it crosses the boundary.
 */
export { checkContext, type RequestContext, type RequestPriority } from './context.js';
export { checkIngest, type Compression, type IngestOptions } from './ingest.js';
